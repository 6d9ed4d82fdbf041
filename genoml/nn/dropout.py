"""Dropout layers, whose masks are the same on every backend."""

from __future__ import annotations

from operator import mul

from array_api_compat import array_namespace

from genoml.arguments import Share
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape, layer_label
from genoml.ops.arrays import in_memory_order
from genoml.ops.threefry import random_uniform
from genoml.ops.windows import Reach
from genoml.parallel import Part
from genoml.random import derive_key

__all__ = ["Dropout", "SpatialDropout1D"]


class Dropout(Layer):
    """In training, set each value to zero with probability ``rate`` and scale the rest by 1 / (1 - rate).

        y = x mask / (1 - rate),  mask ~ Bernoulli(1 - rate);  y = x in evaluation

    The mask comes from counter-based bits made on the device, keyed by (seed, layer path, step): the same
    on every backend, and another one at every step.

    Parameters
    ----------
    rate : float
        Probability of a zero, 0 <= rate < 1.
    seed : int
        Key of the masks; a network gives its own.

    Shapes
    ------
    x, y : (batch, ...), the same

    Raises
    ------
    ValueError
        If the rate is outside [0, 1), x has no axis, or in training without a step number.

    References
    ----------
    Srivastava et al. (2014), Dropout, JMLR 15:1929-1958.
    """

    def __init__(
        self,
        rate: Share,
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        self.rate = rate

    affine = True

    def reach(self, length: int) -> Reach:
        """An output is the input at its own position, in evaluation."""
        return Reach(copies=True)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape(self, x, x.ndim >= 1, "(batch, ...)")
        if not run.training or self.rate == 0.0:
            return x, lambda grad, *, need_x=True, need_params=True: (grad if need_x else None, {})
        if run.step is None:
            raise ValueError(
                f"{layer_label(self)} expects a step number in training, which keys its mask; got None"
            )
        factor = self._factor(x, run.step, run.part)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (self._times(grad, factor) if need_x else None), {}  # y is linear in x

        return self._times(x, factor), pullback

    def _times(self, x: Array, factor: Array) -> Array:
        return in_memory_order(x, factor, mul)

    def _factor(self, x: Array, step: int, part: Part) -> Array:
        """0 or 1 / (1 - rate) for each value, channels-last in memory as x is."""
        xp = array_namespace(x)
        shape = tuple(x.shape) if x.ndim != 3 else (x.shape[0], x.shape[2], x.shape[1])
        each = 1
        for size in shape[1:]:
            each *= size
        key = derive_key(self.seed, self.path)
        drawn = [
            random_uniform(x, key, step, (stop - start) * each, start * each)
            for start, stop in part.rows(shape[0])
        ]
        uniform = drawn[0] if len(drawn) == 1 else xp.concat(drawn)
        keep = xp.astype(xp.reshape(uniform, shape) >= self.rate, x.dtype) * (1.0 / (1.0 - self.rate))
        return keep if x.ndim != 3 else xp.permute_dims(keep, (0, 2, 1))


class SpatialDropout1D(Dropout):
    """In training, set whole channels of a sequence to zero with probability ``rate``, and scale the rest.

        y[n, c, :] = x[n, c, :] mask[n, c] / (1 - rate),  mask ~ Bernoulli(1 - rate);  y = x in evaluation

    After a convolution neighbouring positions are nearly equal, so dropping single ones has little effect.
    Parameters, keys of the mask and errors are those of :class:`Dropout`.

    Shapes
    ------
    x, y : (batch, channels, length)

    Raises
    ------
    ValueError
        Also if x does not have three axes.

    References
    ----------
    Tompson et al. (2015), Efficient object localization using convolutional networks, arXiv:1411.4280.
    """

    affine = True

    def reach(self, length: int) -> Reach:
        """An output is the input at its own position, in evaluation."""
        return Reach(copies=True)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape(self, x, x.ndim == 3, "(batch, channels, length)")
        return super().vjp(x, run)

    def _factor(self, x: Array, step: int, part: Part) -> Array:
        """0 or 1 / (1 - rate) for each channel: (batch, channels, 1)."""
        return super()._factor(x[:, :, : min(x.shape[2], 1)], step, part)
