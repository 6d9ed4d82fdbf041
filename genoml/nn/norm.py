"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.base import Gradient, Layer, Parameter, Pullback, State, expect_shape
from genoml.nn.pooling import MaxPool1D
from genoml.nn.reach import Correlation, per_channel, sees_itself
from genoml.ops.rectify import rectified_vjp, squares_around
from genoml.parts import batch_size, is_first_part, whole_batch_sum
from genoml.random import Initializer, constant


class BatchNorm1D(Layer):
    """Normalise each channel over the batch and the length, then scale and shift it.

        y = gamma (x - mean) / sqrt(var + eps) + beta

    In training, mean and (biased) variance are those of the batch, and the running statistics move towards
    them: running = (1 - momentum) running + momentum batch, with the unbiased variance, as in PyTorch. In
    evaluation the running statistics are used.

    Parameters
    ----------
    channels : int
        Size of axis 1 of x.
    momentum : float
        Weight of the newest batch in the running statistics.
    eps : float
        Added to the variance.

    Shapes
    ------
    x, y : (batch, channels, length) or (batch, channels)

    Raises
    ------
    ValueError
        If the channels differ, or in training with fewer than two values a channel, whose variance is
        undefined.

    References
    ----------
    Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithm 1.
    """

    gamma, gamma_grad = Parameter(), Gradient()  # (channels,)
    beta, beta_grad = Parameter(), Gradient()  # (channels,)
    running_mean, running_var = State(), State()  # (channels,)

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.channels, self.momentum, self.eps = channels, momentum, eps

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"gamma": constant((self.channels,), 1.0), "beta": constant((self.channels,), 0.0)}

    def initial_state(self) -> Mapping[str, Initializer]:
        return {
            "running_mean": constant((self.channels,), 0.0),
            "running_var": constant((self.channels,), 1.0),
        }

    reach = sees_itself

    def correlation(self) -> Correlation:
        """In evaluation y = x scale + shift."""
        return per_channel(*self._scale_and_shift())

    def _scale_and_shift(self) -> tuple[Array, Array]:
        """Of each channel, with the running statistics."""
        mean, scale = self._statistics(self.running_mean, 0, training=False)
        scale = self.gamma * scale
        return scale, self.beta - mean * scale

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        rows, restore, count = self._rows(x, training)
        mean, scale = self._statistics(rows, count, training)
        xp, factor = array_namespace(x), self.gamma * scale
        centred = rows - mean

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            g = xp.reshape(grad if x.ndim == 2 else xp.permute_dims(grad, (0, 2, 1)), tuple(rows.shape))
            sums = xp.sum(g, axis=(0, 1)), xp.sum(g * centred, axis=(0, 1))
            grads = {"gamma": sums[1] * scale, "beta": sums[0]}
            if not need_x:
                return None, grads
            if not training:
                return restore(g * factor), grads
            slope, constant = self._through_statistics(*sums, scale, factor, count)
            return restore(g * factor - centred * slope - constant), grads

        return restore(centred * factor + self.beta), pullback

    def vjp_of_rectifier(
        self, pool: MaxPool1D | None, x: Array, *, training: bool = False
    ) -> tuple[Array, Pullback]:
        """The layer, a ReLU and a MaxPool1D (if any) behind it in one; see genoml/nn/fused.py."""
        rows, restore, count = self._rows(x, training)
        mean, scale = self._statistics(rows, count, training)
        xp, factor = array_namespace(x), self.gamma * scale
        windows = (1, False) if pool is None else pool.apart(x)
        y, back = rectified_vjp(rows, self.beta, *windows, mean=mean, scale=factor)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            g = xp.reshape(grad if x.ndim == 2 else xp.permute_dims(grad, (0, 2, 1)), tuple(y.shape))
            sum_g, sum_gc, into_x = back(g)
            grads = {"gamma": sum_gc * scale, "beta": sum_g}
            if not need_x:
                return None, grads
            if not training:
                return restore(into_x(factor)), grads
            return restore(
                into_x(factor, *self._through_statistics(sum_g, sum_gc, scale, factor, count))
            ), grads

        return restore(y), pullback

    def _rows(self, x: Array, training: bool) -> tuple[Array, Callable[[Array], Array], int]:
        """x with its channels last, (batch, length, C) or (1, batch, C); the way back; the values a channel."""
        ok = x.ndim in (2, 3) and x.shape[1] == self.channels
        expect_shape("BatchNorm1D", x, ok, f"(batch, {self.channels}, length) or (batch, {self.channels})")
        count = batch_size(x.shape[0]) * (x.shape[2] if x.ndim == 3 else 1)
        if training:
            expect_shape("BatchNorm1D", x, count > 1, "more than one value a channel in training")
        xp = array_namespace(x)
        if x.ndim == 3:  # a view of channels-last memory
            return xp.permute_dims(x, (0, 2, 1)), lambda rows: xp.permute_dims(rows, (0, 2, 1)), count
        return x[None, :, :], lambda rows: rows[0, :, :], count

    def _statistics(self, rows: Array, count: int, training: bool) -> tuple[Array, Array]:
        """Mean and 1 / standard deviation of each channel: the batch's in training, else the running ones."""
        xp = array_namespace(rows)
        if not training:
            return self.running_mean, 1.0 / xp.sqrt(self.running_var + self.eps)
        flat = xp.reshape(rows, (rows.shape[0] * rows.shape[1], self.channels))
        mean = whole_batch_sum(xp.sum(flat, axis=0)) / count
        var = whole_batch_sum(squares_around(flat, mean)) / count
        if is_first_part():
            unbiased = var * (count / (count - 1))
            keep = 1.0 - self.momentum
            self.running_mean = keep * self.running_mean + self.momentum * mean
            self.running_var = keep * self.running_var + self.momentum * unbiased
        return mean, 1.0 / xp.sqrt(var + self.eps)

    def _through_statistics(
        self, sum_g: Array, sum_gc: Array, scale: Array, factor: Array, count: int
    ) -> tuple[Array, Array]:
        """(slope, constant) of dx = factor g - slope (x - mean) - constant, for the whole batch's mean and scale.

        xhat = (x - mean) s, where mean and s depend on every x, which gives with sums over the rows
        dx = (gamma s / n) (n g - sum g - xhat sum(g xhat)); dgamma = sum(g xhat), dbeta = sum g.
        """
        sum_g, sum_gc = whole_batch_sum(sum_g), whole_batch_sum(sum_gc)
        return factor * scale * scale * (sum_gc / count), factor * (sum_g / count)
