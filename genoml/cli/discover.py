"""``genoml discover``: motifs in contributions, what they are like, and their sites."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from genoml.cli.options import backend_option, examples, open_backend


@click.command(
    "discover",
    epilog=examples(
        "genoml discover contributions.npz --out motifs",
        "genoml discover contributions.npz --out motifs --motifs known.meme --h5 modisco.h5",
        "genoml discover contributions.npz --out motifs --motifs none --no-hits",
        "genoml discover part-*.npz --out motifs",
    ),
)
@click.argument("attributions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option(
    "--motifs",
    default=None,
    metavar="FILE|none",
    help="Known motifs that the page compares with (MEME, JASPAR, TRANSFAC, ...); JASPAR's vertebrates by default.",
)
@click.option("--hits/--no-hits", default=True, show_default=True, help="Find the sites of the motifs too.")
@click.option(
    "--least-correlation",
    default=0.7,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of a hit: cosine of its contributions and the motif's, at least.",
)
@click.option(
    "--h5", metavar="FILE", type=click.Path(path_type=Path), help="Also write the motifs as TF-MoDISco does."
)
@click.option(
    "--most-seqlets",
    default=20_000,
    show_default=True,
    type=click.IntRange(1),
    help="Of a sign; of more, a random sample is taken.",
)
@click.option(
    "--fdr",
    type=click.FloatRange(0, 1, min_open=True),
    help="False discovery rate of the seqlets (0.05), if ATTRIBUTIONS has a control.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Key of all randomness.")
@backend_option
def command(
    attributions: tuple[Path, ...],
    out: Path,
    motifs: str | None,
    hits: bool,
    least_correlation: float,
    h5: Path | None,
    most_seqlets: int,
    fdr: float | None,
    seed: int,
    backend_name: str | None,
) -> None:
    """Find motifs in ATTRIBUTIONS, an NPZ file that `genoml attribute` wrote, and write them into a new folder.

    Several files, those of all parts of `genoml attribute --shard`, are read as one, in the order in which they stand.

    The folder gets motifs.meme (the motifs as probabilities), motifs.npz (contributions too), seqlets.bed and hits.bed,
    in coordinates of the genome where the sequences' names are loci such as chr8:100-300, and report.html: what each
    motif is like, what it explains, where its sites lie and which motifs come together.
    """
    from genoml.io.motifs import jaspar_motifs, read_motifs
    from genoml.report.discovery import discovery_summary, write_discovery_report
    from genoml.runs import refuse_existing
    from genoml.runs.attributions import Attributions
    from genoml.runs.discover import discover
    from genoml.runs.modisco import require_h5py

    backend = open_backend(backend_name)
    refuse_existing(out)
    for path, option in ((out, "--out"), (h5, "--h5")):
        if path is not None and not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: {option} expects a name in a folder that exists")
    if h5 is not None:
        require_h5py()
    known = [] if motifs == "none" else jaspar_motifs() if motifs is None else read_motifs(motifs)
    source = str(attributions[0]) + (f" and {len(attributions) - 1} more" if attributions[1:] else "")
    found = discover(
        Attributions.load(*attributions), known=known, hits=hits, most_seqlets=most_seqlets, fdr=fdr,
        least_correlation=least_correlation, seed=seed, source=source, backend=backend,
        progress=lambda line: click.echo(line, err=True),
    )  # fmt: skip
    files = found.save(out, h5=h5)
    named = {None: f"JASPAR 2024 vertebrates, {len(known)}", "none": "none"}
    details = {"known motifs": named.get(motifs, f"{motifs}, {len(known):,}"), "seed": str(seed)}
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        click.echo("no page: pip install 'genoml-xp[report]' and discover again", err=True)
    else:
        files.append(write_discovery_report(found, out / "report.html", details))
    click.echo(discovery_summary(found))
    click.echo(", ".join(map(str, files)), err=True)
