"""Numbers that are not finite: the search for the layer that makes them, and the error."""

from __future__ import annotations

from collections.abc import Sequence

from genoml.backend import Array
from genoml.nn.containers import Sequential
from genoml.nn.graph import Graph
from genoml.nn.layer import EVALUATION, Layer, Pass
from genoml.nn.node import INPUT
from genoml.nn.parallel import Parallel

#: sequences that the message names, at most
_NAMED = 3


class NotFiniteError(ArithmeticError):
    """Raised if the loss is NaN or infinite; the model holds the last weights that gave a finite one.

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
        self.step = step
        self.layer = layer
        self.examples = tuple(examples)

    def __reduce__(self) -> tuple[type[NotFiniteError], tuple[int, str, tuple[str, ...]]]:
        return type(self), (self.step, self.layer, self.examples)


def _of_batch(examples: Sequence[str]) -> str:
    more = len(examples) - _NAMED
    named = ", ".join(examples[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f", in the batch of {named}" if examples else ""


def first_not_finite(layer: Layer, x: Array, run: Pass = EVALUATION) -> str | None:
    """Path and class of the first layer whose parameters or output for ``x`` are not finite, or None; one read."""
    flags: dict[str, Array] = {}
    _note_finite(layer, x, "", run, flags)
    backend = layer.backend
    finite = backend.to_numpy(backend.xp.stack(list(flags.values()))).tolist()
    return next((name for name, sound in zip(flags, finite, strict=True) if not sound), None)


def _note_finite(layer: Layer, x: Array, path: str, run: Pass, flags: dict[str, Array]) -> Array:
    """The output for ``x``; whether it, parameters and state are finite is noted for each layer, on the device."""
    # other containers give their layers inputs that cannot be computed here
    if isinstance(layer, Graph):
        values = {INPUT: x}
        for node in layer.nodes:
            read = [values[source] for source in node.sources]
            below = f"{path}.{node.name}" if path else node.name
            values[node.name] = (
                node.joined(read, below)[0]
                if node.joins
                else _note_finite(layer[node.name], read[0], below, layer.run_of(node.name, run), flags)
            )
        return values[layer.nodes[-1].name]
    if isinstance(layer, Sequential | Parallel):
        y = x
        for name, child in layer.named_layers.items():
            below = f"{path}.{name}" if path else name
            y = _note_finite(child, x, below, layer.run_of(name, run), flags)
            if isinstance(layer, Sequential):
                x = y
        return y if isinstance(layer, Sequential) else layer.vjp(x, run)[0]
    xp = layer.backend.xp
    y, _ = layer.vjp(x, run)
    sound = [xp.all(xp.isfinite(value)) for value in (*layer.params.values(), *layer.state.values(), y)]
    flags[f"layer {path} ({type(layer).__name__})"] = xp.all(xp.stack(sound))
    return y
