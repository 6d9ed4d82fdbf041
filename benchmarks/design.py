"""Design: the time of evolve beside computing every candidate whole, and constraints that hold in every design.

    OPENBLAS_NUM_THREADS=1 GENOML_THREADS=1 python -m benchmarks.design speed [--sequences 100] [--rounds 10]
    python -m benchmarks.design constraints [--sequences 1000]

``speed`` prints the seconds of each way with deepstarr, 249 bp, their ratio, and whether the edits are the same. The
whole way is ``predict_outputs`` of the 3 x 249 candidates of each sequence and round. ``constraints`` designs sequences
of 200 bp without sites of BsaI, BsmBI and EcoRI, with 35 to 65 % G and C and runs of at most 6, from starts of which
many violate this, and checks the letters of each one again.
"""

from __future__ import annotations

import argparse
import re
import time

import numpy as np

from benchmarks.mutagenesis import settle
from genoml.design import GC, Avoid, NoRun, design
from genoml.models import build_model
from genoml.nn import Layer
from genoml.sequence import base_codes, decode, gc_content, reverse_complement
from genoml.train.predict import predict_outputs


def by_whole_predictions(model: Layer, codes: np.ndarray, rounds: int) -> np.ndarray:
    """The best change a round, each candidate computed whole."""
    codes, length = codes.copy(), codes.shape[1]
    places = np.repeat(np.arange(length), 3)
    for _ in range(rounds):
        for row, one in enumerate(codes):
            bases = (np.repeat(one, 3) + np.tile([1, 2, 3], length)) % 4
            candidates = np.repeat(one[None], 3 * length, axis=0)
            candidates[np.arange(3 * length), places] = bases
            best = int(predict_outputs(model, candidates, both_strands=False)[:, 0].argmax())
            codes[row] = candidates[best]
    return codes


def speed(sequences: int, rounds: int) -> str:
    """Seconds of both ways."""
    model = build_model("deepstarr")
    settle(model)
    codes = np.random.default_rng(1).integers(0, 4, (sequences, 249)).astype(np.uint8)
    design(model, codes[:1], rounds=1)  # what is compiled at the first call
    start = time.perf_counter()
    found = design(model, codes, rounds=rounds)
    middle = time.perf_counter()
    expected = by_whole_predictions(model, codes, rounds)
    slow, quick = time.perf_counter() - middle, middle - start
    same = int((found.codes == expected).all(axis=1).sum())
    return (
        f"deepstarr, {sequences} sequences of 249 bp, {rounds} rounds: whole {slow:.1f} s, evolve {quick:.1f} s, "
        f"{slow / quick:.1f} times; {same} of {sequences} with the same edits"
    )


def constraints(sequences: int) -> str:
    """How many designs satisfy the constraints, judged by their letters alone."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (sequences, 200)).astype(np.uint8)
    third = sequences // 3
    codes[:third, 60:66] = base_codes(["GAATTC"])
    weak = codes[third : 2 * third]
    weak[rng.random(weak.shape) < 0.4] = 0  # few G and C, and runs of A
    rules = [Avoid(["BsaI", "BsmBI", "EcoRI"]), GC(0.35, 0.65), NoRun(6)]
    found = design(build_model("motif_cnn", {"pool_size": 8}), codes, constraints=rules, rounds=2)
    letters = decode(found.codes)
    sites = re.compile("GGTCTC|CGTCTC|GAATTC|AAAAAAA|CCCCCCC|GGGGGGG|TTTTTTT")
    clean = [not sites.search(each) and not sites.search(str(reverse_complement(each))) for each in letters]
    share = gc_content(letters)
    good = int((np.array(clean) & (share >= 0.35) & (share <= 0.65)).sum())
    started = sum(bool(text) for rule in rules for text in rule.violations(codes))
    return f"{good} of {len(letters)} designs hold, {len(found.failed)} failed; {started} violations at the start"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "constraints"])
    parser.add_argument("--sequences", type=int)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    if options.what == "speed":
        print(speed(options.sequences or 100, options.rounds))
    else:
        print(constraints(options.sequences or 1000))


if __name__ == "__main__":
    main()
