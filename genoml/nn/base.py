"""What a layer is: a function of its input and its parameters, with its derivative beside it.

A subclass defines ``vjp(x)``, which returns the output and a pullback: the function that turns dL/dy into
dL/dx and the parameters' gradients. The pullback holds what backward needs; ``vjp`` leaves nothing on the
layer, so that one layer can be used twice in a network, and by several threads. ``layer(x)`` and
``layer.backward(grad)`` are the same thing for people who work by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Any, Literal, Protocol, Self, overload

from array_api_compat import array_namespace

from genoml.backend import Array, Backend, get_backend
from genoml.nn.reach import Branches, Correlation, Reach
from genoml.random import Drawn, Initializer, host_generator

#: layers that a network read from a file can have
_MOST_LAYERS = 10_000
#: numbers that cost no memory worth speaking of, so that a small network gets as far as its better error
_FEW_NUMBERS = 1 << 20
#: what may still be made: [layers, numbers]; None = anything
_left: ContextVar[list[int] | None] = ContextVar("genoml_left", default=None)


class ModelTooLargeError(ValueError):
    """A network would have more layers or numbers than the file that it is to be read from."""


@contextmanager
def drawing_at_most(numbers: int) -> Iterator[None]:
    """Within it weights may be drawn for so many numbers (or a million), and 10,000 layers made, and no more.

    The sizes of a network that a file describes are checked in this way before memory is taken for them.

    Raises
    ------
    ModelTooLargeError
        At the first layer or array that is too much.
    """
    token = _left.set([_MOST_LAYERS, max(numbers, _FEW_NUMBERS)])
    try:
        yield
    finally:
        _left.reset(token)


def _take(layers: int, numbers: int) -> None:
    left = _left.get(None)
    if left is None:
        return
    left[0], left[1] = left[0] - layers, left[1] - numbers
    if min(left) < 0:
        raise ModelTooLargeError("the network has more layers or numbers than the file")


class Pullback(Protocol):
    """dL/dy -> (dL/dx or None, {parameter: dL/dparameter})."""

    def __call__(self, grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]: ...


class _Entry:
    """An attribute of a layer that is an entry of one of its dicts, which stay the one truth."""

    table: str
    suffix = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name.removesuffix(self.suffix)

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: Layer, owner: type) -> Array: ...
    def __get__(self, layer: Layer | None, owner: type) -> Any:
        if layer is None:
            return self
        table = getattr(layer, self.table)
        if self.key not in table:
            raise AttributeError(f"{type(layer).__name__} has no {self.table}[{self.key!r}] yet")
        return table[self.key]

    def __set__(self, layer: Layer, value: Array) -> None:
        getattr(layer, self.table)[self.key] = value


class Parameter(_Entry):
    """A trainable array: ``layer.weights`` is ``layer.params["weights"]``."""

    table = "params"


class Gradient(_Entry):
    """A parameter's gradient after ``backward``: ``layer.weights_grad`` is ``layer.grads["weights"]``."""

    table = "grads"
    suffix = "_grad"


class State(_Entry):
    """An array that a training forward updates and that is saved, but not trained (running statistics)."""

    table = "state"


class Layer:
    """Base of all layers.

    Parameters
    ----------
    seed : int
        Initial weights are drawn from (seed, path): the layer's path in its network, or, for a layer that
        stands alone, its class name.
    dtype : str
        ``"float32"`` or ``"float64"``.
    backend : str, Backend or None
        Where the parameters live; the default backend if None.

    Notes
    -----
    Parameters are drawn when they are first needed, so that a network can first tell its layers their paths.
    """

    def __init__(
        self, *, seed: int = 0, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        _take(1, 0)
        self.seed = seed
        self.path = type(self).__name__
        self.dtype = dtype
        self.backend = get_backend(backend)
        self._tables: dict[str, dict[str, Array]] | None = None
        self._grads: dict[str, Array] = {}
        self._pullback: Pullback | None = None
        self._shape: tuple[int, ...] = ()

    # ------------------------------------------------------------ what a subclass defines

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define vjp(x, *, training, step)")

    def initial_params(self) -> Mapping[str, Initializer]:
        """Name -> how to draw the initial value of each parameter."""
        return {}

    def initial_state(self) -> Mapping[str, Initializer]:
        """Name -> the initial value of each array of the state."""
        return {}

    # ------------------------------------------------------------ what a subclass may say, for evaluation

    #: what makes a vector of a map, if the layer does: the largest value of each channel (and anything of
    #: these), the mean along the positions (likewise, if linear), or all values in a row, channel by channel
    readout: Literal["max", "mean", "flatten"] | None = None

    def reach(self, length: int) -> Reach | None:
        """What each output position sees of an input (batch, channels, length); None: the layer does not say.

        :data:`~genoml.ops.windows.EVERYTHING` says that any output may see any position. Of a window of the
        input the layer must make the outputs that lie in it whole, whatever is around.
        """
        branches = self.branches(length)
        return None if branches is None else branches.reach(length)

    def branches(self, length: int) -> Branches | None:
        """The layers that this one is made of, for an input of this length; None: of none, or not alone."""
        return None

    def correlation(self) -> Correlation | None:
        """The layer as a correlation and a function of each position, if it is one: changes are then cheap."""
        return None

    def __init_subclass__(cls, **options: Any) -> None:
        """A class with a ``vjp`` of its own inherits none of these, which may be true of its base alone."""
        super().__init_subclass__(**options)
        if "vjp" in cls.__dict__:
            for name in ("readout", "reach", "branches", "correlation"):
                if name not in cls.__dict__:
                    setattr(cls, name, getattr(Layer, name))

    # ------------------------------------------------------------ parameters

    def place(self, seed: int, path: str) -> None:
        """Tell the layer its place in a network; drawn or assigned parameters stay as they are."""
        if self._tables is None:
            self.seed, self.path = seed, path

    def _table(self, name: str) -> dict[str, Array]:
        if self._tables is None:
            self._tables = {
                "params": self._draw(self.initial_params()),
                "state": self._draw(self.initial_state()),
            }
        return self._tables[name]

    def _draw(self, initializers: Mapping[str, Initializer]) -> dict[str, Array]:
        _take(0, sum(prod(draw.shape) for draw in initializers.values() if isinstance(draw, Drawn)))
        return {
            name: self.backend.asarray(draw(host_generator(self.seed, self.path, name)), dtype=self.dtype)
            for name, draw in initializers.items()
        }

    @property
    def params(self) -> MutableMapping[str, Array]:
        """The trainable arrays by name; assign to an entry to change it."""
        return self._table("params")

    @params.setter
    def params(self, values: Mapping[str, Array]) -> None:
        _replace(self.params, values, f"{type(self).__name__}.params")

    @property
    def state(self) -> MutableMapping[str, Array]:
        """The arrays that are saved but not trained, by name."""
        return self._table("state")

    @state.setter
    def state(self, values: Mapping[str, Array]) -> None:
        _replace(self.state, values, f"{type(self).__name__}.state")

    @property
    def grads(self) -> MutableMapping[str, Array]:
        """The gradients of the last ``backward``, by parameter name."""
        return self._grads

    @grads.setter
    def grads(self, values: Mapping[str, Array]) -> None:
        self._grads = dict(values)

    def to(self, backend: str | Backend | None = None, dtype: str | None = None) -> Self:
        """Move parameters and state, in place, to a backend or dtype; returns the layer."""
        target = self.backend if backend is None else get_backend(backend)
        for table in (self.params, self.state):
            for name, value in list(table.items()):
                host = self.backend.to_numpy(value)
                table[name] = target.asarray(host, dtype=dtype or self.dtype)
        self.backend, self.dtype = target, dtype or self.dtype
        self._grads, self._pullback = {}, None
        return self

    # ------------------------------------------------------------ by hand

    def __call__(self, x: Array, *, training: bool = False, step: int | None = None) -> Array:
        """The output for ``x``; keeps what ``backward`` needs.

        Raises
        ------
        TypeError
            If ``x`` is not a floating-point array of the layer's backend.
        """
        self.backend.check(x, type(self).__name__)
        self.check_dtype(x)
        y, self._pullback = self.vjp(x, training=training, step=step)
        self._shape = tuple(y.shape)
        return y

    def check_dtype(self, x: Array) -> None:
        """Layers take real floating-point arrays; a layer that reads something else overrides this."""
        xp = array_namespace(x)
        if not xp.isdtype(x.dtype, "real floating"):
            raise TypeError(f"{type(self).__name__} expects a floating-point array, got {x.dtype}")

    def backward(self, grad: Array) -> Array:
        """dL/dy -> dL/dx; overwrites ``grads`` with the parameters' gradients.

        Raises
        ------
        RuntimeError
            Before a forward pass, or a second time after one.
        ValueError
            If ``grad`` does not have the shape of the output.
        """
        if self._pullback is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward needs a forward pass first, and serves one backward each"
            )
        self.backend.check(grad, f"{type(self).__name__}.backward")
        ok = tuple(grad.shape) == self._shape
        expect_shape(f"{type(self).__name__}.backward", grad, ok, f"{self._shape}")
        pullback, self._pullback = self._pullback, None
        grad_x, self.grads = pullback(grad)
        return grad_x


def _replace(table: MutableMapping[str, Array], values: Mapping[str, Array], what: str) -> None:
    if set(table) != set(values):
        missing, extra = sorted(set(table) - set(values)), sorted(set(values) - set(table))
        raise ValueError(f"{what} expects the same names; missing {missing}, unknown {extra}")
    for name, value in values.items():
        if tuple(value.shape) != tuple(table[name].shape):
            raise ValueError(
                f"{what}[{name!r}] expects shape {tuple(table[name].shape)}, got {tuple(value.shape)}"
            )
    for name, value in values.items():
        table[name] = value


class PathView(MutableMapping[str, Array]):
    """The entries of several layers' dicts as one, under ``"<path>.<name>"``; writing goes through.

    The set of names is the layers' own: entries can be changed, not added or taken away.
    """

    def __init__(self, tables: Callable[[], Mapping[str, MutableMapping[str, Array]]]) -> None:
        self._tables = tables

    def _find(self, path: str) -> tuple[MutableMapping[str, Array], str]:
        for prefix, table in self._tables().items():
            if path.startswith(prefix + ".") and path[len(prefix) + 1 :] in table:
                return table, path[len(prefix) + 1 :]
        raise KeyError(path)

    def __getitem__(self, path: str) -> Array:
        table, name = self._find(path)
        return table[name]

    def __setitem__(self, path: str, value: Array) -> None:
        table, name = self._find(path)
        table[name] = value

    def __delitem__(self, path: str) -> None:
        raise TypeError(f"{path!r} belongs to its layer and cannot be deleted")

    def __iter__(self) -> Iterator[str]:
        return (f"{prefix}.{name}" for prefix, table in self._tables().items() for name in table)

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables().values())

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {tuple(value.shape)}' for name, value in self.items())}}}"


def expect_shape(layer: str, x: Array, ok: bool, expected: str) -> None:
    """Raise the standard ValueError unless ``ok``: what the layer expects, and what came."""
    if not ok:
        raise ValueError(f"{layer} expects {expected}, got {tuple(x.shape)}")
