"""Test cases of every layer of genoml, with inputs and its formula as a plain loop.

One entry is all that a layer needs to be shown right: the suite puts it through every check on every backend, the
proof makes a row of it, and ``python -m genoml.testing`` measures it on your machine.
"""

from __future__ import annotations

from genoml.testing.cases import LayerCase
from genoml.testing.layers import activations, attention, basic, graph, motif, profile, recurrent

__all__ = ["LAYERS"]

LAYERS: dict[str, LayerCase] = (
    basic.LAYERS
    | attention.LAYERS
    | activations.LAYERS
    | recurrent.LAYERS
    | motif.LAYERS
    | profile.LAYERS
    | graph.LAYERS
)
