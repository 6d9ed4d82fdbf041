"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from array_api_compat import array_namespace

from genoml.arguments import Count, NotNegative, Probability
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, State, expect_shape
from genoml.nn.reach import Correlation, per_channel, sees_itself
from genoml.ops.arrays import sum_rows
from genoml.ops.conv1d_norm import Moments
from genoml.ops.normalise import batch_statistics, statistics_gradient
from genoml.random import Initializer, constant

__all__ = ["BatchNorm1D"]


class BatchNorm1D(Layer):
    """Normalise each channel over the batch and the length, then scale and shift it.

        y = gamma (x - mean) / sqrt(var + eps) + beta

    In training, mean and (biased) variance are those of the batch, and the running statistics move towards
    them: running = (1 - momentum) running + momentum batch, with the unbiased variance, as in PyTorch. In
    evaluation, and where gamma and beta are both frozen, the running statistics are used, and stay.

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
        channels: Count,
        *,
        momentum: Probability = 0.1,
        eps: NotNegative = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.channels = channels
        self.momentum = momentum
        self.eps = eps

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"gamma": constant((self.channels,), 1.0), "beta": constant((self.channels,), 0.0)}

    def initial_state(self) -> Mapping[str, Initializer]:
        return {
            "running_mean": constant((self.channels,), 0.0),
            "running_var": constant((self.channels,), 1.0),
        }

    affine = True
    reach = sees_itself

    def correlation(self) -> Correlation:
        """In evaluation y = x scale + shift, a correlation of width 1."""
        return per_channel(*self.scale_and_shift())

    def scale_and_shift(self) -> tuple[Array, Array]:
        """Scale and shift of each channel in evaluation, from the running statistics."""
        mean, scale = self.statistics(self.running_mean, 0, EVALUATION)
        scale = self.gamma * scale
        return scale, self.beta - mean * scale

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        run = self.settled(run)
        rows, restore, count = self.rows(x, run)
        mean, scale = self.statistics(rows, count, run)
        xp, factor = array_namespace(x), self.gamma * scale
        centred = rows - mean

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            g = xp.reshape(grad if x.ndim == 2 else xp.permute_dims(grad, (0, 2, 1)), tuple(rows.shape))
            if not run.training and not need_params:
                return (restore(g * factor) if need_x else None), {}
            sum_g, sum_gc = sum_rows(g), sum_rows(g * centred)
            gamma, through = sum_gc * scale, None
            if run.training:
                gamma, *through = statistics_gradient(sum_g, sum_gc, scale, factor, count, run.part)
            grads = {"gamma": gamma, "beta": sum_g} if need_params else {}
            if not need_x:
                return None, grads
            if through is None:
                return restore(g * factor), grads
            slope, constant = through
            return restore(g * factor - centred * slope - constant), grads

        return restore(centred * factor + self.beta), pullback

    def settled(self, run: Pass) -> Pass:
        """The pass for this layer: where gamma and beta are frozen, its running statistics are too, and are used."""
        return replace(run, training=run.training and not run.frozen.issuperset(self.params))

    def rows(self, x: Array, run: Pass) -> tuple[Array, Callable[[Array], Array], int]:
        """x with channels last, (batch, length, C) or (1, batch, C); the inverse; the number of values a channel."""
        ok = x.ndim in (2, 3) and x.shape[1] == self.channels
        expect_shape(self, x, ok, f"(batch, {self.channels}, length) or (batch, {self.channels})")
        count = run.part.whole_size(x.shape[0]) * (x.shape[2] if x.ndim == 3 else 1)
        if run.training:
            expect_shape(self, x, count > 1, "more than one value a channel in training")
        xp = array_namespace(x)
        if x.ndim == 3:  # a view of channels-last memory
            return xp.permute_dims(x, (0, 2, 1)), lambda rows: xp.permute_dims(rows, (0, 2, 1)), count
        return x[None, :, :], lambda rows: rows[0, :, :], count

    def statistics(
        self, rows: Array, count: int, run: Pass, shift: Array | None = None, moments: Moments = None
    ) -> tuple[Array, Array]:
        """Mean and 1 / standard deviation of each channel: the batch's in training, else the running ones.

        With ``shift`` the layer's input is rows + shift, which has the running mean; the mean returned is of rows.
        ``moments`` of rows are there where a convolution has made them.
        """
        if not run.training:
            mean = self.running_mean if shift is None else self.running_mean - shift
            return mean, 1.0 / array_namespace(rows).sqrt(self.running_var + self.eps)
        running = self.running_mean, self.running_var
        known = {} if moments is None else {"moments": moments}
        mean, scale, *following = batch_statistics(
            rows, *running, self.momentum, self.eps, count, run.part, shift, **known
        )
        if run.part.is_first:
            self.running_mean, self.running_var = following
        return mean, scale
