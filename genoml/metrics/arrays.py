"""What the metrics share: two arrays brought together, counts, and NaN where nothing is defined."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_array

from genoml.backend import Array, get_backend
from genoml.ops.arrays import array_like


def pair(function: str, name_a: str, a: Array, name_b: str, b: Array) -> tuple[Any, Array, Array]:
    """Both arrays flat, of one length and one library, on one device, with their namespace."""
    a, b = on_one_library(a, b)
    if is_numpy_array(b) and not is_numpy_array(a):
        b = move(b, a)
    elif is_numpy_array(a) and not is_numpy_array(b):
        a = move(a, b)
    xp_a, xp = array_namespace(a), array_namespace(b)
    if xp_a is not xp:
        raise TypeError(
            f"{function} expects {name_a} and {name_b} of one array library, "
            f"got {xp_a.__name__} and {xp.__name__}"
        )
    if device(a) != device(b):
        raise ValueError(
            f"{function} expects {name_a} and {name_b} on one device, got {device(a)} and {device(b)}"
        )
    sizes = [x.shape[0] for x in (a, b) if x.ndim == 1 or (x.ndim == 2 and x.shape[1] == 1)]
    if len(sizes) < 2 or sizes[0] != sizes[1]:
        columns = a.ndim == 2 and tuple(a.shape) == tuple(b.shape)
        hint = f"; for one number a column: genoml.evaluation.per_task({function}, {name_a}, {name_b})"
        raise ValueError(
            f"{function} expects {name_a} and {name_b} of one length, each (N,) or (N, 1), "
            f"got {tuple(a.shape)} and {tuple(b.shape)}{hint if columns else ''}"
        )
    return xp, flat(xp, function, name_a, a), flat(xp, function, name_b, b)


def on_one_library(a: Array, b: Array) -> tuple[Array, Array]:
    """Lists become arrays: of the other argument's library, or of the default backend's."""
    if not is_array_api_obj(a):
        a = move(a, b) if is_array_api_obj(b) else get_backend().asarray(a)
    if not is_array_api_obj(b):
        b = move(b, a)
    return a, b


def move(values: Any, like: Array) -> Array:
    """The values as an array of the same library and device as ``like``."""
    # A copy, because some libraries warn about sharing memory that is read-only.
    xp = array_namespace(like)
    return xp.asarray(values, device=device(like), copy=True)  # lint: allow creation, labels keep their kind


def flat(xp: Any, function: str, name: str, x: Array) -> Array:
    """Real numbers of one axis: (batch, 1) becomes (batch,)."""
    if not xp.isdtype(x.dtype, ("bool", "integral", "real floating")):
        raise TypeError(f"{function} expects real numbers in {name}, got dtype {x.dtype}")
    return xp.reshape(x, (-1,)) if x.ndim == 2 else x


def has_nan(xp: Any, x: Array) -> Array:
    """Whether a value is NaN, as a 0-dimensional array of bool."""
    if xp.isdtype(x.dtype, "real floating"):
        return xp.any(xp.isnan(x))
    return xp.zeros((), dtype=xp.bool, device=device(x))


def multiplicities(xp: Any, function: str, counts: Any, x: Array) -> Array:
    """How often each of N examples counts, in the widest float: (N,) ones, or (resamples, N) as given."""
    dtype = widest_float(xp, x)
    if counts is None:
        return xp.ones(x.shape, dtype=dtype, device=device(x))
    counts = array_like(counts, xp.zeros((), dtype=dtype, device=device(x)), function)
    if counts.ndim != 2 or counts.shape[1] != x.shape[0]:
        raise ValueError(
            f"{function} expects counts (resamples, {x.shape[0]}), one an example, got {tuple(counts.shape)}"
        )
    return counts


def running(xp: Any, counts: Array) -> Array:
    """The sum of the first i counts of each row, for i from 0 to N."""
    return xp.cumulative_sum(counts, axis=-1, include_initial=True)


def count(xp: Any, mask: Array) -> Array:
    """How many are true, as the widest float."""
    return xp.sum(xp.astype(mask, widest_float(xp, mask)))


def ratio(xp: Any, top: Array, bottom: Array, valid: Array) -> Array:
    """Divide top by bottom: NaN if bottom is 0 or the input is not valid, and never a warning."""
    defined = bottom > 0
    return nan_unless(xp, valid & defined, top / xp.where(defined, bottom, xp.ones_like(bottom)))


def nan_unless(xp: Any, valid: Array, value: Array) -> Array:
    """The value where ``valid`` is True, NaN elsewhere."""
    found = xp.where(valid, value, xp.full_like(value, math.nan))
    # [()] turns NumPy's 0-d array into its scalar, which can be formatted; elsewhere it changes nothing.
    return found if found.ndim else found[()]


def widest_float(xp: Any, x: Array) -> Any:
    """The widest floating-point dtype of x's device."""
    offered = xp.__array_namespace_info__().dtypes(device=device(x), kind="real floating")
    return offered["float64" if "float64" in offered else "float32"]


def rankable(xp: Any, x: Array) -> Array:
    """The same order without its traps: bool has no order, and some sorts put -0.0 before 0.0."""
    if xp.isdtype(x.dtype, "bool"):
        return xp.astype(x, xp.uint8)
    return xp.where(x == 0, xp.zeros_like(x), x)
