"""Strand symmetry: networks whose output is the same for a sequence and its reverse complement.

The reverse complement rc(x) of a one-hot sequence (batch, 4, length) is x with both channels (A, C, G, T) and
positions flipped. Features of more channels are held the same way: channel c of one strand is channel C - 1 - c of
the other. A layer is equivariant if it maps the reverse complement of x to that of y:

    rc(x)[n, c, l] = x[n, C - 1 - c, L - 1 - l],    f(rc(x)) = rc(f(x))

Chains of RCConv1D, RCBatchNorm1D and element-wise activations are equivariant, and RCGlobalPool1D at
their end gives features that are the same for both strands. StrandSymmetric does this for any network, at twice the
cost. Dropout draws other masks for the two strands, so that in training the symmetry holds on average only; plain
pooling layers are equivariant only if their windows leave no position of the sequence out, and BatchNorm1D in
place of RCBatchNorm1D breaks the symmetry.

References
----------
Shrikumar et al. (2017), doi:10.1101/103663; Brown and Lunter (2019), doi:10.1093/bioinformatics/bty964;
Mallet and Vert (2021), doi:10.1101/2021.06.03.446953; Zhou et al. (2022), Proceedings of Machine Learning
Research 165, who compare the two ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.containers import Container
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.arrays import array_like
from genoml.ops.pool1d import largest_between
from genoml.ops.secants import Between

__all__ = ["StrandSymmetric"]


class StrandSymmetric(Container):
    """Any model, made the same for both strands: y = combine(f(x), f(reverse complement of x)).

    Both strands go through the model as one batch of twice the size: batch normalisation takes its statistics
    over both, and dropout draws a mask for each, so that in training the symmetry holds on average; in
    evaluation it is exact. The model gets the mask too, flipped for the other strand.

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
        super().__init__({"model": model}, seed=seed)
        self.combine = combine

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape(self, x, x.ndim == 3 and x.shape[1] == 4, "(batch, 4, length)")
        xp, n = array_namespace(x), x.shape[0]
        both = xp.concat([x, xp.flip(x, axis=(1, 2))], axis=0)
        mask = run.mask
        if mask is not None:
            mask = array_like(mask, x, "StrandSymmetric mask")
            mask = xp.concat([mask, xp.flip(mask, axis=1)], axis=0)
        outputs, back = self["model"].vjp(
            both, replace(self.run_of("model", run), mask=mask, part=run.part.twice())
        )
        ok = outputs.ndim <= 2
        expect_shape(self, outputs, ok, "a model that gives (batch,) or (batch, outputs)")
        forward, reverse = outputs[:n, ...], outputs[n:, ...]
        y = 0.5 * (forward + reverse) if self.combine == "mean" else xp.maximum(forward, reverse)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if self.combine == "mean":
                parts = [0.5 * grad, 0.5 * grad]
            else:
                zero, first = xp.zeros((), dtype=grad.dtype, device=device_of(grad)), forward >= reverse
                parts = [xp.where(first, grad, zero), xp.where(first, zero, grad)]
            grad_both, own = back(xp.concat(parts, axis=0), need_x=need_x, need_params=need_params)
            grads = {f"model.{name}": value for name, value in own.items()}
            if grad_both is None:
                return None, grads
            # the second half of the batch is a flip of x: its gradient is flipped back
            return grad_both[:n, ...] + xp.flip(grad_both[n:, ...], axis=(1, 2)), grads

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """Both strands' own, with those of the other flipped back; the mean, or the maximum's rule over the two."""
        xp, model = array_namespace(x), self["model"]
        y, y_r, back = model.between(x, reference)
        other, other_r, back_other = model.between(xp.flip(x, axis=(1, 2)), xp.flip(reference, axis=(1, 2)))
        expect_shape(self, y, y.ndim <= 2, "a model that gives (batch,) or (batch, outputs)")

        def back_strands(parts: Sequence[Array]) -> Array:
            return back(parts[0]) + xp.flip(back_other(parts[1]), axis=(1, 2))

        if self.combine == "mean":
            return 0.5 * (y + other), 0.5 * (y_r + other_r), lambda m: back_strands([0.5 * m, 0.5 * m])
        best, best_r, back_best = largest_between([y, other], [y_r, other_r])
        return best, best_r, lambda m: back_strands(back_best(m))
