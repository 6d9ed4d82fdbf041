"""Which layer first made a number that is not finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genoml.backend import Array
from genoml.nn.base import EVALUATION, Layer, Pass
from genoml.nn.containers import Parallel, Sequential

#: sequences that the message names, at most
_NAMED = 3


class NotFiniteError(ArithmeticError):
    """The loss became NaN or infinite. The model holds the last weights that gave a finite one.

    Attributes
    ----------
    step : int
        Step, from 0, whose loss was not finite, or whose update made the weights so that the next would be.
    layer : str
        Path and class of the first layer whose parameters or output were not finite, or ``"the loss"``.
    examples : tuple of str
        The batch's sequences: what ``SequenceData.name_of`` calls them.
    """

    def __init__(self, step: int, layer: str, examples: Sequence[str] = ()) -> None:
        super().__init__(
            f"the loss is not finite at step {step}, first seen in {layer}{_of_batch(examples)}; the weights "
            "before it are kept. Try a smaller learning rate or gradient clipping"
        )
        self.step, self.layer, self.examples = step, layer, tuple(examples)


def _of_batch(examples: Sequence[str]) -> str:
    more = len(examples) - _NAMED
    named = ", ".join(examples[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f", in the batch of {named}" if examples else ""


def _finite(layer: Layer) -> bool:
    """Whether all parameters and state are finite; reads the device."""
    arrays = [*layer.params.values(), *layer.state.values()]
    return all(bool(np.all(np.isfinite(layer.backend.to_numpy(value)))) for value in arrays)


def first_not_finite(layer: Layer, x: Array, path: str = "", run: Pass = EVALUATION) -> str | None:
    """Path and class of the first layer whose parameters or output for ``x`` are not finite, or None."""
    # the layers inside other containers read what only their container can give them
    if isinstance(layer, Sequential | Parallel):
        for name, child in layer.named_layers.items():
            below = f"{path}.{name}" if path else name
            found = first_not_finite(child, x, below, run)
            if found is not None:
                return found
            if isinstance(layer, Sequential):
                x, _ = child.vjp(x, run)
        return None
    if _finite(layer):
        y, _ = layer.vjp(x, run)
        if bool(np.all(np.isfinite(layer.backend.to_numpy(y)))):
            return None
    return f"layer {path} ({type(layer).__name__})"
