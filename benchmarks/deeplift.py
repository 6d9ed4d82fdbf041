"""DeepLIFT beside tangermeme's: the time of both, in turn, and how far the contributions are apart.

    pip install torch==2.13.0 tangermeme==1.6.0
    PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 GENOML_THREADS=1 python -m benchmarks.deeplift [--only danq] [--rounds 5]

The networks of docs/models.md in PyTorch's own modules, with the same weights, sequences and references (arrays of
dinucleotide shuffles), float32. Prints for each network the median ratio of tangermeme's time to genoml's over the
rounds, the largest difference relative to the largest contribution, and how far the contributions of either miss the
change of the output.

Attention's products and softmax and the LSTM are functions for which tangermeme has no rule unless the network is
written with its modules: it takes them as linear, which costs it least, and its sums miss by what they change.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from tangermeme.deep_lift_shap import deep_lift_shap
from torch import nn

from genoml.explain import deeplift
from genoml.models import build_model
from genoml.random import host_generator
from genoml.sequence import dinucleotide_shuffle
from parity import networks

#: name of a network, its options, length in bp, sequences
ROWS = (
    ("deepstarr", {"n_outputs": 1}, 249, 8),
    ("basset", {"n_outputs": 1}, 600, 8),
    ("bpnet", {}, 2114, 4),
    ("attention_cnn", {"n_outputs": 1}, 600, 8),
    ("danq", {"n_outputs": 1}, 1000, 4),
)
#: networks of any length
_ANY_LENGTH = ("bpnet", "attention_cnn", "deepbind")


class Dilated(nn.Module):
    """BPNet's shortcut, with the rectifier as a module, which tangermeme's hooks see."""

    def __init__(self, filters: int, dilation: int) -> None:
        super().__init__()
        self.conv, self.relu, self.dilation = (
            nn.Conv1d(filters, filters, 3, dilation=dilation),
            nn.ReLU(),
            dilation,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, self.dilation : -self.dilation] + self.relu(self.conv(x))


class Output(nn.Module):
    """The last output of a network alone: the counts of BPNet."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)[:, -1:]


def counterparts(name: str, options: dict[str, Any], length_bp: int) -> tuple[Any, nn.Module]:
    """genoml's network, and PyTorch's with its weights."""
    sized = options if name in _ANY_LENGTH else options | {"length_bp": length_bp}
    ours = build_model(name, sized)
    networks.Dilated = Dilated  # type: ignore[misc]
    theirs = getattr(networks, name)(**sized).eval()
    with torch.no_grad():
        for key, parameter, transposed in networks.named_parameters(theirs):
            values = ours.backend.to_numpy(ours.params[key])
            parameter.copy_(torch.tensor(values.T if transposed else values))
        for key, parameter in theirs.named_parameters():
            if "bias_hh" in key:  # genoml's LSTM has one bias
                parameter.zero_()
    return ours, Output(theirs).eval()


def compare(name: str, options: dict[str, Any], length_bp: int, n: int, rounds: int) -> str:
    """The line of one network."""
    ours, theirs = counterparts(name, options, length_bp)
    codes = host_generator(0, name).integers(0, 4, (n, length_bp)).astype(np.uint8)
    references = np.stack([dinucleotide_shuffle(np.repeat(row[None], 20, 0), seed=1) for row in codes])
    x = torch.tensor(np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1))
    r = torch.tensor(np.eye(4, dtype=np.float32)[references].transpose(0, 1, 3, 2))
    ratios = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        found = deeplift(ours, codes, references=references, task=-1, both_strands=False)
        middle = time.perf_counter()
        other = deep_lift_shap(theirs, x, references=r, batch_size=64, device="cpu", warning_threshold=1.0)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    actual = other.numpy().sum(axis=1)
    apart = float(np.abs(actual - found.actual).max() / np.abs(actual).max())
    missed = float(np.max(np.abs(actual.sum(axis=1) - found.delta) / (1.0 + np.abs(found.delta))))
    ratio, own = float(np.median(ratios[1:])), float(found.error.max())
    return f"| {name} | {length_bp} | {ratio:.2f} | {apart:.1e} | {own:.1e} | {missed:.1e} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[row[0] for row in ROWS], metavar="NETWORK")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        "| network | bp | tangermeme / genoml | apart | error | tangermeme's |\n| --- | --- | --- | --- | --- | --- |"
    )
    for row in ROWS:
        if row[0] in options.only:
            print(compare(*row, options.rounds), flush=True)


if __name__ == "__main__":
    main()
