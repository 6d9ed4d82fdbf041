"""Containers: layers made of layers, whose parameters are named by path: ``"0.weights"``, ``"tower.3.bias"``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

from genoml.backend import Array, Backend
from genoml.nn.fused import FusedPullback, fused_vjp, no_pullback
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback
from genoml.nn.reach import Branches
from genoml.nn.tables import PathView
from genoml.ops.secants import Back, Between

__all__ = ["Sequential"]

#: names of a child, or of those that are computed as one; whether they learn; and their pullback
Pulled: TypeAlias = tuple[Sequence[str], bool, Pullback | FusedPullback]


class Container(Layer):
    """Base of layers made of layers: its parameters are those of its children."""

    def __init__(self, layers: Sequence[Layer] | Mapping[str, Layer], *, seed: int = 0) -> None:
        named = (
            dict(layers) if isinstance(layers, Mapping) else {str(i): layer for i, layer in enumerate(layers)}
        )
        for name, layer in named.items():
            self._expect_layer(name, layer)
        if not named:
            raise ValueError(f"{type(self).__name__} expects at least one layer")
        first = next(iter(named.values()))
        super().__init__(seed=seed, dtype=first.dtype, backend=first.backend)
        for name, layer in named.items():
            self._expect_backend(name, layer)
        self.named_layers = named
        self.place(seed, "")

    def _expect_layer(self, name: str, layer: object) -> None:
        if not isinstance(layer, Layer):
            got = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
            raise TypeError(f"{type(self).__name__} expects layers, got {got} at {name!r}")

    def _expect_backend(self, name: str, layer: Layer) -> None:
        if layer.backend is not self.backend:
            raise ValueError(
                f"{type(self).__name__} expects one backend, got {self.backend.name} and "
                f"{layer.backend.name} (layer {name!r})"
            )

    @property
    def children(self) -> Mapping[str, Layer]:
        """The layers by name, in their order."""
        return self.named_layers

    @property
    def layers(self) -> list[Layer]:
        """The children in order."""
        return list(self.named_layers.values())

    @property
    def reads_mask(self) -> bool:
        """Whether one of the children reads a mask."""
        return any(layer.reads_mask for layer in self.layers)

    def run_of(self, name: str, run: Pass) -> Pass:
        """The pass as a child is given it, with the frozen parameters by their names below the child."""
        if not run.frozen:
            return run
        own = (path.removeprefix(f"{name}.") for path in run.frozen if path.startswith(f"{name}."))
        return replace(run, frozen=frozenset(own))

    def learns(self, name: str, run: Pass) -> bool:
        """Whether a child has a parameter whose gradient is read; without frozen ones, any child."""
        return not run.frozen or any(f"{name}.{path}" not in run.frozen for path in self[name].params)

    def run_row(self, names: Sequence[str], x: Array, run: Pass) -> tuple[Array, list[Pulled]]:
        """Children one after another, fused where they can be: the output, and what ``pull_row`` takes.

        If nothing will be pulled back, what a child keeps for it is freed before the next one runs.
        """
        pullbacks: list[Pulled] = []
        layers = [self[name] for name in names]
        at = 0
        while at < len(layers):
            count, fused = fused_vjp(layers[at:]) or (1, None)
            group = layers[at : at + count]
            if run.frozen and sum(len(layer.params) > 0 for layer in group) > 1:
                count, fused = 1, None  # each of them may be frozen or not
            own_run = self.run_of(names[at], run)
            x, pullback_layer = layers[at].vjp(x, own_run) if fused is None else fused(x, own_run)
            if run.pulls != 0:
                pullbacks.append((names[at : at + count], self.learns(names[at], run), pullback_layer))
            del pullback_layer
            at += count
        return x, pullbacks if run.pulls != 0 else [SPENT]

    def __getitem__(self, key: int | str) -> Layer:
        return self.named_layers[key] if isinstance(key, str) else self.layers[key]

    def __setitem__(self, key: int | str, layer: Layer) -> None:
        """Replace a layer: ``model["head"] = Dense(64, 3)``, ``model[-1] = ...``.

        The new layer has the old one's path, from which its weights are drawn, but for weights that it has already.

        Raises
        ------
        KeyError, IndexError
            If there is no such place.
        TypeError
            If it is no layer, or not of the container's dtype.
        ValueError
            If it is on another backend.
        """
        name = key if isinstance(key, str) else list(self.named_layers)[key]
        if name not in self.named_layers:
            raise KeyError(f"{name!r} is no layer here; layers: {', '.join(self.named_layers)}")
        self._expect_layer(name, layer)
        self._expect_backend(name, layer)
        if layer.dtype != self.dtype:
            raise TypeError(
                f"{type(self).__name__} expects a layer of {self.dtype} at {name!r}, got one of {layer.dtype}"
            )
        self.named_layers = {**self.named_layers, name: layer}
        self._pullback = None  # belongs to a call of the old layer
        self.trained = None  # and so does what the network was trained for
        layer.place(self.seed, f"{self.path}.{name}" if self.path else name)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.named_layers)

    def place(self, seed: int, path: str) -> None:
        """Tell every child its path below this one."""
        self.seed, self.path = seed, path
        for name, layer in self.named_layers.items():
            layer.place(seed, f"{path}.{name}" if path else name)

    def check_dtype(self, x: Array) -> None:
        """The first layer decides what the network reads."""
        self.layers[0].check_dtype(x)

    def _view(self, table: str) -> PathView:
        return PathView(lambda: self.named_layers, lambda layer: getattr(layer, table))

    def _table(self, name: str) -> Any:
        return self._view(name)

    def undrawn(self) -> int:
        """How many numbers the children have still to draw."""
        return sum(layer.undrawn() for layer in self.layers)

    def draw(self) -> None:
        """Draw every child."""
        for layer in self.layers:
            layer.draw()

    @property
    def grads(self) -> MutableMapping[str, Array]:
        """The children's gradients, by path."""
        return self._view("grads")

    @grads.setter
    def grads(self, values: Mapping[str, Array]) -> None:
        for name, layer in self.named_layers.items():
            layer.grads = {
                path.removeprefix(f"{name}."): value
                for path, value in values.items()
                if path.startswith(f"{name}.")
            }

    def to(self, backend: str | Backend | None = None, dtype: str | None = None) -> Self:
        """Move every child."""
        for layer in self.layers:
            layer.to(backend, dtype)
        self.backend, self.dtype = self.layers[0].backend, self.layers[0].dtype
        self._pullback = None
        return self


def between_row(layers: Iterable[Layer], x: Array, reference: Array) -> Between:
    """Layers one after another between x and its references: multipliers go back through them, the last first."""
    backs = list[Back]()
    for layer in layers:
        x, reference, back = layer.between(x, reference)
        backs.append(back)

    def back_row(m: Array) -> Array:
        for back in reversed(backs):
            m = back(m)
        return m

    return x, reference, back_row


#: row of what has been, or will not be, pulled back
SPENT: Pulled = ((), True, no_pullback)


def pull_row(row: list[Pulled], grad: Array, need_x: bool, need_params: bool, run: Pass) -> Grads:
    """Backward of children in a row by the chain rule, the last first, down to the lowest that learns.

    If ``run`` says that this is done once, a child's pullback is freed before the next one is called.
    """
    grads: dict[str, Array] = {}
    # below it, nobody reads a gradient but dL/dx
    lowest = next((i for i, (_, learns, _) in enumerate(row) if learns), len(row))
    left = list(row)
    if run.pulls == 1:
        row[:] = [SPENT]
    while left:
        names, learns, back = left.pop()
        i = len(left)
        if i < lowest and not need_x:
            return None, grads
        grad, own = back(grad, need_x=need_x or i > lowest, need_params=need_params and learns)
        for name, table in zip(names, own if isinstance(own, tuple) else (own,), strict=False):
            grads |= {f"{name}.{key}": value for key, value in table.items()}
    return grad, grads


class Sequential(Container):
    """One layer after another: y = f_n(... f_2(f_1(x))).

    Backward by the chain rule, last layer first, down to the first layer that is not frozen. With
    ``layer(x, mask=mask)`` every layer that reads a mask (attention, recurrent) is given it; they must see sequences of
    the mask's length.

    Some layers that follow one another are computed as one, which saves passes over the arrays between them: a
    convolution and the pooling after it; batch normalisation, ReLU and pooling (genoml/nn/fused.py has the rules). The
    numbers are those of the single layers but for rounding.

    Raises
    ------
    ValueError
        For an empty list, layers on different backends, or a mask that no layer reads.
    """

    #: name of a network that reads one length alone, and that length in bp; ``build_model`` sets it for messages
    _only_length: tuple[str, int] | None = None

    def branches(self, length: int) -> Branches[Layer] | None:
        """The layers as one row."""
        return Branches.in_row(self.layers)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        given = tuple(x.shape)
        try:
            x, pullbacks = self.run_row(list(self.named_layers), x, run)
        except ValueError as error:
            if built_for := self._built_for(given):
                raise ValueError(f"{built_for}: {error}") from error
            raise

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return pull_row(pullbacks, grad, need_x, need_params, run)

        return x, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The chain rule for multipliers."""
        return between_row(self.layers, x, reference)

    def _built_for(self, shape: tuple[int, ...]) -> str:
        """The length that the network was built for, if that is why it cannot read an input of this shape."""
        name, length_bp = self._only_length or ("", 0)
        if not name or len(shape) != 3 or shape[1] != 4 or shape[2] == length_bp:
            return ""
        return f"{name} reads {length_bp} bp; build it with length_bp={shape[2]} to read {shape[2]} bp"
