"""DeepLIFT beside tangermeme's and captum's, on the networks of rectifiers.

    pip install torch==2.13.0 tangermeme==1.6.0 captum==0.9.0
    PYTHONPATH=tests python -m benchmarks.agreement attributions --data .

Needs no data.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import DeepLift
from tangermeme.deep_lift_shap import deep_lift_shap
from torch import nn

from benchmarks.agreement.table import Table
from benchmarks.deeplift import counterparts
from genoml.explain import deeplift
from genoml.random import host_generator
from genoml.sequence import dinucleotide_shuffle
from parity.networks import Last

#: name of a network, its options, length in bp
NETWORKS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("deepbind", {}, 101),
    ("deepsea", {"n_outputs": 1, "filters": (64, 96, 128), "dense_units": 128}, 1000),
    ("basset", {"n_outputs": 1}, 600),
    ("deepstarr", {"n_outputs": 1}, 249),
    ("bpnet", {}, 2114),
)
SEQUENCES, REFERENCES = 3, 5


def tables(_data: Path) -> list[Table]:
    """One table."""
    return [
        Table(
            "Contributions beside tangermeme and captum",
            "`deeplift(model, codes, references=...)` beside `deep_lift_shap` of tangermeme "
            f"{version('tangermeme')} and `DeepLift` of captum {version('captum')} on PyTorch {version('torch')}: the "
            f"same weights, {SEQUENCES} random sequences, {REFERENCES} dinucleotide shuffles of each; BPNet's count. "
            "The largest differences of the contributions of bases, relative to the largest contribution, and how far "
            "their sums miss the change of the output, relative to 1 + the change.",
            (
                "network", "bp", "genoml from tangermeme, float64", "from captum, float64", "from tangermeme, float32",
                "genoml, float32 from float64", "tangermeme, float32 from float64", "sum of genoml, float32",
                "of tangermeme", "of captum", "of captum as it comes",
            ),
            [(name, length_bp, *_row(name, options, length_bp)) for name, options, length_bp in NETWORKS],
            (
                "The rules are the same, so that only rounding is between them: 1e-13 in double precision. In single "
                "precision either is about as far from its own double precision as they are from one another.",
                "captum's DeepLift loses its sum wherever a maximum comes right behind an activation (last column), "
                "since both put their hooks on the one tensor between them. With a multiplication by 1 between the "
                "two, as in the other columns, it agrees. BPNet has no maximum.",
                "DeepBind's maximum over the sequence is here a module, MaxPool1d of the whole length: "
                "operations that are no modules are taken as linear by hooks.",
            ),
        )
    ]  # fmt: skip


def _row(name: str, options: dict[str, Any], length_bp: int) -> tuple[str, ...]:
    single, double = (_contributions(name, options, length_bp, kind) for kind in ("float32", "float64"))
    largest = np.abs(double["genoml"]).max()

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.abs(one - other).max() / largest)

    figures = [
        apart(double["tangermeme"], double["genoml"]),
        apart(double["captum"], double["genoml"]),
        apart(single["tangermeme"], single["genoml"]),
        apart(single["genoml"], double["genoml"]),
        apart(single["tangermeme"], double["tangermeme"]),
    ]
    delta = double["delta"]
    for tool in ("genoml", "tangermeme", "captum", "captum as it comes"):
        figures.append(float(np.max(np.abs(single[tool].sum(axis=1) - delta) / (1 + np.abs(delta)))))
    return tuple(f"{value:.1e}" for value in figures)


def _contributions(name: str, options: dict[str, Any], length_bp: int, kind: str) -> dict[str, np.ndarray]:
    """Contributions of bases by each tool, and the change of the output."""
    ours, theirs = counterparts(name, options, length_bp)
    ours, theirs = ours.to(dtype=kind), theirs.to(getattr(torch, kind))
    network: Any = theirs.network
    if name == "deepbind":
        # over the length and 15 zeros on both sides
        network.pool = nn.Sequential(nn.MaxPool1d(length_bp + 15), nn.Flatten())
    codes = host_generator(0, name).integers(0, 4, (SEQUENCES, length_bp)).astype(np.uint8)
    references = np.stack(
        [dinucleotide_shuffle(np.repeat(row[None], REFERENCES, 0), seed=1) for row in codes]
    )
    found = deeplift(ours, codes, references=references, task=-1, both_strands=False)
    x, r = (torch.tensor(np.eye(4, dtype=kind)[rows]).transpose(-1, -2) for rows in (codes, references))
    other = deep_lift_shap(theirs, x, references=r, device="cpu", warning_threshold=1.0, dtype=x.dtype)
    made = {"delta": found.delta, "genoml": found.actual, "tangermeme": other.numpy().sum(axis=1)}
    made["captum as it comes"] = _captum(theirs, x, r)
    for key in [key for key, _ in network.named_children() if key.startswith("pool")]:
        setattr(network, key, nn.Sequential(Last(lambda values: values * 1), getattr(network, key)))
    return made | {"captum": _captum(theirs, x, r)}


def _captum(network: nn.Module, x: torch.Tensor, references: torch.Tensor) -> np.ndarray:
    pairs = x.repeat_interleave(REFERENCES, 0).contiguous(), references.flatten(0, 1).contiguous()
    found = DeepLift(network).attribute(pairs[0], baselines=pairs[1], target=0).detach().numpy()
    return np.asarray(found.sum(axis=1).reshape(SEQUENCES, REFERENCES, -1).mean(axis=1))
