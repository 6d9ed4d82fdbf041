"""Messages of layers: which layer it is, what it expects, and what came."""

from __future__ import annotations

import re
from typing import Protocol

from genoml.backend import Array

#: a number of channels or features in words such as ``(batch, 4, length >= 8)`` and ``(batch, length >= 1, 64)``
_CHANNELS = re.compile(r"\(batch, (length[^,]*, )?(\d+)[,)]")


class Placed(Protocol):
    """Something with a path in its network: a layer."""

    path: str


def layer_label(layer: Placed) -> str:
    """A layer for messages: its class, after its path if it is in a network: ``"tower.3" Conv1D``."""
    kind = type(layer).__name__
    return kind if layer.path in ("", kind) else f'"{layer.path}" {kind}'


def expect_shape(layer: Placed | str, x: Array, ok: bool, expected: str) -> None:
    """Raise the standard ValueError unless ``ok``: which layer, what it expects, and what came."""
    if ok:
        return
    what, shape = layer if isinstance(layer, str) else layer_label(layer), tuple(x.shape)
    words, hint = _CHANNELS.match(expected), ""
    if words and len(shape) == 3 and 0 not in shape:
        right, wrong = (1, 2) if words[1] is None else (2, 1)
        if str(shape[right]) != words[2] == str(shape[wrong]):
            hint = "; transpose the last two axes?"
    elif words and len(shape) == 2 and str(shape[0 if words[1] is None else 1]) == words[2]:
        hint = "; a batch of one is x[None]"
    raise ValueError(f"{what} expects {expected}, got {shape}{hint}")
