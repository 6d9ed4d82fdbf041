"""Sinusoidal encodings of position: added to the input, or as rotations of queries and keys."""

from __future__ import annotations

import math

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything

__all__ = ["SinusoidalPositions"]

#: the longest wavelength is 2 pi times this many positions
BASE = 10000.0


def angles(like: Array, length: int, pairs: int) -> Array:
    """Position p times the frequency of pair i: p BASE^(-i / pairs), of shape (length, pairs)."""
    xp, device = array_namespace(like), device_of(like)
    positions = xp.arange(length, dtype=like.dtype, device=device)
    frequencies = xp.exp(xp.arange(pairs, dtype=like.dtype, device=device) * (-math.log(BASE) / pairs))
    return positions[:, None] * frequencies[None, :]


def sinusoids(like: Array, length: int, features: int) -> Array:
    """The table of sinusoidal positions, (length, features), of like's dtype and on its device.

        table[p, 2i] = sin(p / BASE^(2i / F)),  table[p, 2i + 1] = cos(p / BASE^(2i / F))

    F is the number of features, rounded up to an even number.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.5.
    """
    xp, pairs = array_namespace(like), max((features + 1) // 2, 1)
    turn = angles(like, length, pairs)
    table = xp.reshape(xp.stack([xp.sin(turn), xp.cos(turn)], axis=-1), (length, 2 * pairs))
    return table[:, :features]


class Rotary:
    """Rotation of each pair of features (2i, 2i + 1) by its position times the pair's frequency.

        (a, b) -> (a cos t - b sin t, a sin t + b cos t),  t = p BASE^(-2i / size)

    The product of a query rotated by p and a key rotated by r depends on r - p only. The transpose of a
    rotation, which the gradient needs, is the rotation back.

    Shapes
    ------
    x : (batch, heads, length, size), size even

    References
    ----------
    Su et al. (2021), RoFormer: enhanced transformer with rotary position embedding, arXiv:2104.09864, eq. 34.
    """

    def __init__(self, like: Array, length: Count, size: int) -> None:
        xp, turn = array_namespace(like), angles(like, length, size // 2)
        self.cosine, self.sine = xp.cos(turn), xp.sin(turn)

    def rotate(self, x: Array) -> Array:
        """Rotate each position's features by its angles."""
        return self._turn(x, self.sine)

    def rotate_back(self, x: Array) -> Array:
        """Rotate by minus the angles: the inverse of ``rotate``, and its transpose."""
        return self._turn(x, -self.sine)

    def _turn(self, x: Array, sine: Array) -> Array:
        xp = array_namespace(x)
        a, b = x[..., 0::2], x[..., 1::2]
        rotated = xp.stack([a * self.cosine - b * sine, a * sine + b * self.cosine], axis=-1)
        return xp.reshape(rotated, tuple(x.shape))


class SinusoidalPositions(Layer):
    """Add to each position a vector that tells where it is: y[n, p] = x[n, p] + table[p], of ``sinusoids``.

    The derivative is that of the identity.

    Shapes
    ------
    x, y : (batch, length, features)

    Raises
    ------
    ValueError
        If x has not three axes.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.5.
    """

    def __init__(self, *, dtype: str = "float32", backend: str | Backend | None = None) -> None:
        super().__init__(dtype=dtype, backend=backend)

    affine = True
    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        expect_shape(self, x, x.ndim == 3, "(batch, length, features)")
        _, length, features = x.shape

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (grad if need_x else None), {}

        return x + sinusoids(x, length, features), pullback
