"""Non-negative sparse fits of many small problems at once, by accelerated proximal gradients."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from genoml.backend import Array, Backend
from genoml.ops.arrays import clip, constant_like

__all__ = ["duality_gap", "fit_sparse"]

# steps between two looks at the gaps
_STEPS = 10
# products that the bound of the step is found by
_PRODUCTS = 8
_TINY = 1e-30


def fit_sparse(
    atoms: NDArray[np.float32],
    g: NDArray[np.float32],
    penalty: NDArray[np.float32],
    *,
    gap: float,
    most_steps: int,
    backend: Backend,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """h >= 0 that minimises 1/2 || g - sum_j h[j] atoms[j] ||^2 + sum_j penalty[j] h[j], of each problem.

    From h = y = 0, with r = g - A^T y, A the atoms, and L at least the largest eigenvalue of A A^T:

        h' = max(0, y + (A r - penalty) / L),    y = h' + (t - 1) / t' (h' - h),    t' = (1 + sqrt(1 + 4 t^2)) / 2

    Where <y - h', h' - h> > 0 the momentum leads uphill, and t is 1 again. A problem is solved when its duality gap is
    at most ``gap`` of || g ||^2 / 2; those that are not after ``most_steps`` come back as they are.

    Shapes
    ------
    atoms : (n, m, length);  g : (n, length);  penalty : (n, m), above 0
    results : h (n, m), and the gaps (n,) as parts of || g ||^2 / 2
    """
    xp = backend.xp
    found, gaps, rows = np.zeros(penalty.shape), np.zeros(len(g)), np.arange(len(g))
    a, target, weights = (backend.asarray(each) for each in (atoms, g, penalty))
    h = y = xp.zeros_like(weights)
    t = xp.ones_like(target[:, :1])
    bound = _largest_eigenvalue(a)
    for step in range(1, most_steps + 1):
        downhill = _products(a, target - _sums(a, y)) - weights
        new = clip(y + downhill / bound, 0.0)
        uphill = xp.sum((y - new) * (new - h), axis=1, keepdims=True) > 0
        t = xp.where(uphill, constant_like(t, 1.0), t)
        later = (1 + xp.sqrt(1 + 4 * t * t)) / 2
        y, h, t = new + (t - 1) / later * (new - h), new, later
        if step % _STEPS and step < most_steps:
            continue
        now = backend.to_numpy(duality_gap(a, target, weights, h))
        found[rows], gaps[rows] = backend.to_numpy(h), now
        left = np.flatnonzero(~(now <= gap))
        if not len(left):
            break
        if 2 * len(left) <= len(rows):
            rows, chosen = rows[left], backend.asarray(left)
            a, target, weights, h, y, t, bound = (
                xp.take(each, chosen, axis=0) for each in (a, target, weights, h, y, t, bound)
            )
    return found, gaps


def duality_gap(atoms: Array, g: Array, penalty: Array, h: Array) -> Array:
    """How far 1/2 || g - A^T h ||^2 + penalty h is from its least value, at most, as a part of || g ||^2 / 2: (n,).

    The dual is max 1/2 || g ||^2 - 1/2 || g - u ||^2 over u with A u <= penalty. Of u = s r, r = g - A^T h, every s
    in [0, min penalty / (A r)] is allowed, and the best of them is the nearest to <g, r> / || r ||^2. Then the gap is
    1/2 || r ||^2 + penalty h - s <g, r> + s^2 || r ||^2 / 2.
    """
    xp = array_namespace(g)
    r = g - _sums(atoms, h)
    tiny = constant_like(g, _TINY)
    square, along = xp.sum(r * r, axis=1), xp.sum(g * r, axis=1)
    most = 1 / xp.maximum(xp.max(_products(atoms, r) / penalty, axis=1), tiny)
    s = xp.minimum(clip(along / xp.maximum(square, tiny), 0.0), most)
    gap = square / 2 + xp.sum(penalty * h, axis=1) - s * along + s * s * square / 2
    return clip(gap, 0.0) / xp.maximum(xp.sum(g * g, axis=1) / 2, tiny)


def _products(atoms: Array, r: Array) -> Array:
    """A r: (n, m)."""
    return (atoms @ r[:, :, None])[:, :, 0]


def _sums(atoms: Array, h: Array) -> Array:
    """A^T h: (n, length)."""
    return (h[:, None, :] @ atoms)[:, 0, :]


def _largest_eigenvalue(atoms: Array) -> Array:
    """At least the largest eigenvalue of A A^T: (n, 1).

    That of a matrix is at most that of its absolute values, M, and for every v > 0 that one is at most
    max_j (M v)[j] / v[j] (Collatz and Wielandt). Powers of M bring v near the best.
    """
    xp = array_namespace(atoms)
    size = xp.abs(atoms)
    v = xp.ones_like(atoms[:, :, 0])
    ratio = v
    for _ in range(_PRODUCTS):
        product = _products(size, _sums(size, v))
        ratio = xp.max(product / v, axis=1, keepdims=True)
        # a row of zeros, of a problem with fewer atoms, stays above 0
        v = xp.maximum(product / ratio, constant_like(v, 1e-6))
    return ratio
