"""``genoml demo``: train on the peaks that come with genoml, test, and write a report."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from genoml.cli.options import backend_option, examples, open_backend
from genoml.runs import refuse_existing


@click.command("demo", epilog=examples("genoml demo", "genoml demo --out demo --epochs 4"))
@click.option(
    "--out",
    default="genoml-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to make, for the run and the report.",
)
@click.option("--epochs", default=8, show_default=True, type=click.IntRange(1), help="Passes over the data.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Key of all randomness.")
@backend_option
def command(out: Path, epochs: int, seed: int, backend_name: str | None) -> None:
    """Train a network on CTCF ChIP-seq peaks, test it on held-out chromosomes, and write a report.

    6,000 real peaks of 100 bp are compared with their exact dinucleotide shuffles, whose base composition is the
    same. Chromosomes 8 and 9 are held out for the test and chromosome 10 for choosing the epoch. The report
    shows the curves and the motifs that the network found, each beside the JASPAR motif most like it.
    """
    backend = open_backend(backend_name)
    refuse_existing(out)
    from genoml.cli.progress import TerminalProgress
    from genoml.report.demo import run_demo, write_demo_report

    demo = run_demo(out, epochs=epochs, seed=seed, backend=backend, display=TerminalProgress)
    print_table(demo.metrics)
    for _, match, *_ in demo.filters[:3]:
        if match is not None:
            click.echo(f"motif {match.label}, similarity {match.similarity:.2f}, p = {match.p_value:.1g}")
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        click.echo("no report page: pip install 'genoml-xp[report]' and run the demo again")
        return
    click.echo(f"report: {write_demo_report(demo)} (open it in any browser)")


def print_table(metrics: dict[str, dict[str, float]]) -> None:
    """Print AUROC, AUPR and F1 of each model on the held-out chromosomes."""
    from genoml.report.demo import TEST_CHROMOSOMES

    width = max(map(len, metrics))
    click.echo(f"\n{'held-out ' + ', '.join(TEST_CHROMOSOMES):{width}}   AUROC    AUPR      F1")
    for name, row in metrics.items():
        click.echo(f"{name:{width}}  {row['auroc']:.4f}  {row['aupr']:.4f}  {row['f1']:.4f}")
    click.echo("")
