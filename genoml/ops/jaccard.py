"""Continuous Jaccard similarity of many pairs of matrices, at the best of several offsets."""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.dispatch import operation

#: numbers of a block of pairs
_BLOCK = 1 << 18


@operation
def jaccard(
    a: Array, b: Array, first: Array, second: Array, low: int = 0, high: int = 0
) -> tuple[Array, Array]:
    """Similarity of pairs of matrices, at the offset where it is largest, and that offset; of equals the first.

        J(a, b, o) = sum sign(x y) min(|x|, |y|) / sum max(|x|, |y|),   x = a[p, c],  y = b[p + o, c]

    over all p and c, zeros beyond either matrix; low <= o <= high. Since max = |x| + |y| - min, and
    sign(x y) min(|x|, |y|) = sign(x) t with t = y clipped to [-|x|, |x|], one pass over t gives both sums. Two
    matrices of zeros have the similarity 0.

    Shapes
    ------
    a : (n, width, channels);  b : (m, width', channels)
    first, second : (pairs,) integers, rows of a and of b
    out : (pairs,) of a's dtype and (pairs,) int32

    References
    ----------
    Shrikumar et al. (2018), Technical note on TF-MoDISco, arXiv:1811.00416, with zeros for what does not overlap.
    """
    xp, device = array_namespace(a), device_of(a)
    pairs, width, wide = first.shape[0], a.shape[1], b.shape[1]
    total_a, total_b = (xp.sum(xp.abs(x), axis=(1, 2)) for x in (a, b))
    step = max(1, _BLOCK // max(1, width * a.shape[2]))
    values, offsets = [], []
    for start in range(0, pairs, step):
        stop = min(start + step, pairs)
        rows, others = first[start:stop], second[start:stop]
        x, y = xp.take(a, rows, axis=0), xp.take(b, others, axis=0)
        size, sign = xp.abs(x), xp.copysign(xp.ones_like(x), x)
        sums = xp.take(total_a, rows, axis=0) + xp.take(total_b, others, axis=0)
        best = xp.full(rows.shape, -2.0, dtype=a.dtype, device=device)
        where = xp.full(rows.shape, low, dtype=xp.int32, device=device)
        for offset in range(low, high + 1):
            begin, end = max(0, -offset), min(width, wide - offset)
            own, other = slice(begin, end), slice(begin + offset, end + offset)
            if end <= begin:
                own = other = slice(0, 0)
            bound = size[:, own, :]
            t = xp.minimum(xp.maximum(y[:, other, :], -bound), bound)
            shared = xp.sum(xp.abs(t), axis=(1, 2))
            united = sums - shared
            signed = xp.sum(sign[:, own, :] * t, axis=(1, 2))
            found = xp.where(
                united > 0, signed / xp.where(united > 0, united, xp.ones_like(united)), 0 * signed
            )
            better = found > best
            best = xp.where(better, found, best)
            where = xp.where(better, xp.full(rows.shape, offset, dtype=xp.int32, device=device), where)
        values.append(best)
        offsets.append(where)
    if not values:
        return xp.zeros((0,), dtype=a.dtype, device=device), xp.zeros((0,), dtype=xp.int32, device=device)
    return xp.concat(values), xp.concat(offsets)
