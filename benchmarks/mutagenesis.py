"""In-silico mutagenesis: windows beside computing every mutant whole, in turn, on the networks by name.

    OPENBLAS_NUM_THREADS=1 GENOML_THREADS=1 python benchmarks/mutagenesis.py

Prints, for each network, the least time of each way over the rounds, their ratio, and the largest difference
of the results relative to the largest result. The whole way is ``genoml.train.predict.predict_outputs`` of all
mutants, which is how anyone would do it; its inputs are made outside the clock. The first row is the network
of ``genoml demo``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from genoml.backend import Backend
from genoml.explain import in_silico_mutagenesis, mutation_reach
from genoml.models import build_model
from genoml.nn import Layer
from genoml.train.predict import predict_outputs

NETWORKS = {
    "motif_cnn (demo)": ("motif_cnn", {"pool_size": 4}, 100),
    "motif_cnn 200 bp": ("motif_cnn", {"pool_size": 8}, 200),
    "deepbind": ("deepbind", {}, 200),
    "deepstarr": ("deepstarr", {}, 249),
    "basset": ("basset", {"n_outputs": 1}, 600),
}


def mutants_of(codes: np.ndarray) -> np.ndarray:
    """Every sequence with every base at every position, (n length 4, length)."""
    n, length = codes.shape
    mutants = np.repeat(codes, 4 * length, axis=0).reshape(n, length, 4, length)
    places = np.arange(length)
    mutants[:, places, :, places] = np.arange(4, dtype=np.uint8)
    return mutants.reshape(-1, length)


def whole(model: Layer, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds for the three mutants of each base, and the scores."""
    n, length = codes.shape
    mutants = mutants_of(codes)
    other = mutants != np.repeat(codes, 4 * length, axis=0)
    changed = mutants[other.any(axis=1)]
    start = time.perf_counter()
    own = predict_outputs(model, codes, both_strands=False)[:, 0]
    found = predict_outputs(model, changed, both_strands=False)[:, 0]
    seconds = time.perf_counter() - start
    scores = np.zeros(len(mutants), dtype=found.dtype)
    scores[other.any(axis=1)] = found - np.repeat(own, 3 * length)
    return seconds, scores.reshape(n, length, 4)


def windows(model: Layer, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds, and the scores."""
    start = time.perf_counter()
    scores = in_silico_mutagenesis(model, codes)
    return time.perf_counter() - start, scores


def settle(model: Layer) -> None:
    """Running statistics as if trained."""
    rng, backend = np.random.default_rng(0), model.backend
    for name, value in model.state.items():
        drawn = rng.uniform(0.2, 0.5, tuple(value.shape)) if name.endswith("var") else 0.0
        model.state[name] = backend.asarray(np.broadcast_to(drawn, tuple(value.shape)), dtype=model.dtype)


def row(name: str, sequences: int, rounds: int, backend: str | Backend | None) -> str:
    """A network's line of the table."""
    kind, options, length = NETWORKS[name]
    model = build_model(kind, options, backend=backend)
    settle(model)
    codes = np.random.default_rng(1).integers(0, 4, (sequences, length)).astype(np.uint8)
    times: dict[str, list[float]] = {"whole": [], "windows": []}
    for _ in range(rounds):
        seconds, expected = whole(model, codes)
        times["whole"].append(seconds)
        seconds, found = windows(model, codes)
        times["windows"].append(seconds)
    slow, quick = min(times["whole"]), min(times["windows"])
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    mutants = 3 * codes.size
    return (
        f"{name:18} {length:5d} bp {mutants:7,d} mutants  whole {1e6 * slow / mutants:7.1f} us each  "
        f"windows {1e6 * quick / mutants:6.1f} us each  {slow / quick:5.1f} times  difference {difference:.0e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default=None, help="numpy, cupy, torch or jax")
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", nargs="*", default=list(NETWORKS), help="networks, by the names in the table"
    )
    arguments = parser.parse_args()
    for name in arguments.only:
        kind, options, length = NETWORKS[name]
        print(row(name, arguments.sequences, arguments.rounds, arguments.backend), flush=True)
        print(f"  {mutation_reach(build_model(kind, options), length)}", flush=True)


if __name__ == "__main__":
    main()
