"""SpliceAI's network in genoml beside TensorFlow, in turn: the table of docs/splice.md.

    python benchmarks/splice.py --tensorflow VENV/bin/python --weights FOLDER [--page docs/splice.md]

VENV has tensorflow-cpu and h5py; FOLDER holds ``spliceai1.h5`` of the package spliceai 1.3.1 (CC BY-NC 4.0: your own
copy). Two processes, one of each side, are asked in turn; times are seconds of processor time of one thread, and the
least of the rounds counts. One network is measured; five cost five times as much on either side.

Prints the table, or writes it between the marks of a page.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CONTEXT, DISTANCE = 10_000, 50
WINDOW = CONTEXT + 2 * DISTANCE + 1
#: positions of a gene in which all substitutions are scored
PLACES = 60
MARKS = ("<!-- benchmarks/splice.py: begin -->", "<!-- benchmarks/splice.py: end -->")
#: a gene that comes with genoml
EXAMPLE = Path(__file__).parents[1] / "genoml" / "resources" / "splice_example.fa.gz"
ALPHABET = np.eye(4, dtype=np.float32)


def codes_of(seed: int, length: int = WINDOW) -> np.ndarray:
    """Random bases with TUBB8 in them, on its strand, one of its bases in the middle."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, length, dtype=np.uint8)
    with gzip.open(EXAMPLE, "rt") as file:
        letters = "".join(line.strip() for line in file if line[0] != ">").strip("N")
    gene = np.array(["TGCA".index(base) for base in reversed(letters)], np.uint8)
    first = WINDOW // 2 - int(rng.integers(len(gene)))
    codes[first : first + len(gene)] = gene
    return codes


def tensorflow_side(weights: str) -> dict[str, Callable[[int], Any]]:
    """What TensorFlow is asked for: seconds by Keras and by a graph, and outputs."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.models.load_model(f"{weights}/spliceai1.h5", compile=False)
    graph = tf.function(
        lambda x: model(x, training=False), input_signature=[tf.TensorSpec((1, WINDOW, 4), tf.float32)]
    )

    def variant(predict: Callable[[Any], Any], seed: int) -> float:
        x = ALPHABET[codes_of(seed)][None]
        other = x.copy()
        other[0, WINDOW // 2] = np.roll(other[0, WINDOW // 2], 1)
        begin = time.process_time()
        predict(x), predict(other)
        return time.process_time() - begin

    return {
        "keras": lambda seed: variant(lambda x: model.predict(x, verbose=0), seed),
        "graph": lambda seed: variant(lambda x: graph(tf.constant(x)).numpy(), seed),
        "outputs": lambda seed: graph(tf.constant(ALPHABET[codes_of(seed)][None])).numpy()[0].T.tolist(),
        "version": lambda seed: f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        "memory": lambda seed: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def genoml_side(weights: str) -> dict[str, Callable[[int], Any]]:
    """What genoml is asked for: seconds of an isolated variant and of a gene's, and outputs."""
    import genoml
    from genoml.explain.mutants.cones import Edit
    from genoml.runs import import_weights
    from genoml.variants import load_networks

    with tempfile.TemporaryDirectory() as folder:
        import_weights([Path(weights) / "spliceai1.h5"], Path(folder) / "run", length_bp=WINDOW)
        (network,) = load_networks([Path(folder) / "run"], context_bp=CONTEXT)

    def scored(codes: np.ndarray, places: int) -> tuple[float, Any]:
        """Seconds a substitution; one in the middle, or all three at each place."""
        middle = CONTEXT // 2 + DISTANCE
        bases = range(1, 2 if places == 1 else 4)
        at = [middle + place for place in range(places) for _ in bases]
        added = list(bases) * places
        edits = [Edit(p, 1, (codes[p : p + 1] + np.uint8(b)) % 4) for p, b in zip(at, added, strict=True)]
        windows = [(p - DISTANCE, p + DISTANCE + 1) for p in at]
        begin = time.process_time()
        found = list(network.changed(codes, False, edits, windows))
        return (time.process_time() - begin) / len(edits), found

    def outputs(seed: int) -> Any:
        codes = codes_of(seed)
        first = CONTEXT // 2
        same = Edit(first, 1, codes[first : first + 1])
        ((own, _),) = network.changed(codes, False, [same], [(first, first + 2 * DISTANCE + 1)])
        return own.T.tolist()

    return {
        "isolated": lambda seed: scored(codes_of(seed), 1)[0],
        "gene": lambda seed: scored(codes_of(seed, WINDOW + PLACES - 1), PLACES)[0],
        "outputs": outputs,
        "version": lambda seed: f"genoml {genoml.__version__}, NumPy {np.__version__}",
        "memory": lambda seed: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


SIDES = {"tensorflow": tensorflow_side, "genoml": genoml_side}


def answer(side: str, weights: str) -> None:
    """Answer questions, a line each, until the input ends; what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    known = SIDES[side](weights)
    for line in sys.stdin:
        name, seed = line.split()
        print(json.dumps(known[name](int(seed))), file=out, flush=True)


class Side:
    """A process that answers."""

    def __init__(self, python: str, side: str, weights: str) -> None:
        one = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GENOML_THREADS", "TF_NUM_INTRAOP_THREADS")
        environment = os.environ | dict.fromkeys(one, "1")
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)
        command = [python, __file__, "--side", side, "--weights", weights]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __call__(self, name: str, seed: int = 0) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(name, seed, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def table(tensorflow: Side, genoml: Side, rounds: int, sequences: int) -> str:
    """The lines of the table."""
    ways = [
        (tensorflow, "keras"), (tensorflow, "graph"), (genoml, "isolated"), (genoml, "gene"),
    ]  # fmt: skip
    for side, name in ways:
        side(name)  # warm
    seconds = {
        name: min(times)
        for (_, name), times in zip(
            ways,
            zip(*([side(name, seed) for side, name in ways] for seed in range(rounds)), strict=True),
            strict=True,
        )
    }
    memory = genoml("memory")
    difference = max(
        float(np.abs(np.array(tensorflow("outputs", seed)) - np.array(genoml("outputs", seed))).max())
        for seed in range(sequences)
    )
    names = {
        "keras": "Keras `predict` of both alleles, as SpliceAI calls it",
        "graph": "a TensorFlow graph of both alleles",
        "isolated": "genoml, one variant of a gene",
        "gene": f"genoml, all substitutions of {PLACES} neighbouring bases",
    }
    lines = ["| | s, one network | SNVs an hour, five networks | against `predict` | against the graph |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {names[name]} | {taken:.4f} | {3600 / (5 * taken):,.0f} | {seconds['keras'] / taken:.1f} | "
        f"{seconds['graph'] / taken:.1f} |"
        for name, taken in seconds.items()
    ]
    lines += [
        "",
        f"Largest difference from TensorFlow's probabilities on {sequences} windows of a gene: {difference:.1g}. Peak "
        f"memory of genoml's process: {memory:,.0f} MB. {genoml('version')}; {tensorflow('version')}; one thread, "
        f"{platform.machine()}, least of {rounds} rounds in turn, processor time.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensorflow", default=sys.executable, help="a Python that has TensorFlow")
    parser.add_argument("--weights", required=True, help="folder of spliceai1.h5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--page", type=Path, help="page to write the table into, between its marks")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        answer(arguments.side, arguments.weights)
        return
    sides = [
        Side(arguments.tensorflow, "tensorflow", arguments.weights),
        Side(sys.executable, "genoml", arguments.weights),
    ]
    try:
        found = table(*sides, arguments.rounds, arguments.sequences)
    finally:
        for side in sides:
            side.process.kill()
    if arguments.page is None:
        print(found)
        return
    head, rest = arguments.page.read_text().split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    arguments.page.write_text(f"{head}{MARKS[0]}\n{found}\n{MARKS[1]}{tail}")


if __name__ == "__main__":
    main()
