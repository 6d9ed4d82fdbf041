"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.base import Gradient, Layer, Parameter, Pullback, State, expect_shape
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

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        ok = x.ndim in (2, 3) and x.shape[1] == self.channels
        expect_shape("BatchNorm1D", x, ok, f"(batch, {self.channels}, length) or (batch, {self.channels})")
        # as a matrix of rows by channels, which is a view of channels-last memory
        xp, shape = array_namespace(x), tuple(x.shape)
        rows = x if x.ndim == 2 else xp.permute_dims(x, (0, 2, 1))
        moved = tuple(rows.shape)
        count = shape[0] * (shape[2] if x.ndim == 3 else 1)
        rows = xp.reshape(rows, (count, self.channels))
        if training:
            in_batch = batch_size(shape[0]) * (shape[2] if x.ndim == 3 else 1)
            expect_shape("BatchNorm1D", x, in_batch > 1, "more than one value a channel in training")
            y, back = self._train(rows, in_batch)
        else:
            y, back = self._evaluate(rows)

        def restore(matrix: Array) -> Array:
            return matrix if len(shape) == 2 else xp.permute_dims(xp.reshape(matrix, moved), (0, 2, 1))

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            g = grad if len(shape) == 2 else xp.permute_dims(grad, (0, 2, 1))
            grad_rows, grads = back(xp.reshape(g, (count, self.channels)), need_x=need_x)
            return (None if grad_rows is None else restore(grad_rows)), grads

        return restore(y), pullback

    def _train(self, rows: Array, count: int) -> tuple[Array, Pullback]:
        xp, gamma = array_namespace(rows), self.gamma
        mean = whole_batch_sum(xp.sum(rows, axis=0)) / count
        centred = rows - mean
        var = whole_batch_sum(xp.sum(centred * centred, axis=0)) / count
        if is_first_part():
            unbiased = var * (count / (count - 1))
            keep = 1.0 - self.momentum
            self.running_mean = keep * self.running_mean + self.momentum * mean
            self.running_var = keep * self.running_var + self.momentum * unbiased
        scale = 1.0 / xp.sqrt(var + self.eps)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # xhat = (x - mean) s; mean and s depend on every x, which gives with sums over the rows
            # dx = (gamma s / n) (n g - sum g - xhat sum(g xhat)); dgamma = sum(g xhat), dbeta = sum g
            sum_g, sum_gx = xp.sum(grad, axis=0), xp.sum(grad * centred, axis=0) * scale
            grads = {"gamma": sum_gx, "beta": sum_g}
            if not need_x:
                return None, grads
            sum_g, sum_gx = whole_batch_sum(sum_g), whole_batch_sum(sum_gx)
            # gathered into one factor a channel for each array, since the arrays are what takes time
            factor = gamma * scale
            slope, shift = factor * scale * (sum_gx / count), factor * (sum_g / count)
            return grad * factor - centred * slope - shift, grads

        return centred * (gamma * scale) + self.beta, pullback

    def _evaluate(self, rows: Array) -> tuple[Array, Pullback]:
        xp, gamma = array_namespace(rows), self.gamma
        scale = 1.0 / xp.sqrt(self.running_var + self.eps)
        centred = rows - self.running_mean

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # the statistics are constants here: dx = gamma s g
            grads = {"gamma": xp.sum(grad * centred, axis=0) * scale, "beta": xp.sum(grad, axis=0)}
            return (grad * (gamma * scale) if need_x else None), grads

        return centred * (gamma * scale) + self.beta, pullback
