"""Does a trained MotifLayer hold the motif? Planted motifs, CTCF and SRF; the tables of docs/motif_layer.md.

    python benchmarks/motif_recovery.py [--seeds 10] [--data FOLDER]

FOLDER holds encode_chip_deepbind/ (the DeepBind ENCODE sets, as distributed with deepRAM), for SRF.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from genoml.data import ShuffledNegatives
from genoml.explain import match_motifs
from genoml.io import jaspar_motifs, read_fasta
from genoml.nn import Dense, GlobalMaxPool1D, MotifLayer, Sequential
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import base_codes
from genoml.train import FitOptions, fit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.recovery import recover

SRF = "encode_chip_deepbind/SRF_H1-hESC_SRF_HudsonAlpha_AC.seq.gz"


def planted(seeds: int) -> None:
    """Fresh seeds, none of which the setting was chosen on."""
    found = [recover(seed) for seed in range(200, 200 + seeds)]
    print("| seed | correlation with the planted motif |\n| --- | --- |")
    for seed, value in enumerate(found, 200):
        print(f"| {seed} | {value:.3f} |")
    print(f"above .95: {sum(value > 0.95 for value in found)} of {seeds}")


def ctcf() -> np.ndarray:
    """The shipped CTCF peaks, base codes."""
    with as_file(files("genoml") / "resources" / "ctcf_peaks.fa.gz") as path:
        return base_codes([record.sequence for record in read_fasta(path)][:3000])


def srf(data: Path) -> np.ndarray:
    """The SRF training peaks, base codes."""
    with gzip.open(data / SRF, "rt", newline="") as file:
        return base_codes([row["seq"] for row in csv.DictReader(file, delimiter="\t")][:3000])


def real(name: str, codes: np.ndarray, *, motifs: int = 4, epochs: int = 10) -> None:
    """Peaks against shuffles drawn anew each epoch; each motif's best match in JASPAR."""
    data = ShuffledNegatives.of(codes, seed=0)
    layers = {"motifs": MotifLayer(motifs, 24), "pool": GlobalMaxPool1D(), "dense": Dense(motifs, 1)}
    model = Sequential(layers, seed=0)
    layer = layers["motifs"]
    for part in (epochs // 4, epochs - epochs // 4):
        schedule = one_cycle(part * -(-len(data) // 128))
        options = FitOptions(epochs=part, batch_size=128, optimizer=AdamW(0.2), schedule=schedule)
        fit(model, data, options=options, progress=None)
        layer.centre()  # type: ignore[attr-defined]
    bank = layer.motifs()  # type: ignore[attr-defined]
    found = match_motifs([motif.matrix for motif in bank], jaspar_motifs(), limit=1)
    weights = model.params["dense.weights"][:, 0].tolist()
    for weight, matches in sorted(zip(weights, found, strict=True), key=lambda pair: -pair[0]):
        best = f"{matches[0].label}, {matches[0].similarity:.2f}" if matches else "none"
        print(f"| {name} | {weight:.2f} | {best} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--data", type=Path, help="folder with encode_chip_deepbind/; without it SRF is left out"
    )
    options = parser.parse_args()
    planted(options.seeds)
    print("\n| peaks | weight | best match in JASPAR, similarity |\n| --- | --- | --- |")
    real("CTCF", ctcf())
    if options.data:
        real("SRF", srf(options.data))


if __name__ == "__main__":
    main()
