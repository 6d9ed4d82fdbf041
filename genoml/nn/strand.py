"""Strand symmetry: networks whose output is the same for a sequence and its reverse complement.

A sequence (batch, 4, length) turns into its reverse complement when both channels (A, C, G, T) and
positions are flipped. Features of more channels are held the same way: channel c of one strand is channel
C - 1 - c of the other, and turning the sequence flips both axes. A layer is equivariant if turning x turns y:

    (turn x)[n, c, l] = x[n, C - 1 - c, L - 1 - l],    f(turn x) = turn f(x)

Chains of RCConv1D, RCBatchNorm1D and element-wise activations are equivariant, and RCGlobalPool1D at
their end gives features that do not change with the strand. StrandSymmetric makes any network so, at twice
the cost.
Dropout draws other masks for the two strands, so that in training the symmetry holds on average only; plain
pooling layers are equivariant only if their windows leave no position of the sequence out, and BatchNorm1D in
place of RCBatchNorm1D breaks the symmetry.

References
----------
Shrikumar et al. (2017), doi:10.1101/103663; Brown and Lunter (2019), doi:10.1093/bioinformatics/bty964;
Mallet and Vert (2021), doi:10.1101/2021.06.03.446953; Zhou et al. (2022), Proceedings of Machine Learning
Research 165, who compare the two ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array, Backend
from genoml.nn.base import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.containers import Container
from genoml.nn.norm import BatchNorm1D
from genoml.nn.reach import Correlation, per_channel, sees_everything, sees_itself
from genoml.ops.arrays import array_like
from genoml.ops.pool1d import global_max_vjp

__all__ = ["RCBatchNorm1D", "RCGlobalPool1D", "StrandSymmetric"]


class StrandSymmetric(Container):
    """Any model, made the same for both strands: y = combine(f(x), f(reverse complement of x)).

    Both strands go through the model as one batch of twice the size: batch normalisation takes its statistics
    over both, and dropout draws a mask for each, so that in training the symmetry holds on average; in
    evaluation it is exact. A mask is handed to the model, turned for the other strand.

    Parameters
    ----------
    model : Layer
        Its parameters are those of this layer, as ``"model.<name>"``.
    combine : {"mean", "max"}
        ``"max"``: the gradient goes to the strand with the larger output, to the given one if they are equal.

    Shapes
    ------
    x : (batch, 4, length), channels A, C, G, T
    y : (batch, ...) as the model gives it, without a length axis: (batch,) or (batch, outputs)

    Raises
    ------
    ValueError
        For another ``combine``, another shape of x, or a model whose output has more than two axes.

    References
    ----------
    Zhou et al. (2022), Proceedings of Machine Learning Research 165, who call it conjoined: "post-hoc" if a
    model trained without it is wrapped.
    """

    def __init__(self, model: Layer, combine: Literal["mean", "max"] = "mean", *, seed: int = 0) -> None:
        if combine not in ("mean", "max"):
            raise ValueError(f"StrandSymmetric expects combine 'mean' or 'max', got {combine!r}")
        super().__init__({"model": model}, seed=seed)
        self.combine = combine

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape("StrandSymmetric", x, x.ndim == 3 and x.shape[1] == 4, "(batch, 4, length)")
        xp, n = array_namespace(x), x.shape[0]
        both = xp.concat([x, xp.flip(x, axis=(1, 2))], axis=0)
        mask = run.mask
        if mask is not None:
            mask = array_like(mask, x, "StrandSymmetric mask")
            mask = xp.concat([mask, xp.flip(mask, axis=1)], axis=0)
        outputs, back = self["model"].vjp(both, replace(run, mask=mask, part=run.part.twice()))
        flat = outputs.ndim <= 2
        expect_shape("StrandSymmetric", outputs, flat, "a model that gives (batch,) or (batch, outputs)")
        given, turned = outputs[:n, ...], outputs[n:, ...]
        y = 0.5 * (given + turned) if self.combine == "mean" else xp.maximum(given, turned)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if self.combine == "mean":
                parts = [0.5 * grad, 0.5 * grad]
            else:
                zero, first = xp.zeros((), dtype=grad.dtype, device=device_of(grad)), given >= turned
                parts = [xp.where(first, grad, zero), xp.where(first, zero, grad)]
            grad_both, own = back(xp.concat(parts, axis=0), need_x=need_x, need_params=need_params)
            grads = {f"model.{name}": value for name, value in own.items()}
            if grad_both is None:
                return None, grads
            # the second half of the batch is a flip of x: its gradient is flipped back
            return grad_both[:n, ...] + xp.flip(grad_both[n:, ...], axis=(1, 2)), grads

        return y, pullback


def _fold(x: Array) -> Array:
    """(N, C, L) -> (N, C / 2, 2 L): channel C - 1 - c laid behind channel c."""
    xp, half = array_namespace(x), x.shape[1] // 2
    return xp.concat([x[:, :half, :], xp.flip(x[:, half:, :], axis=1)], axis=2)


def _unfold(x: Array) -> Array:
    """The inverse of ``_fold``, and its pullback: it only moves numbers."""
    xp, length = array_namespace(x), x.shape[2] // 2
    return xp.concat([x[:, :, :length], xp.flip(x[:, :, length:], axis=1)], axis=1)


class RCBatchNorm1D(BatchNorm1D):
    """Batch normalisation whose statistics, scale and shift are shared by each reverse-complement pair.

    Channels c and C - 1 - c are normalised as one, see BatchNorm1D: turning x turns y, in training too.

    Parameters
    ----------
    channels : int
        Size of axis 1 of x, an even number; ``layer.channels`` is that of the pairs.
    momentum, eps : float
        As in BatchNorm1D.

    Shapes
    ------
    x, y : (batch, channels, length)
    gamma, beta, running_mean, running_var : (channels / 2,)

    Raises
    ------
    ValueError
        If ``channels`` is odd, or the channels differ.
    """

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        if channels < 2 or channels % 2:
            raise ValueError(f"RCBatchNorm1D expects an even number of channels, got {channels}")
        super().__init__(channels // 2, momentum=momentum, eps=eps, dtype=dtype, backend=backend)

    def settings(self) -> Mapping[str, Any]:
        """As typed: all channels, of which ``layer.channels`` is half."""
        return {**super().settings(), "channels": 2 * self.channels}

    reach = sees_itself

    def correlation(self) -> Correlation:
        """In evaluation y = x scale + shift, the same for both channels of a pair."""
        xp = array_namespace(self.gamma)
        return per_channel(*(xp.concat([half, xp.flip(half)]) for half in self.scale_and_shift()))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        channels = 2 * self.channels
        expect_shape(
            "RCBatchNorm1D", x, x.ndim == 3 and x.shape[1] == channels, f"(batch, {channels}, length)"
        )
        y, back = super().vjp(_fold(x), run)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            grad_x, grads = back(_fold(grad), need_x=need_x, need_params=need_params)
            return (None if grad_x is None else _unfold(grad_x)), grads

        return _unfold(y), pullback


class RCGlobalPool1D(Layer):
    """The largest value, or the mean, of each reverse-complement pair of channels along the sequence.

        y[n, c] = max_l max(x[n, c, l], x[n, C - 1 - c, l])    or the mean over l and both

    Behind equivariant layers y is the same for both strands. Of equal values the first takes the gradient,
    channel c before channel C - 1 - c.

    Parameters
    ----------
    mode : {"max", "mean"}
        Which.

    Shapes
    ------
    x : (batch, channels, length >= 1), channels even
    y : (batch, channels / 2)

    Raises
    ------
    ValueError
        For another mode, an odd number of channels, or no position.
    """

    def __init__(
        self,
        mode: Literal["max", "mean"] = "max",
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        if mode not in ("max", "mean"):
            raise ValueError(f"RCGlobalPool1D expects mode 'max' or 'mean', got {mode!r}")
        self.mode = self.readout = mode

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[1] % 2 == 0 and x.shape[2] >= 1
        expect_shape("RCGlobalPool1D", x, ok, "(batch, an even number of channels, length >= 1)")
        xp, folded = array_namespace(x), _fold(x)
        shape = tuple(folded.shape)
        y, back = xp.mean(folded, axis=2), None
        if self.mode == "max":
            y, back = global_max_vjp(xp.permute_dims(folded, (0, 2, 1)))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if not need_x:
                return None, {}
            if back is not None:
                return _unfold(xp.permute_dims(back(grad), (0, 2, 1))), {}
            return _unfold(xp.broadcast_to((grad / shape[2])[:, :, None], shape)), {}

        return y, pullback
