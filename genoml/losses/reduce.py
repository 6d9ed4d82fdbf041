"""Steps that all losses share: shapes of targets, missing labels, weights, reductions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from array_api_compat import array_namespace, is_array_api_obj
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.losses.labels import PROBABILITIES, WEIGHTS, Domain, check_host_labels, classes, expect_numbers
from genoml.ops.arrays import array_like, constant_like

Reduction: TypeAlias = Literal["mean", "sum", "none"]


# ---------------------------------------------------------------- shapes


def loss_namespace(predictions: Array, what: str) -> Any:
    """Array library of the predictions.

    Raises
    ------
    TypeError
        Unless they are a floating-point array.
    """
    if not is_array_api_obj(predictions):
        raise TypeError(f"{what} expects predictions as an array, got {type(predictions).__name__}")
    xp = array_namespace(predictions)
    if not xp.isdtype(predictions.dtype, "real floating"):
        raise TypeError(f"{what} expects floating-point predictions, got {predictions.dtype}")
    return xp


def match_shape(
    values: Any, reference: Array, shape: tuple[int, ...], what: str, kind: str = "targets"
) -> Array:
    """Values with the reference's dtype and device, of this shape; (N,) serves a shape (N, 1)."""
    xp = array_namespace(reference)
    expect_numbers(values, what, kind)
    values = array_like(values, reference, what)
    if tuple(values.shape) == shape:
        return values
    if shape == (*values.shape, 1):
        return xp.reshape(values, shape)
    raise ValueError(f"{what} expects {kind} of shape {shape}, got {tuple(values.shape)}")


def match_targets(predictions: Array, targets: Any, what: str) -> Array:
    """Targets with the predictions' shape, dtype and device; (N,) serves predictions of (N, 1).

    Raises
    ------
    ValueError
        For any other difference in shape: broadcasting (N, 1) against (N,) would give N x N losses.
    """
    return match_shape(targets, predictions, tuple(predictions.shape), what)


def without_axis(array: Array, axis: int) -> tuple[int, ...]:
    """Shape of an array without one of its axes."""
    at = axis % array.ndim
    return tuple(array.shape[:at]) + tuple(array.shape[at + 1 :])


def require_axes(predictions: Array, what: str, *, low: int, axes: str, axis: int | None = None) -> None:
    """Raise ValueError unless the predictions have at least ``low`` axes, and a value along ``axis``."""
    if predictions.ndim < low:
        raise ValueError(f"{what} expects predictions {axes}, got {tuple(predictions.shape)}")
    if axis is not None and predictions.shape[axis] == 0:
        raise ValueError(
            f"{what} expects at least one value along axis {axis}, got {tuple(predictions.shape)}"
        )


def labelled(
    predictions: Array, targets: Any, mask: Any, what: str, domain: Domain, *, axis: int | None = None
) -> tuple[Array, Array | None]:
    """Targets in shape, and the mask as booleans; a missing label becomes 0, so that a NaN has no effect.

    With ``axis`` the mask has no such axis: there is one label for all places along it.
    """
    xp = array_namespace(predictions)
    matched = match_targets(predictions, targets, what)
    present = presence(predictions, mask, what, axis=axis)
    check_host_labels(targets, domain, what, mask, axis=axis)
    if present is None:
        return matched, None
    shown = present if axis is None else xp.expand_dims(present, axis=axis)
    return xp.where(shown, matched, xp.zeros_like(matched)), present


def presence(predictions: Array, mask: Any, what: str, *, axis: int | None = None) -> Array | None:
    """The mask as booleans, one for each entry; None for None."""
    if mask is None:
        return None
    shape = tuple(predictions.shape) if axis is None else without_axis(predictions, axis)
    return match_shape(mask, predictions, shape, f"{what}: mask") != 0


# ---------------------------------------------------------------- classes


def class_targets(predictions: Array, targets: Any, mask: Any, what: str) -> tuple[Array, Array | None]:
    """Targets as a distribution over the classes, from class numbers or one-hot targets, and the mask."""
    require_axes(predictions, what, low=2, axes="(batch, classes, ...)", axis=1)
    xp = array_namespace(predictions)
    shape = tuple(predictions.shape)
    count = shape[1]
    entries = without_axis(predictions, 1)
    got = _shape_of(targets)
    if got == shape:
        return labelled(predictions, targets, mask, what, PROBABILITIES, axis=1)
    if got != entries:
        raise ValueError(f"{what} expects class numbers of shape {entries} or one-hot {shape}, got {got}")
    numbers = match_shape(targets, predictions, entries, what)
    check_host_labels(targets, classes(count), what, mask)
    order = xp.arange(count, dtype=predictions.dtype, device=device_of(predictions))
    order = xp.reshape(order, (1, count) + (1,) * (predictions.ndim - 2))
    # a missing label, NaN or -1, equals no class and gives zeros
    one_hot = xp.astype(xp.expand_dims(numbers, axis=1) == order, predictions.dtype)
    return one_hot, presence(predictions, mask, what, axis=1)


def _shape_of(values: Any) -> tuple[int, ...]:
    """The shape of an array, or of a list of lists."""
    if hasattr(values, "shape"):
        return tuple(values.shape)
    if not isinstance(values, list | tuple):
        return ()
    return (len(values), *(_shape_of(values[0]) if values else ()))


def class_weights(predictions: Array, weights: Sequence[float] | None, what: str) -> Array | None:
    """The class weights as an array that broadcasts along the classes."""
    if weights is None:
        return None
    xp = array_namespace(predictions)
    count = predictions.shape[1]
    check_host_labels(weights, WEIGHTS, f"{what}: class_weight")
    row = match_shape(
        constant_like(predictions, tuple(weights)), predictions, (count,), what, kind="class_weight"
    )
    return xp.reshape(row, (1, count) + (1,) * (predictions.ndim - 2))


# ---------------------------------------------------------------- weights and reductions


def entry_weights(entries: Array, sample_weight: Any, what: str) -> Array | None:
    """Weights that broadcast with the entries: one for each example or each entry; host weights must be >= 0."""
    if sample_weight is None:
        return None
    xp = array_namespace(entries)
    check_host_labels(sample_weight, WEIGHTS, f"{what}: sample_weight")
    weight = array_like(sample_weight, entries, what)
    if tuple(weight.shape) == tuple(entries.shape):
        return weight
    if tuple(weight.shape) == (entries.shape[0],):
        return xp.reshape(weight, (entries.shape[0],) + (1,) * (entries.ndim - 1))
    raise ValueError(
        f"{what} expects sample_weight of shape {(entries.shape[0],)} or {tuple(entries.shape)}, "
        f"got {tuple(weight.shape)}"
    )


def reduce_loss(
    entries: Array,
    grads: Array,
    sample_weight: Any,
    mask: Array | None,
    reduction: Reduction,
    what: str,
    *,
    axis: int | None = None,
) -> tuple[Array, Array]:
    """Weigh, mask and reduce the losses of single entries, and their gradients alike.

    With ``axis`` the gradients have one axis more than the entries, at that place.
    """
    total, reduced = reduce_losses(entries, (grads,), (axis,), sample_weight, mask, reduction, what)
    return total, reduced[0]


def reduce_losses(
    entries: Array,
    grads: tuple[Array, ...],
    axes: tuple[int | None, ...],
    sample_weight: Any,
    mask: Array | None,
    reduction: Reduction,
    what: str,
) -> tuple[Array, tuple[Array, ...]]:
    """``reduce_loss`` for a loss with several gradients; ``axes`` holds the further axis of each, or None."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{what} expects reduction 'mean', 'sum' or 'none', got {reduction!r}")
    xp = array_namespace(entries)
    weight = entry_weights(entries, sample_weight, what)
    zero = constant_like(entries, 0.0)

    shown = mask
    if weight is not None:
        # a weight of 0 removes an entry as the mask does: 0 times an infinite loss is no number
        shown = weight != 0.0 if mask is None else xp.logical_and(mask, weight != 0.0)

    def weigh(values: Array, axis: int | None) -> Array:
        if shown is not None:
            values = xp.where(shown if axis is None else xp.expand_dims(shown, axis=axis), values, zero)
        if weight is not None:
            values = values * (weight if axis is None else xp.expand_dims(weight, axis=axis))
        return values

    entries = weigh(entries, None)
    grads = tuple(weigh(grad, axis) for grad, axis in zip(grads, axes, strict=True))
    if reduction == "none":
        return entries, grads
    if reduction == "mean" and mask is None and (count := math.prod(entries.shape)):
        return xp.mean(entries), tuple(grad / count for grad in grads)
    total = xp.sum(entries)
    if reduction == "sum" or mask is None:
        return total, grads
    present = xp.maximum(xp.sum(xp.astype(mask, entries.dtype)), xp.ones_like(total))
    return total / present, tuple(grad / present for grad in grads)


# ---------------------------------------------------------------- parameters of a loss


def parameter_like(values: Any, predictions: Array, what: str, name: str) -> Array:
    """A parameter of a loss (a number, one a task, or one a prediction) as an array that broadcasts.

    Raises
    ------
    ValueError
        If its shape does not broadcast to that of the predictions.
    """
    kept = isinstance(values, int | float | tuple)  # the same in every step
    parameter = (
        constant_like(predictions, values) if kept else array_like(values, predictions, f"{what}: {name}")
    )
    shape = tuple(parameter.shape)
    target = tuple(predictions.shape)
    tail = target[len(target) - len(shape) :] if len(shape) <= len(target) else None
    if tail is None or any(size not in (1, full) for size, full in zip(shape, tail, strict=True)):
        raise ValueError(f"{what} expects {name} of a shape that broadcasts to {target}, got {shape}")
    return parameter


def sum_to_shape(grad: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of a parameter that was broadcast: the sum over the axes that it was repeated along."""
    xp = array_namespace(grad)
    added = grad.ndim - len(shape)
    if added:
        grad = xp.sum(grad, axis=tuple(range(added)))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and grad.shape[i] != 1)
    return xp.sum(grad, axis=repeated, keepdims=True) if repeated else grad
