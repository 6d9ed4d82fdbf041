"""In-silico experiments beside tangermeme: the same network, backgrounds, motifs and replaced bases."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement.table import Table
from genoml.explain import Sites, ablate, backgrounds, marginalise, space
from genoml.explain.experiments.sites import replacements
from genoml.io import jaspar_motifs
from genoml.nn import Conv1D, Dense, Flatten, MaxPool1D, Sequential
from genoml.nn.layer import Layer
from genoml.sequence.motifs.motif import consensus

LENGTH, BACKGROUNDS, MOTIFS, REPEATS = 200, 100, 40, 20
SITES = ((20, 31), (95, 103), (150, 165))


def tables(data: Path) -> list[Table]:
    try:
        version = importlib.metadata.version("tangermeme")
        import torch
    except (importlib.metadata.PackageNotFoundError, ImportError):
        raise SystemExit("this comparison runs tangermeme; pip install 'tangermeme==1.6.*' torch") from None
    codes = backgrounds("random", (0.3, 0.2, 0.2, 0.3), BACKGROUNDS, LENGTH, seed=1)
    rows = []
    for name, found in _found(codes).items():
        apart = [f"{np.abs(ours - theirs).max() / np.abs(theirs).max():.1e}" for ours, theirs in found]
        rows.append([name, found[0][0].size, *apart])
    return [
        Table(
            "In-silico experiments: tangermeme",
            f"`genoml.explain.marginalise`, `ablate` and `space` beside those of tangermeme {version} (PyTorch "
            f"{torch.__version__}): a network of two convolutions, pooling and two dense layers with the same weights, "
            f"{BACKGROUNDS} random backgrounds of {LENGTH} bp, the same motifs and the same replaced bases. The "
            "largest difference of all predictions, those of the backgrounds, of one motif and of both among them, "
            "relative to the largest prediction.",
            ("experiment", "predictions", "difference, double precision", "single precision"),
            rows,
            [
                "genoml computes the windows that a change reaches, tangermeme every sequence.",
                "An N in a motif keeps the background's base in tangermeme; in genoml it is drawn, as every IUPAC "
                "letter. The motifs here have neither.",
            ],
        )
    ]


def _pair(precision: str) -> tuple[Layer, Any]:
    """A network of genoml, and the same one of PyTorch, with its weights."""
    import torch

    ours = Sequential(
        [
            Conv1D(4, 32, 11), MaxPool1D(4), Conv1D(32, 16, 5),
            Flatten(), Dense(688, 32, activation="relu"), Dense(32, 2),
        ],
        seed=3,
    )  # fmt: skip
    ours.to(dtype=precision)
    theirs = torch.nn.Sequential(
        torch.nn.Conv1d(4, 32, 11), torch.nn.ReLU(), torch.nn.MaxPool1d(4), torch.nn.Conv1d(32, 16, 5),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(688, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2),
    ).to(getattr(torch, precision))  # fmt: skip
    with torch.no_grad():
        for path, place in (("0", 0), ("2", 3), ("4", 6), ("5", 8)):
            weights = np.asarray(ours.params[f"{path}.weights"])
            weights = weights.T if weights.ndim == 2 else weights
            theirs[place].weight.copy_(torch.from_numpy(np.array(weights)))
            theirs[place].bias.copy_(torch.from_numpy(np.array(ours.params[f"{path}.bias"])))
    return ours, theirs.eval()


def _found(codes: np.ndarray) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """For each experiment the predictions of genoml and of tangermeme, in double and in single precision."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for precision in ("float64", "float32"):
        ours, theirs = _pair(precision)
        for name, pair in (
            (f"marginalise: {MOTIFS} JASPAR motifs", _marginal(ours, theirs, codes, precision)),
            (f"ablate: {len(SITES)} sites, {REPEATS} shuffles", _ablated(ours, theirs, codes, precision)),
            ("space: 150 distances, one orientation", _spaced(ours, theirs, codes, precision)),
        ):
            found.setdefault(name, []).append(pair)
    return found


def _encoded(codes: np.ndarray, precision: str) -> Any:
    import torch

    return torch.from_numpy(np.eye(4)[codes].transpose(0, 2, 1).copy()).to(getattr(torch, precision))


def _letters() -> list[str]:
    return [consensus(motif.probabilities) for motif in jaspar_motifs()[:: 879 // MOTIFS][:MOTIFS]]


def _marginal(ours: Layer, theirs: Any, codes: np.ndarray, precision: str) -> tuple[np.ndarray, np.ndarray]:
    from tangermeme.marginalize import marginalize

    x, motifs = _encoded(codes, precision), _letters()
    mine = marginalise(ours, codes, motifs, strands="+", task=1, both_strands=False)
    before, after = zip(*(marginalize(theirs, x, motif, device="cpu") for motif in motifs), strict=True)
    own = np.concatenate([mine.before[None], mine.after[:, 0]])
    return own, np.stack([before[0].numpy()[:, 1], *(each.numpy()[:, 1] for each in after)])


def _ablated(ours: Layer, theirs: Any, codes: np.ndarray, precision: str) -> tuple[np.ndarray, np.ndarray]:
    import torch
    from tangermeme.ablate import ablate as ablated

    n, x = len(codes), _encoded(codes, precision)
    mine, other = list[np.ndarray](), list[np.ndarray]()
    for start, end in SITES:
        rows = np.array([(row, start, end) for row in range(n)])
        result = ablate(ours, codes, rows, n=REPEATS, task=1, both_strands=False)
        sites = Sites(*rows.T, ("",) * n)
        bases = np.stack(replacements(codes, sites, "shuffle", REPEATS, 0))

        def replaced(X: Any, start: int, end: int, n: int, random_state: Any, bases: Any = bases) -> Any:
            new = np.repeat(codes[:, None], n, axis=1)
            new[:, :, start:end] = bases
            return _encoded(new.reshape(-1, LENGTH), precision).reshape(len(codes), n, 4, LENGTH)

        with torch.no_grad():
            before, after = ablated(theirs, x, start, end, n=REPEATS, shuffle_fn=replaced, device="cpu")
        mine += [result.before[:, None], result.after]
        other += [before.numpy()[:, 1:], after.numpy()[:, :, 1]]
    return np.concatenate(mine, axis=1), np.concatenate(other, axis=1)


def _spaced(ours: Layer, theirs: Any, codes: np.ndarray, precision: str) -> tuple[np.ndarray, np.ndarray]:
    from tangermeme.marginalize import marginalize
    from tangermeme.space import space as spaced

    first, second, x = "TGACTCA", "CACGTGACCGGA", _encoded(codes, precision)
    mine = space(ours, codes, first, second, orientations=["++"], position=10, task=1, both_strands=False)
    distances = np.arange(150)[:, None]
    before, after = spaced(theirs, x, [first, second], distances, start=10, device="cpu")
    _, alone = marginalize(theirs, x, first, start=10, device="cpu")
    second_alone = [
        marginalize(theirs, x, second, start=10 + len(first) + int(d), device="cpu")[1].numpy()[:, 1]
        for d in distances[:, 0]
    ]
    own = np.concatenate([mine.neither[None], mine.first[0, :1], mine.second[0], mine.joint[0]])
    parts = [
        before.numpy()[None, :, 1],
        alone.numpy()[None, :, 1],
        np.stack(second_alone),
        after.numpy()[:, :, 1].T,
    ]
    return own, np.concatenate(parts)
