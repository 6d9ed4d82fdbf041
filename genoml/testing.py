"""Checks for people who write their own layers and losses: is the derivative right, and does the layer behave?

``check_gradients`` compares a pullback with central differences in float64, along random directions and with a
random cotangent (with a cotangent of ones, a wrong softmax passes). ``check_layer`` runs the whole list that
every layer of genoml passes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.nn.base import Layer
from genoml.random import host_generator


@dataclass(frozen=True)
class LayerCase:
    """A layer and what shows that it is right.

    Attributes
    ----------
    make : callable
        Builds the layer.
    shape : tuple of int
        Shape of a sample input.
    edges : sequence of shapes
        Other inputs that must work: batch 0 and 1, length equal to the kernel.
    errors : sequence of (shape, words)
        Inputs that must be refused with ValueError, and a part of the message.
    reference : callable, optional
        (layer's params and state as NumPy arrays, x) -> y: the formula as a plain loop, in evaluation mode.
    training : bool
        Whether gradients are checked in training mode.
    sample : callable, optional
        (generator, shape) -> host input; normal numbers if not given.
    integer : bool
        Whether the layer reads integers, which ``sample`` then gives: they have no gradient.
    """

    make: Callable[[], Layer]
    shape: tuple[int, ...]
    edges: Sequence[tuple[int, ...]] = ()
    errors: Sequence[tuple[tuple[int, ...], str]] = ()
    reference: Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray] | None = None
    training: bool = True
    sample: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] = field(
        default=lambda rng, shape: rng.standard_normal(shape)
    )
    integer: bool = False

    def input(self, shape: tuple[int, ...] | None = None, seed: int = 0) -> np.ndarray:
        """A random host input of the sample shape, or of another."""
        return self.sample(host_generator(seed, "case"), self.shape if shape is None else shape)

    def array(self, backend: Backend, dtype: str, shape: tuple[int, ...] | None = None) -> Array:
        """The input on a backend; int32 where the layer reads integers."""
        return self.place(backend, self.input(shape), dtype)

    def place(self, backend: Backend, values: np.ndarray, dtype: str) -> Array:
        """Host values as an input that the layer reads."""
        return backend.asarray(values, "int32" if self.integer else dtype)

    def build(self, backend: Backend, dtype: str, seed: int = 0) -> Layer:
        """The layer on a backend, its parameters moved away from special values such as 0 and 1."""
        layer = self.make().to(backend, dtype)
        rng = host_generator(seed, "nudge")
        for name in sorted(layer.params):
            host = backend.to_numpy(layer.params[name])
            layer.params[name] = backend.asarray(host + 0.1 * rng.standard_normal(host.shape), dtype)
        return layer


def _fail(condition: Any, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def central_difference(
    function: Callable[[np.ndarray], float], x: np.ndarray, v: np.ndarray, h: float
) -> float:
    """(f(x + h v) - f(x - h v)) / 2 h."""
    return (function(x + h * v) - function(x - h * v)) / (2.0 * h)


def check_gradients(
    layer: Layer,
    x: np.ndarray,
    *,
    directions: int = 3,
    h: float = 1e-6,
    rtol: float = 1e-6,
    training: bool = True,
    seed: int = 0,
) -> None:
    """Compare a layer's pullback with central differences, for the input and for every parameter.

    With L = sum(cotangent * layer(x)), <dL/da, v> must equal (L(a + h v) - L(a - h v)) / 2h for random v.
    The layer must be float64; its parameters and state are left as they were. An ``x`` of integers has no
    gradient: the pullback must then give None for it.

    Raises
    ------
    AssertionError
        Naming the first array whose gradient differs by more than rtol (1 + |expected|).
    """
    backend, rng = layer.backend, host_generator(seed, "check_gradients")
    state, discrete = dict(layer.state), np.issubdtype(np.asarray(x).dtype, np.integer)
    sample = backend.asarray(x, "int32" if discrete else "float64")
    inputs = {} if discrete else {"x": np.asarray(x, np.float64)}
    inputs |= {name: backend.to_numpy(value) for name, value in layer.params.items()}
    y, pullback = layer.vjp(sample, training=training, step=0)
    cotangent = rng.standard_normal(tuple(y.shape))
    grad_x, grads = pullback(backend.asarray(cotangent), need_x=True)
    found = dict(grads) if grad_x is None else {"x": grad_x, **grads}
    _fail(set(found) == set(inputs), f"gradients of {sorted(found)}, expected {sorted(inputs)}")
    without_x, _ = pullback(backend.asarray(cotangent), need_x=False)
    _fail(without_x is None, "the pullback computes the input's gradient although need_x is False")

    def loss_with(name: str, value: np.ndarray) -> float:
        layer.state = state
        if name == "x":
            out, _ = layer.vjp(backend.asarray(value), training=training, step=0)
        else:
            kept, layer.params[name] = layer.params[name], backend.asarray(value)
            out, _ = layer.vjp(sample, training=training, step=0)
            layer.params[name] = kept
        return float(np.sum(cotangent * backend.to_numpy(out)))

    for name, value in inputs.items():
        gradient = backend.to_numpy(found[name])
        _fail(
            gradient.shape == value.shape, f"gradient of {name} has shape {gradient.shape}, not {value.shape}"
        )
        for _ in range(directions):
            v = rng.standard_normal(value.shape)
            expected = central_difference(lambda a, name=name: loss_with(name, a), value, v, h)  # type: ignore[misc]
            got = float(np.sum(gradient * v))
            _fail(
                abs(got - expected) <= rtol * (1.0 + abs(expected)),
                f"gradient of {name}: pullback gives {got!r}, central differences {expected!r}",
            )
    layer.state = state


def check_loss(
    loss: Callable[..., tuple[Array, Array]],
    predictions: np.ndarray,
    *args: Any,
    backend: Backend | None = None,
    h: float = 1e-6,
    rtol: float = 1e-6,
    seed: int = 0,
    **options: Any,
) -> None:
    """Compare a loss's gradient with central differences of its value, in float64.

    Raises
    ------
    AssertionError
        If they differ by more than rtol (1 + |expected|) along one of three random directions.
    """
    on, rng = get_backend(backend), host_generator(seed, "check_loss")
    value = np.asarray(predictions, np.float64)
    _, grad = loss(on.asarray(value), *args, **options)
    gradient = on.to_numpy(grad)
    _fail(gradient.shape == value.shape, f"gradient has shape {gradient.shape}, not {value.shape}")
    for _ in range(3):
        v = rng.standard_normal(value.shape)
        expected = central_difference(
            lambda p: float(np.sum(on.to_numpy(loss(on.asarray(p), *args, **options)[0]))), value, v, h
        )
        got = float(np.sum(gradient * v))
        _fail(
            abs(got - expected) <= rtol * (1.0 + abs(expected)),
            f"the loss gives gradient {got!r}, central differences {expected!r}",
        )


def forward_backward(
    layer: Layer, x: Array, cotangent: np.ndarray | None = None, *, training: bool = True
) -> dict[str, np.ndarray]:
    """Output, input gradient (if x has one) and parameter gradients on the host, for comparing two runs."""
    backend = layer.backend
    y, pullback = layer.vjp(x, training=training, step=0)
    host = backend.to_numpy(y)
    if cotangent is None:
        cotangent = host_generator(0, "cotangent").standard_normal(host.shape)
    grad_x, grads = pullback(backend.asarray(cotangent, layer.dtype))
    found = {"y": host} if grad_x is None else {"y": host, "grad_x": backend.to_numpy(grad_x)}
    return found | {f"{name}_grad": backend.to_numpy(value) for name, value in grads.items()}


def check_layer(
    case: LayerCase,
    *,
    backend: str | Backend | None = None,
    float64: bool = True,
    no_host_read: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Run the list of checks on one backend: see the functions that it calls, in their order.

    Parameters
    ----------
    case : LayerCase
        The layer and its inputs.
    backend : str or Backend, optional
        Where; the default backend if None.
    float64 : bool
        Whether the backend has float64; without it gradients are compared with NumPy's, not with differences.
    no_host_read : callable
        Gives a context in which reading a device array on the host raises; a backend that can do so supplies it.

    Raises
    ------
    AssertionError
        Naming what does not hold.
    """
    on = get_backend(backend)
    dtype = "float64" if float64 else "float32"
    check_forward(case, on, dtype)
    if float64:
        check_gradients(case.build(on, dtype), case.input(), training=case.training)
    check_same_numbers(case, on, dtype)
    for name in {"float32", dtype}:
        check_dtypes(case, on, name)
    check_pure(case, on, dtype, no_host_read)
    check_edges(case, on, dtype)
    check_errors(case, on, dtype)
    check_saved(case, on, dtype)


def _close(got: np.ndarray, expected: np.ndarray, dtype: str, what: str) -> None:
    _fail(got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}")
    scale = 1.0 + float(np.max(np.abs(expected), initial=0.0))
    worst = float(np.max(np.abs(got - expected), initial=0.0))
    limit = (1e-11 if dtype == "float64" else 2e-5) * scale
    _fail(worst <= limit, f"{what}: differs by {worst:.3g}, allowed {limit:.3g}")


def check_forward(case: LayerCase, on: Backend, dtype: str) -> None:
    """The output in evaluation mode equals the case's reference, and has the layer's dtype."""
    layer, x = case.build(on, dtype), case.input()
    y = layer(case.place(on, x, dtype))
    _fail(y.dtype == on.dtype(dtype), f"output is {y.dtype}, expected {dtype}")
    if case.reference is not None:
        arrays = {name: on.to_numpy(a) for name, a in [*layer.params.items(), *layer.state.items()]}
        _close(on.to_numpy(y), case.reference(arrays, x), dtype, "forward against the reference")


def check_dtypes(case: LayerCase, on: Backend, dtype: str) -> None:
    """The output, every gradient and the state have the layer's dtype, in training too."""
    layer, x = case.build(on, dtype), case.array(on, dtype)
    y, pullback = layer.vjp(x, training=case.training, step=0)
    grad_x, grads = pullback(on.asarray(np.ones(tuple(y.shape)), dtype))
    found = {"output": y, **dict(layer.state)} | ({} if grad_x is None else {"gradient of x": grad_x})
    for name, value in (found | {f"gradient of {name}": grad for name, grad in grads.items()}).items():
        _fail(value.dtype == on.dtype(dtype), f"{name} is {value.dtype}, expected {dtype}")


def check_same_numbers(case: LayerCase, on: Backend, dtype: str) -> None:
    """Forward and gradients equal those on NumPy; two runs here are bitwise equal."""
    home = get_backend("numpy")
    reference = forward_backward(case.build(home, dtype), case.array(home, dtype), training=case.training)
    runs = [
        forward_backward(case.build(on, dtype), case.array(on, dtype), training=case.training)
        for _ in range(2)
    ]
    for name, expected in reference.items():
        _close(runs[0][name], expected, dtype, f"{name} against NumPy")
        _fail(np.array_equal(runs[0][name], runs[1][name]), f"{name}: two runs differ")


def check_pure(
    case: LayerCase, on: Backend, dtype: str, no_host_read: Callable[[], AbstractContextManager[Any]]
) -> None:
    """No input, cotangent or parameter is changed, nothing is read on the host, and no state is hidden."""
    layer = case.build(on, dtype)
    x = case.array(on, dtype)
    before = {name: on.to_numpy(value).copy() for name, value in layer.params.items()}
    shape = tuple(layer.vjp(x, training=case.training, step=0)[0].shape)
    cotangent = on.asarray(host_generator(1, "cotangent").standard_normal(shape), dtype)
    kept_cotangent = on.to_numpy(cotangent).copy()
    with no_host_read():
        _, pullback = layer.vjp(x, training=case.training, step=0)
        first, _ = pullback(cotangent)
        second, _ = pullback(cotangent)
    _fail((first is None) == case.integer, "an input has a gradient if, and only if, it is not of integers")
    if first is not None:
        _fail(np.array_equal(on.to_numpy(first), on.to_numpy(second)), "a pullback called twice differs")
    _fail(np.array_equal(on.to_numpy(x), on.to_numpy(case.array(on, dtype))), "the input was changed")
    _fail(np.array_equal(on.to_numpy(cotangent), kept_cotangent), "the output's gradient was changed")
    for name, value in before.items():
        _fail(np.array_equal(on.to_numpy(layer.params[name]), value), f"parameter {name} was changed")


def check_edges(case: LayerCase, on: Backend, dtype: str) -> None:
    """Edge shapes give finite outputs and gradients; non-contiguous and broadcast arrays give the same ones."""
    for shape in case.edges:
        layer = case.build(on, dtype)
        out = forward_backward(layer, case.array(on, dtype, shape), training=case.training)
        if not case.integer:
            _fail(out["grad_x"].shape == shape, f"input {shape}: gradient of shape {out['grad_x'].shape}")
        for name, value in out.items():
            _fail(np.all(np.isfinite(value)), f"input {shape}: {name} is not finite")
    xp, host = on.xp, case.input()
    axes = tuple(reversed(range(host.ndim)))
    plain = forward_backward(case.build(on, dtype), case.place(on, host, dtype), training=case.training)
    turned = xp.permute_dims(case.place(on, np.ascontiguousarray(host.transpose(axes)), dtype), axes)
    for name, value in forward_backward(case.build(on, dtype), turned, training=case.training).items():
        _close(value, plain[name], dtype, f"{name} of a non-contiguous input")
    one = on.asarray(np.ones((1,) * plain["y"].ndim), dtype)
    layer = case.build(on, dtype)
    _, pullback = layer.vjp(case.place(on, host, dtype), training=case.training, step=0)
    grad_x, grads = pullback(xp.broadcast_to(one, plain["y"].shape))
    found = {f"{name}_grad": grad for name, grad in grads.items()} | {"grad_x": grad_x}
    full = forward_backward(
        case.build(on, dtype), case.place(on, host, dtype), np.ones(plain["y"].shape), training=case.training
    )
    for name in set(full) - {"y"}:
        _close(on.to_numpy(found[name]), full[name], dtype, f"gradient of a broadcast cotangent, {name}")


def check_errors(case: LayerCase, on: Backend, dtype: str) -> None:
    """Bad shapes and arrays of another kind or library are refused, with what was expected and what came."""
    for shape, words in case.errors:
        layer = case.build(on, dtype)
        try:
            layer(case.place(on, np.zeros(shape), dtype), training=case.training, step=0)
        except ValueError as error:
            _fail(words in str(error), f"input {shape}: message {str(error)!r} lacks {words!r}")
        else:
            raise AssertionError(f"input {shape} was accepted")
    kind = dtype if case.integer else "int32"
    for wrong in ([1.0, 2.0], on.asarray(np.zeros(case.shape), kind)):
        try:
            case.build(on, dtype)(wrong)
        except TypeError:
            continue
        raise AssertionError(f"an input of {type(wrong).__name__} with the wrong kind was accepted")


def check_saved(case: LayerCase, on: Backend, dtype: str) -> None:
    """Parameters and state come back from a file, bit by bit, into a layer built anew."""
    from genoml.checkpoint import load_weights, save_weights

    layer, other = case.build(on, dtype), case.build(on, dtype, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_weights(path, layer)
        load_weights(path, other)
    x = case.array(on, dtype)
    _fail(
        np.array_equal(on.to_numpy(layer(x)), on.to_numpy(other(x))), "the loaded layer gives another output"
    )
