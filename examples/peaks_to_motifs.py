"""From peaks to the motifs that a network learned, with names, and their sites in the genome.

A network learns to tell CTCF peaks of the human genome from their dinucleotide shuffles; DeepLIFT gives what each base
of the peaks contributes to its output; stretches that contribute alike are gathered into motifs, which JASPAR names;
and a sparse fit finds the sites of these motifs in all peaks. Writes motifs.meme, seqlets.bed and hits.bed, in
coordinates of the genome, into a folder. The same in three commands:

    genoml train genoml/resources/ctcf_peaks.fa.gz shuffle --out RUN
    genoml attribute RUN genoml/resources/ctcf_peaks.fa.gz --out contributions.npz
    genoml discover contributions.npz --out FOLDER

The same script runs on any backend: python examples/peaks_to_motifs.py --backend cupy
"""

import argparse
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

from genoml import read_fasta, use_backend
from genoml.data import ShuffledNegatives, split_by_group
from genoml.explain import call_hits, call_seqlets, deeplift, discover_motifs, match_motifs
from genoml.io import Motif, jaspar_motifs, write_meme
from genoml.models import build_model
from genoml.runs.config import TrainConfig
from genoml.sequence import base_codes
from genoml.train import fit

PEAKS = files("genoml") / "resources" / "ctcf_peaks.fa.gz"
VALIDATION = ("chr10",)


def train(codes, names, epochs, seed):
    """The settings of `genoml train`, on peaks and fresh shuffles; chromosome 10 chooses the epoch."""
    chromosomes = [name.partition(":")[0] for name in names]
    training, validation = split_by_group(ShuffledNegatives.of(codes, chromosomes, seed=seed), VALIDATION)
    config = TrainConfig(epochs=epochs, seed=seed).for_data(codes.shape[1])
    model = build_model(config.model, config.model_options, seed=seed)
    options = config.fit_options(len(training), (1.0, 1.0))
    best = fit(model, training, validation=validation, options=options).best
    print(f"AUROC {best['validation_auroc']:.4f} on {VALIDATION[0]}, epoch {best['epoch']} of {epochs}")
    return model


def show(motifs, hits, n):
    """A line for each motif: its seqlets, what it is, and the share of peaks that have it."""
    matches = match_motifs([motif.probabilities for motif in motifs], jaspar_motifs(), limit=1, p_values=True)
    for number, (motif, found) in enumerate(zip(motifs, matches, strict=True)):
        best = found[0]
        peaks = len(np.unique(hits.example[hits.motif == number]))
        print(
            f"{motif.name}: {motif.n_seqlets} seqlets, {best.label}, similarity {best.similarity:.2f}, "
            f"E = {best.e_value:.1g}; in {peaks} of {n} peaks"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--references", type=int, default=10, help="shuffles a peak that DeepLIFT compares with"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder to make; a temporary one if left out")
    parser.add_argument(
        "--quick", action="store_true", help="a small slice: 500 peaks, 5 epochs, 2 references"
    )
    arguments = parser.parse_args()
    use_backend(arguments.backend)
    if arguments.quick:
        arguments.epochs, arguments.references = 5, 2

    records = list(read_fasta(str(PEAKS)))[: 500 if arguments.quick else None]
    names = [record.name for record in records]
    codes = base_codes([record.sequence for record in records])
    model = train(codes, names, arguments.epochs, arguments.seed)

    found = deeplift(model, codes, n_references=arguments.references, seed=arguments.seed)
    print(
        f"contributions of {len(codes)} peaks sum to the change of the output within {found.error.max():.0e}"
    )
    seqlets = call_seqlets(found.actual, "windows")
    motifs = discover_motifs(found.hypothetical, codes, seqlets, seed=arguments.seed)
    hits = call_hits(found.hypothetical, codes, motifs)
    print(f"{len(seqlets)} seqlets, {len(motifs)} motifs, {len(hits)} sites")
    show(motifs, hits, len(codes))

    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        write_meme(out / "motifs.meme", [Motif(motif.name, motif.probabilities) for motif in motifs])
        seqlets.to_bed(names, out / "seqlets.bed")
        hits.to_bed(names, out / "hits.bed")
        with open(out / "hits.bed") as file:
            print("the first site:", " ".join(file.readline().split()))


if __name__ == "__main__":
    main()
