"""Which layer first made a number that is not finite."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array
from genoml.nn.base import Layer
from genoml.nn.containers import Parallel, Sequential


class NotFiniteError(ArithmeticError):
    """The loss became NaN or infinite. The model holds the last weights that gave a finite one.

    Attributes
    ----------
    step : int
        Step, from 0, whose loss was not finite, or whose update made the weights so that the next would be.
    layer : str
        Path and class of the first layer whose parameters or output were not finite, or ``"the loss"``.
    """

    def __init__(self, step: int, layer: str) -> None:
        super().__init__(
            f"the loss is not finite at step {step}, first seen in {layer}; the weights before it are kept. "
            "Try a smaller learning rate or gradient clipping"
        )
        self.step, self.layer = step, layer


def _finite(layer: Layer) -> bool:
    """Whether all parameters and state are finite; reads the device."""
    arrays = [*layer.params.values(), *layer.state.values()]
    return all(bool(np.all(np.isfinite(layer.backend.to_numpy(value)))) for value in arrays)


def first_not_finite(
    layer: Layer, x: Array, path: str = "", *, training: bool = False, step: int | None = None
) -> str | None:
    """Path and class of the first layer whose parameters or output for ``x`` are not finite, or None."""
    # the layers inside other containers read what only their container can give them
    if isinstance(layer, Sequential | Parallel):
        for name, child in layer.named_layers.items():
            below = f"{path}.{name}" if path else name
            found = first_not_finite(child, x, below, training=training, step=step)
            if found is not None:
                return found
            if isinstance(layer, Sequential):
                x, _ = child.vjp(x, training=training, step=step)
        return None
    if _finite(layer):
        y, _ = layer.vjp(x, training=training, step=step)
        if bool(np.all(np.isfinite(layer.backend.to_numpy(y)))):
            return None
    return f"layer {path} ({type(layer).__name__})"
