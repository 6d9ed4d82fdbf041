"""Marginalisation of all JASPAR motifs: windows beside predicting every sequence whole, in turn.

    OPENBLAS_NUM_THREADS=1 GENOML_THREADS=1 python -m benchmarks.experiments

Prints the seconds of CPU that ``marginalise`` takes for 879 motifs on both strands of the backgrounds, those of
``predict_outputs`` for as many sequences (measured on some, made outside of the clock), and their ratio; then those of
``space`` with 150 distances in 4 orientations. The network is that of ``genoml train``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from genoml.explain import backgrounds, marginalise, space
from genoml.io import jaspar_motifs
from genoml.models import build_model
from genoml.train.predict import predict_outputs

LENGTH, SOME = 200, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backgrounds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    model, motifs = build_model("motif_cnn", {}), jaspar_motifs()
    codes = backgrounds("random", (0.25,) * 4, arguments.backgrounds, LENGTH)
    some = np.repeat(codes, SOME, axis=0)
    for _ in range(arguments.rounds):
        start = time.process_time()
        marginalise(model, codes, motifs)
        middle = time.process_time()
        predict_outputs(model, some, both_strands=False)
        windows, whole = middle - start, (time.process_time() - middle) * 2 * len(motifs) / SOME
        print(
            f"{len(motifs)} motifs, {2 * len(motifs) * len(codes):,} sequences: windows {windows:.1f} s, "
            f"whole {whole:.1f} s, {whole / windows:.1f} times",
            flush=True,
        )
    start = time.process_time()
    space(model, codes, "TGACTCA", "CACGTG", range(150))
    print(f"space, 150 distances in 4 orientations: {time.process_time() - start:.1f} s")


if __name__ == "__main__":
    main()
