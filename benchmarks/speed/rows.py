"""What is timed: networks by name, with the size of their input. Nothing heavy is imported here.

A row says what to build; how genoml, PyTorch and JAX build it stands in ``sides.py``, ``torch_side.py`` and
``jax_side.py``, so that a process that runs one of them need not import the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from genoml.nn.layer import Layer


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    name : str
        As the tables show it.
    network : str
        ``"attention"``, ``"lstm"``, or a model of ``genoml.models``.
    shape : tuple of int
        Of the input: (batch, 4, length) one-hot for the models, (batch, length, features) for the layers.
    options : mapping
        Of the network; without dropout, so that all sides give the same numbers.
    targets : (float, float)
        The fastest other side's time over genoml's that is to be reached, of a training step and of an inference; 0 for
        none.
    """

    name: str
    network: str
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[float, float] = (0.0, 0.0)

    @property
    def one_hot(self) -> bool:
        """Whether the input is a sequence."""
        return self.network not in ("attention", "lstm")

    @property
    def weights(self) -> bool:
        """Whether the attention weights are wanted beside the output."""
        return bool(self.options.get("weights", False))

    def inputs(self) -> np.ndarray:
        """The same numbers for every side; sequences in channels-last memory, as ``encode_batch`` lays them out."""
        rng = np.random.default_rng(0)
        if not self.one_hot:
            return rng.standard_normal(self.shape).astype(np.float32)
        codes = rng.integers(0, 4, (self.shape[0], self.shape[2]))
        return np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1)

    def build(self) -> Layer:
        """genoml's network."""
        from genoml import nn
        from genoml.models import build_model
        from genoml.models.spliceai import spliceai

        if self.network == "spliceai":
            return spliceai(**self.options)
        if self.network == "attention":
            return nn.SelfAttention(self.options["features"], self.options["heads"])
        if self.network == "lstm":
            return nn.LSTM(self.options["features"], self.options["hidden"])
        return build_model(self.network, dict(self.options))


def network(name: str, batch: int, length: int, step: float = 0.0, infer: float = 1.0, **options: Any) -> Row:
    """A published network."""
    return Row(f"{name}, {batch} x {length}", name, (batch, 4, length), options, (step, infer))


def promoter(batch: int, length: int, *, filters: int = 32) -> Row:
    """The article's classifier."""
    name = f"promoter CNN, {batch} x {length}, {filters} filters of 8"
    return Row(name, "promoter_cnn", (batch, 4, length), {"filters": filters, "kernel_size": 8}, (4.0, 1.0))


def basset(batch: int, length: int, *, scale: float = 1.0) -> Row:
    """Basset, with its number of filters scaled."""
    filters = tuple(round(scale * size) for size in (300, 200, 200))
    row = network("basset", batch, length, 3.0, 2.0, length_bp=length, filters=filters, dropout=0.0)
    return row if scale == 1.0 else replace(row, name=f"{row.name}, {filters[0]} filters")


def attention(batch: int, length: int, *, weights: bool) -> Row:
    name = f"attention, {batch} x {length}, 128 wide, 8 heads, {'with' if weights else 'without'} weights"
    options = {"features": 128, "heads": 8, "weights": weights}
    return Row(name, "attention", (batch, length, 128), options, (1.5, 1.0))


def rows() -> list[Row]:
    """Every comparison of the tables."""
    return [
        promoter(64, 1000),
        promoter(64, 300),
        network("deepsea", 64, 1000, 2.5, 2.0, dropout=(0.0, 0.0, 0.0)),
        basset(64, 600),
        network("danq", 64, 1000, 1.3, dropout=(0.0, 0.0)),
        network("deepstarr", 128, 249, 1.6, dropout=0.0),
        network("bpnet", 16, 2114, 1.3),
        network("spliceai", 1, 10101),
        attention(8, 512, weights=True),
        attention(8, 512, weights=False),
        attention(1, 4096, weights=False),
        Row("LSTM, 64 x 75, 320 to 320", "lstm", (64, 75, 320), {"features": 320, "hidden": 320}, (1.2, 1.0)),
    ]


#: what grows, and the values that it takes; threads are up to the machine
GROWTH = {
    "batch": (8, 16, 32, 64, 128, 256),
    "length": (200, 400, 800, 1600),
    "filters": (0.25, 0.5, 1.0, 2.0),
}
#: the network of each panel at its usual size
GROWING = ("promoter CNN", "Basset")


def growth_rows() -> list[tuple[str, str, float, Row]]:
    """(panel, what grows, its value as the plot shows it, the row)."""
    made: list[tuple[str, str, float, Row]] = []
    for count in GROWTH["batch"]:
        made += [("promoter CNN", "batch", count, promoter(int(count), 1000))]
        made += [("Basset", "batch", count, basset(int(count), 600))]
    for length in GROWTH["length"]:
        made += [("promoter CNN", "length", length, promoter(64, int(length)))]
        made += [("Basset", "length", length, basset(64, int(length)))]
    for scale in GROWTH["filters"]:
        filters = round(64 * scale)
        made += [("promoter CNN", "filters", filters, promoter(64, 1000, filters=filters))]
        made += [("Basset", "filters", round(300 * scale), basset(64, 600, scale=scale))]
    return made


def row_by_name(name: str) -> Row:
    """The row of the tables or of the growth plots that has this name."""
    every = {row.name: row for row in [*(row for *_, row in growth_rows()), *rows()]}
    return every[name]
