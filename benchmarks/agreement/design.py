"""Design beside tangermeme's greedy and beam substitution, ledidi's gradient design, and exhaustive search."""

from __future__ import annotations

import importlib.metadata
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement.table import Table
from genoml.design import GC, Avoid, Constraint, Gradient, Insert, MostEdits, NoRepeat, NoRun, Origin, design
from genoml.nn import Conv1D, Dense, Flatten, GlobalMaxPool1D, Sequential
from genoml.sequence import base_codes
from genoml.train.predict import predict_outputs

#: name of a network, its options, length in bp; of few filters, since the others compute every candidate whole
NETWORKS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("deepstarr", {"n_outputs": 1, "filters": (32, 30, 30, 60), "dense_units": 64}, 249),
    ("basset", {"n_outputs": 1, "filters": (32, 24, 24), "dense_units": 64}, 300),
    ("deepbind", {}, 200),
)
MOTIFS = ["TGACTCA", "GATAAGA", "CACGTGA"]


def tables(data: Path) -> list[Table]:
    try:
        versions = {name: importlib.metadata.version(name) for name in ("tangermeme", "ledidi", "torch")}
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemExit(
            f"this comparison needs {error.name}: pip install torch==2.13.0 tangermeme==1.6.0 ledidi==2.2.0"
        ) from None
    return [_substitutions(versions), _gradients(versions), _exhaustive()]


def _start(length: int, row: int) -> tuple[np.ndarray, Any]:
    """A random sequence as codes, and as tangermeme and ledidi read it."""
    import torch

    codes = np.random.default_rng(row).integers(0, 4, (1, length)).astype(np.uint8)
    return codes, torch.tensor(np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1).copy())


def _theirs(model: Any, x: Any, method: str, rounds: int) -> np.ndarray:
    """The codes that tangermeme designs."""
    from tangermeme.design import beam_substitution, greedy_substitution

    how: dict[str, Any] = {"max_iter": rounds, "tol": 0.0, "device": "cpu", "batch_size": 128}
    if method == "beam":
        found = beam_substitution(model, x, beam_size=1, **how)
    else:
        found = greedy_substitution(model, x, motifs=MOTIFS if method == "insert" else None, **how)
    codes: np.ndarray = found.numpy().argmax(axis=1)
    return codes


def _substitutions(versions: dict[str, str], sequences: int = 2, rounds: int = 3) -> Table:
    from benchmarks.deeplift import counterparts

    rows = []
    for name, options, length in NETWORKS:
        ours, theirs = counterparts(name, options, length)
        same = dict.fromkeys(("evolve", "beam", "insert"), 0)
        for row, method in product(range(sequences), same):
            codes, x = _start(length, row)
            chosen = Insert(MOTIFS) if method == "insert" else method
            found = design(ours, codes, method=chosen, rounds=rounds, width=1)
            same[method] += int(np.array_equal(_theirs(theirs, x, method, rounds), found.codes))
        rows.append([name, length, sequences, rounds, *same.values()])
    return Table(
        "Design: the edits of tangermeme",
        f"tangermeme {versions['tangermeme']} (PyTorch {versions['torch']}), networks of few filters with the same "
        "random weights, random sequences, no constraints, the first output as high as possible. `design` by evolve "
        "beside `greedy_substitution`; by beam of width 1 beside `beam_substitution`; by insert of three motifs on "
        "both strands beside `greedy_substitution` with these motifs. How many sequences are the same in every base.",
        ("network", "bp", "sequences", "rounds", "evolve, the same", "beam, the same", "insert, the same"),
        rows,
    )


def _gradients(versions: dict[str, str], rounds: int = 200) -> Table:
    import torch
    from ledidi import ledidi

    from benchmarks.deeplift import counterparts

    rows = []
    for name, options, length in NETWORKS:
        ours, theirs = counterparts(name, options, length)
        codes, x = _start(length, 1)
        before = float(predict_outputs(ours, codes, both_strands=False)[0, 0])
        # ledidi's penalty per edit is in units of the squared error from what is wanted: of the size of the effects
        effect = design(ours, codes, rounds=1).scores[0] - before
        wanted = torch.tensor([[before + 30.0 * effect]], dtype=torch.float32)
        options_of = {"max_iter": rounds, "l": float(6.0 * effect**2), "device": "cpu", "verbose": False}
        drawn = ledidi(theirs, x, wanted, random_state=0, **options_of).detach().numpy().argmax(axis=1)
        scores = predict_outputs(ours, drawn.astype(np.uint8), both_strands=False)[:, 0]
        best = int(scores.argmax())
        edits = int((drawn[best] != codes[0]).sum())
        bound = {"rounds": rounds, "constraints": [MostEdits(edits)], "width": 16}
        cells: list[object] = []
        for method in (Gradient(), "evolve"):
            made = design(ours, codes, method=method, **bound)
            cells += [float(made.scores[0]), len(made.edits[0])]
        rows.append([name, length, before, float(scores[best]), edits, *cells])
    return Table(
        "Design: ledidi",
        f"ledidi {versions['ledidi']} (PyTorch {versions['torch']}), {rounds} iterations with 16 sequences each, "
        "towards an output far above what it reaches, with an edit costing a tenth of what the best single change "
        "brings at first; of its sequences the best one. genoml: `Gradient()` with as many rounds and sequences, and "
        "evolve, both with at most as many edits. Networks with the same random weights, a random sequence; the first "
        "output.",
        ("network", "bp", "before", "ledidi", "its edits", "gradient", "its edits", "evolve", "its edits"),
        rows,
        [
            "The learning rate of `Gradient` (0.5) was chosen on the networks and starts of the last two rows; the "
            "first is untouched."
        ],
    )


def _exhaustive() -> Table:
    every = np.array(list(product(range(4), repeat=8)), dtype=np.uint8)
    start, rows = base_codes(["ACGTACTT"]), []
    rules: list[Constraint] = [GC(0.25, 0.5), NoRun(2), Avoid(["GAC"]), NoRepeat(4), MostEdits(6)]
    origin = Origin(np.repeat(start, len(every), 0), np.zeros(len(every), np.int64))
    for what, constraints in (("none", []), (", ".join(map(str, rules)), rules)):
        good = np.ones(len(every), dtype=bool)
        for each in constraints:
            good &= each.count(every, origin) == 0
        found = 0
        for seed in range(10):
            ends = [GlobalMaxPool1D(), Dense(4, 1)] if seed % 2 else [Flatten(), Dense(24, 1)]
            model = Sequential([Conv1D(4, 4, 3), *ends], seed=seed)
            best = predict_outputs(model, every[good], both_strands=False, batch_size=8192)[:, 0].max()
            made = design(model, start, method="beam", width=65_536, rounds=9, constraints=constraints)
            found += bool(abs(made.scores[0] - best) < 1e-6)
        rows.append([what, int(good.sum()), 10, found])
    return Table(
        "Design: exhaustive search",
        "All 65,536 sequences of 8 bp, by ten small networks of random weights: how often a beam as wide as that finds "
        "the best sequence that satisfies the constraints.",
        ("constraints", "sequences that satisfy them", "networks", "the best one found"),
        rows,
    )
