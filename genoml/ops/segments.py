"""Sums of rows by key: the gradient of a table look-up, which the standard has no scatter-add for."""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation


@operation
def segment_sum(rows: Array, keys: Array, count: int) -> Array:
    """out[v] = sum of the rows whose key is v, for v from 0 to count - 1; other keys are left out.

    Sorted by key, rows of equal keys lie together, and log2(T) passes sum them: in the pass with shift d each
    row adds the sum that ends d rows before it, if that row has its key. The last row of a key then holds its
    sum. Differences of a running total over all rows would lose digits; this adds each key's rows alone, and
    pairwise. The cost of a one-hot product grows with the table; this one does not.

    Shapes
    ------
    rows : (T, F);  keys : (T,) integers;  out : (count, F)
    """
    xp, (total, features), device = array_namespace(rows), rows.shape, device_of(rows)
    zero = xp.zeros((), dtype=rows.dtype, device=device)
    if total == 0:
        return xp.zeros((count, features), dtype=rows.dtype, device=device)
    order = xp.argsort(keys)
    keys, rows = xp.take(keys, order, axis=0), xp.take(rows, order, axis=0)
    at = xp.arange(total, dtype=keys.dtype, device=device)
    shift = 1
    while shift < total:  # by index, not by slices: every pass has the same shapes, and compiles once
        before = xp.clip(at - shift, min=0)
        same = xp.logical_and(at >= shift, xp.take(keys, before, axis=0) == keys)
        rows = rows + xp.where(same[:, None], xp.take(rows, before, axis=0), zero)
        shift *= 2
    wanted = xp.arange(count, dtype=keys.dtype, device=device)
    ends = xp.astype(xp.searchsorted(keys, wanted, side="right"), keys.dtype) - 1
    last = xp.clip(ends, min=0)
    found = xp.logical_and(ends >= 0, xp.take(keys, last, axis=0) == wanted)
    return xp.where(found[:, None], xp.take(rows, last, axis=0), zero)
