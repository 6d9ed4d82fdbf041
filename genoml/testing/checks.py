"""Checks that every layer of genoml passes, one function each."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, get_backend, use_backend
from genoml.nn.layer import Layer, Pass
from genoml.ops.windows import EVERYTHING, slices
from genoml.random import host_generator
from genoml.testing.cases import LayerCase
from genoml.testing.gradients import check_gradients, expect
from genoml.testing.measure import (
    LIMITS,
    formula_difference,
    forward_backward,
    layer_differences,
    relative_difference,
    run_case,
)
from genoml.testing.secants import check_secants


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
        Backend of the layer; the default backend if None.
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
    check_needs(case, on, dtype)
    check_edges(case, on, dtype)
    check_errors(case, on, dtype)
    check_reach(case)
    check_secants(case, on, dtype, LIMITS.secant[dtype], no_host_read)
    check_saved(case, on, dtype)
    check_copied(case, on, dtype)


def _within(difference: float, dtype: str, what: str) -> None:
    limit = LIMITS.difference[dtype]
    expect(difference <= limit, f"{what}: differs by {difference:.3g}, allowed {limit:.3g}")


def _close(got: np.ndarray, expected: np.ndarray, dtype: str, what: str) -> None:
    expect(got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}")
    _within(relative_difference(got, expected), dtype, what)


def check_forward(case: LayerCase, on: Backend, dtype: str) -> None:
    """The output in evaluation mode equals the case's reference, and has the layer's dtype."""
    y = case.build(on, dtype)(case.array(on, dtype))
    expect(y.dtype == on.dtype(dtype), f"output is {y.dtype}, expected {dtype}")
    difference = formula_difference(case, on, dtype)
    if difference is not None:
        _within(difference, dtype, "forward against the reference")


def check_dtypes(case: LayerCase, on: Backend, dtype: str) -> None:
    """The output, every gradient and the state have the layer's dtype, in training too."""
    layer, x = case.build(on, dtype), case.array(on, dtype)
    y, pullback = layer.vjp(x, Pass(training=case.training, step=0))
    grad_x, grads = pullback(on.asarray(np.ones(tuple(y.shape)), dtype))
    found = {"output": y, **dict(layer.state)} | ({} if grad_x is None else {"gradient of x": grad_x})
    for name, value in (found | {f"gradient of {name}": grad for name, grad in grads.items()}).items():
        expect(value.dtype == on.dtype(dtype), f"{name} is {value.dtype}, expected {dtype}")


def check_same_numbers(case: LayerCase, on: Backend, dtype: str) -> None:
    """Forward and gradients equal those on NumPy in float64; two runs here are bitwise equal."""
    runs = [run_case(case, on, dtype) for _ in range(2)]
    for name, difference in layer_differences(case, runs[0], dtype).items():
        _within(difference, dtype, f"{name} against NumPy")
        expect(np.array_equal(runs[0][name], runs[1][name]), f"{name}: two runs differ")


def check_pure(
    case: LayerCase, on: Backend, dtype: str, no_host_read: Callable[[], AbstractContextManager[Any]]
) -> None:
    """No input, cotangent or parameter is changed, nothing is read on the host, and no state is hidden."""
    layer = case.build(on, dtype)
    x = case.array(on, dtype)
    before = {name: on.to_numpy(value).copy() for name, value in layer.params.items()}
    shape = tuple(layer.vjp(x, Pass(training=case.training, step=0))[0].shape)
    cotangent = on.asarray(host_generator(1, "cotangent").standard_normal(shape), dtype)
    kept_cotangent = on.to_numpy(cotangent).copy()
    with no_host_read():
        _, pullback = layer.vjp(x, Pass(training=case.training, step=0))
        first, _ = pullback(cotangent)
        second, _ = pullback(cotangent)
    expect((first is None) == case.integer, "an input has a gradient if, and only if, it is not of integers")
    if first is not None:
        expect(np.array_equal(on.to_numpy(first), on.to_numpy(second)), "a pullback called twice differs")
    expect(np.array_equal(on.to_numpy(x), on.to_numpy(case.array(on, dtype))), "the input was changed")
    expect(np.array_equal(on.to_numpy(cotangent), kept_cotangent), "the output's gradient was changed")
    for name, value in before.items():
        expect(np.array_equal(on.to_numpy(layer.params[name]), value), f"parameter {name} was changed")


def check_needs(case: LayerCase, on: Backend, dtype: str) -> None:
    """A pullback asked for the input's gradient alone, or for the parameters', gives the same ones and no others."""
    for training in sorted({case.training, False}):
        layer, x = case.build(on, dtype), case.array(on, dtype)
        y, pullback = layer.vjp(x, Pass(training=training, step=0))
        cotangent = host_generator(1, "cotangent").standard_normal(tuple(y.shape))
        grad = on.asarray(cotangent, dtype)
        grad_x, grads = pullback(grad)
        x_alone, none = pullback(grad, need_params=False)
        expect(not none, f"gradients of {sorted(none)} come although need_params is False")
        no_x, params_alone = pullback(grad, need_x=False)
        expect(no_x is None, "the input's gradient comes although need_x is False")
        expect(set(params_alone) == set(grads), "other parameters have gradients when need_x is False")
        pairs = [(f"gradient of {name}", value, params_alone[name]) for name, value in grads.items()]
        pairs += [] if grad_x is None else [("gradient of x", grad_x, x_alone)]
        for name, value, alone in pairs:
            same = np.array_equal(on.to_numpy(value), on.to_numpy(alone))
            expect(same, f"{name} is another one when it is asked for alone")


def check_edges(case: LayerCase, on: Backend, dtype: str) -> None:
    """Edge shapes give finite outputs and gradients; non-contiguous and broadcast arrays give the same ones."""
    for shape in case.edges:
        layer = case.build(on, dtype)
        out = forward_backward(layer, case.array(on, dtype, shape), training=case.training)
        if not case.integer:
            expect(out["grad_x"].shape == shape, f"input {shape}: gradient of shape {out['grad_x'].shape}")
        for name, value in out.items():
            expect(np.all(np.isfinite(value)), f"input {shape}: {name} is not finite")
    xp, host = on.xp, case.input()
    axes = tuple(reversed(range(host.ndim)))
    plain = forward_backward(case.build(on, dtype), case.place(on, host, dtype), training=case.training)
    transposed = xp.permute_dims(case.place(on, np.ascontiguousarray(host.transpose(axes)), dtype), axes)
    for name, value in forward_backward(case.build(on, dtype), transposed, training=case.training).items():
        _close(value, plain[name], dtype, f"{name} of a non-contiguous input")
    one = on.asarray(np.ones((1,) * plain["y"].ndim), dtype)
    layer = case.build(on, dtype)
    _, pullback = layer.vjp(case.place(on, host, dtype), Pass(training=case.training, step=0))
    grad_x, grads = pullback(xp.broadcast_to(one, plain["y"].shape))
    found = {f"{name}_grad": grad for name, grad in grads.items()} | {"grad_x": grad_x}
    full = forward_backward(
        case.build(on, dtype), case.place(on, host, dtype), np.ones(plain["y"].shape), training=case.training
    )
    for name in set(full) - {"y"}:
        _close(on.to_numpy(found[name]), full[name], dtype, f"gradient of a broadcast cotangent, {name}")


def check_errors(
    case: LayerCase, on: Backend, dtype: str, foreign: Sequence[tuple[Array, type[Exception], str]] = ()
) -> None:
    """Wrong shapes, kinds, libraries and devices are refused, with what was expected and what came.

    ``foreign`` holds arrays of other libraries or devices, each with the error to expect and a part of its
    message, for those who have them at hand; a list stands for the rest. A container leaves the kind to its
    first layer, which the message then names.
    """
    for shape, part in case.errors:
        x = case.place(on, np.zeros(shape), dtype)
        forward = partial(case.build(on, dtype), x, training=case.training, step=0)
        _refused(forward, ValueError, [part], f"input {shape}")
    name = type(case.build(on, dtype)).__name__
    wrong_kind = on.asarray(np.zeros(case.shape), dtype if case.integer else "int32")
    wrong: list[tuple[Any, type[Exception], list[str]]] = [
        ([1.0, 2.0], TypeError, [f"{name} is on backend {on.name}", "expects its arrays, got list"]),
        (wrong_kind, TypeError, ["expects", f"got {wrong_kind.dtype}"]),
        *((x, kind, [f"{name} is on", part]) for x, kind, part in foreign),
    ]
    for x, kind, words in wrong:
        what = f"an input of {type(x).__name__} with the wrong kind"
        _refused(partial(case.build(on, dtype), x), kind, words, what)
    _check_backward_errors(case, case.build(on, dtype), name)


def _check_backward_errors(case: LayerCase, layer: Layer, name: str) -> None:
    """A gradient of another shape is refused, and so is a second backward after one forward."""
    on, dtype = layer.backend, layer.dtype
    y = layer(case.array(on, dtype), training=case.training, step=0)
    shape = tuple(y.shape)
    wrong = partial(layer.backward, on.asarray(np.zeros((*shape, 2)), dtype))
    words = f"{name}.backward expects {shape}, got {(*shape, 2)}"
    _refused(wrong, ValueError, [words], "a gradient of another shape")
    right = partial(layer.backward, on.asarray(np.zeros(shape), dtype))
    right()
    _refused(right, RuntimeError, [f"{name}.backward needs a forward pass first"], "a second backward")


def _refused(call: Callable[[], Any], kind: type[Exception], words: Sequence[str], what: str) -> None:
    """The call must raise this error, with each of the words in its message."""
    try:
        call()
    except kind as error:
        for part in words:
            expect(part in str(error), f"{what}: message {str(error)!r} lacks {part!r}")
    else:
        raise AssertionError(f"{what} was accepted")


def check_saved(case: LayerCase, on: Backend, dtype: str) -> None:
    """Parameters and state come back from a file, bit by bit, into a layer built anew."""
    from genoml.checkpoint import load_weights, save_weights

    layer, other = case.build(on, dtype), case.build(on, dtype, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_weights(path, layer)
        load_weights(path, other)
    x = case.array(on, dtype)
    expect(
        np.array_equal(on.to_numpy(layer(x)), on.to_numpy(other(x))), "the loaded layer gives another output"
    )


def check_copied(case: LayerCase, on: Backend, dtype: str) -> None:
    """A deep copy gives the same output, on the same backend, and shares nothing: changed, it leaves the original."""
    layer, x = case.build(on, dtype), case.array(on, dtype)
    y = on.to_numpy(layer(x)).copy()
    other = copy.deepcopy(layer)
    expect(other.backend is layer.backend, f"the copy is on {other.backend}")
    expect(np.array_equal(on.to_numpy(other(x)), y), "the copy gives another output")
    for table in (other.params, other.state):
        for name in list(table):
            table[name] = table[name] * 0
    expect(np.array_equal(on.to_numpy(layer(x)), y), "a change of the copy has changed the layer")


def check_reach(case: LayerCase) -> None:
    """No change reaches further than ``layer.reach`` says, and a slice of the input gives its outputs.

    In evaluation, of inputs (batch, channels, length), on NumPy in float64, since it is the same on every backend; a
    layer that says nothing, or that it sees everything, passes.
    """
    with use_backend("numpy") as on:
        layer, x = case.build(on, "float64"), case.input()
    reach = layer.reach(x.shape[2]) if x.ndim == 3 else None
    if reach is None or reach == EVERYTHING:
        return

    def evaluate(values: np.ndarray) -> np.ndarray:
        return on.to_numpy(layer.vjp(case.place(on, values, "float64"))[0])

    y, length = evaluate(x), x.shape[2]
    expect(y.shape[2] == reach.outputs(length), f"{reach} leaves {reach.outputs(length)}, got {y.shape[2]}")
    for place in range(length):
        other = x.copy()
        other[:, :, place] += 0.5
        changed = np.flatnonzero((evaluate(other) != y).any(axis=(0, 1)))
        first, stop = reach.seen_by(place, place + 1)
        expect(set(changed) <= set(range(first, stop)), f"position {place} changes {changed}, said {reach}")
    for start in range(y.shape[2]):
        expected = y[:, :, start : start + 1]
        if reach.copies:
            got = x[:, :, start - reach.before : start - reach.before + 1].astype(y.dtype)
        else:
            starts, size = slices(((start,), 1), reach, length)
            first = starts[0]
            own = layer.reach(size)
            if own is None or own.before != reach.before:
                continue  # the layer depends on the length, and is not computed on slices
            at = start - first // reach.stride
            got = evaluate(x[:, :, first : first + size])[:, :, at : at + 1]
        difference = relative_difference(got, expected)
        expect(
            difference <= LIMITS.difference["float64"],
            f"output {start} of a slice differs by {difference:.3g}",
        )
