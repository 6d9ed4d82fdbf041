"""Motif layer: a bank of trainable position weight matrices that scans both strands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import Correlation
from genoml.ops.activations import ActivationName, ActivationPullback, activation_vjp, log_softmax, softmax
from genoml.ops.arrays import constant_like, sum_rows
from genoml.ops.conv1d import conv1d_vjp
from genoml.ops.pool1d import largest_between
from genoml.ops.secants import Between, activation_between
from genoml.ops.windows import Reach
from genoml.random import Drawn, Initializer, constant, normal
from genoml.sequence.codes import Sequences
from genoml.sequence.motifs.bank import centre_motifs, stack_log_probabilities
from genoml.sequence.motifs.motif import Motif
from genoml.sequence.motifs.pwm import PWM, UNIFORM

__all__ = ["MotifLayer"]

_LN2 = math.log(2.0)


class MotifLayer(Layer):
    """Scan one-hot sequences with trainable motifs, on both strands.

        p[m, b, k] = exp(logits[m, b, k]) / sum_c exp(logits[m, c, k])
        w[m, b, k] = log2(p[m, b, k] / background[b])
        s+[n, m, l] = sum_{b,k} w[m, b, k] x[n, b, l + k]
        s-[n, m, l] = sum_{b,k} w[m, 3 - b, width - 1 - k] x[n, b, l + k]
        y[n, m, l] = activation(max(s+, s-) - threshold[m])

    The logits are unconstrained, and whatever their values, p is a motif and w its log-odds: the layer is a
    motif scanner at every step of its training, and before. s- is the score of the reverse complement, with
    the same parameters; where both are equal, s+ takes the gradient. A base whose one-hot row is zero adds
    0 bits.

    Parameters
    ----------
    n_motifs : int
        How many.
    width : int
        Of each, in bases.
    both_strands : bool
        If False, y holds s+ alone.
    background : sequence of 4 floats
        Probabilities of A, C, G, T outside the motifs.
    threshold : float, optional
        Bits that are subtracted, trainable for each motif from this value on. None: nothing is, and there is
        no such parameter.
    activation : str or None
        As in Conv1D; none by default, so that y is in bits.
    seed : int
        Logits begin normal with standard deviation 0.1: near the background, whose scores are 0.

    Shapes
    ------
    x : (batch, 4, length), channels A, C, G, T
    y : (batch, n_motifs, length - width + 1), in bits

    Raises
    ------
    ValueError
        If x does not have 4 channels, or a sequence is shorter than the motifs.

    References
    ----------
    Ploenzke and Irizarry (2018), doi:10.1101/411934, for first-layer weights that are position weight
    matrices. There weights are constrained by clipping and penalties; here by the softmax.
    """

    logits, logits_grad = Parameter(), Gradient()  # (n_motifs, 4, width)
    threshold, threshold_grad = Parameter(), Gradient()  # (n_motifs,), only if asked for

    def __init__(
        self,
        n_motifs: Count,
        width: Count,
        *,
        both_strands: bool = True,
        background: Sequence[float] = UNIFORM,
        threshold: float | None = None,
        activation: ActivationName | None = None,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        if len(background) != 4 or min(background) <= 0 or abs(math.fsum(background) - 1.0) > 1e-6:
            raise ValueError(
                f"MotifLayer expects a background of 4 probabilities above 0 that sum to 1, got {background}"
            )
        self.n_motifs = n_motifs
        self.width = width
        self.both_strands = both_strands
        self.background = tuple(background)
        self.activation, self._activate = activation, activation_vjp(activation)
        self._threshold = threshold
        self._given_logits: Array | None = None
        self._names = [f"motif_{i}" for i in range(n_motifs)]

    # ------------------------------------------------------------ from motifs, and back

    @classmethod
    def from_motifs(
        cls,
        motifs: Sequence[Motif | PWM],
        *,
        width: int | None = None,
        pseudocount: float = 0.25,
        background: Sequence[float] = UNIFORM,
        **options: Any,
    ) -> Self:
        """A layer that begins as known motifs, such as those of a JASPAR, TRANSFAC or MEME file.

        Parameters
        ----------
        motifs : sequence of Motif or PWM
            One each; shorter ones are centred, with the background on both sides.
        width : int, optional
            That of the widest motif if None.
        pseudocount : float
            Added to the count of each base of a Motif, see ``PWM.from_motif``.
        background
            Also that of the pseudocounts' log-odds.
        **options
            As in the class.

        Raises
        ------
        ValueError
            If there is no motif, one is wider than ``width``, or a probability of 0 remains.
        """
        bank = [
            motif
            if isinstance(motif, PWM)
            else PWM.from_motif(motif, pseudocount=pseudocount, background=background)
            for motif in motifs
        ]
        logits = stack_log_probabilities(bank, width, background)
        layer = cls(len(bank), logits.shape[2], background=background, **options)
        layer._given_logits = logits
        layer._names = [pwm.name or name for pwm, name in zip(bank, layer._names, strict=True)]
        return layer

    @classmethod
    def from_sequences(
        cls,
        *sites: Sequences,
        pseudocount: float = 0.25,
        background: Sequence[float] = UNIFORM,
        **options: Any,
    ) -> Self:
        """A layer that begins as the motifs of aligned sites: one motif for each list of sites.

        Raises
        ------
        ValueError
            If a list is empty, or its sites differ in length.
        """
        bank = [PWM.from_sequences(group, pseudocount=pseudocount, background=background) for group in sites]
        return cls.from_motifs(bank, background=background, **options)

    def motifs(self) -> list[Motif]:
        """The motifs as they are now, on the host, for ``genoml.io.write_meme``, logos and matches."""
        xp = array_namespace(self.logits)
        matrices = self.backend.to_numpy(xp.permute_dims(self.probabilities(), (0, 2, 1)))
        return [Motif(name, matrix) for name, matrix in zip(self._names, matrices, strict=True)]

    # ------------------------------------------------------------ forward and backward

    def centre(self) -> None:
        """Shift each motif so that its information is in the middle of the window.

        A motif that begins to form at the edge of its window cannot grow beyond it. Called once after the
        first epochs, this gives it room on both sides, see ``genoml.sequence.motifs.bank``.
        """
        moved = centre_motifs(self.backend.to_numpy(self.logits), self.background)
        self.logits = self.backend.asarray(moved, self.dtype)

    def initial_params(self) -> Mapping[str, Initializer]:
        shape, given = (self.n_motifs, 4, self.width), self._given_logits
        logits = normal(shape, 0.1) if given is None else Drawn(shape, lambda rng: given)
        params: dict[str, Initializer] = {"logits": logits}
        if self._threshold is not None:
            params["threshold"] = constant((self.n_motifs,), self._threshold)
        return params

    def probabilities(self) -> Array:
        """(n_motifs, 4, width): the softmax of the logits over the bases."""
        return softmax(self.logits, axis=1)

    def log_odds(self) -> Array:
        """(n_motifs, 4, width), in bits: w of the formula, the weights of the scan."""
        return log_odds_of(self.logits, self.background)[0]

    def reach(self, length: int) -> Reach:
        """An output sees the motif's window."""
        return Reach(self.width)

    def correlation(self) -> Correlation:
        """A scan of both strands at once, then the larger score of the two, threshold and activation."""
        return Correlation(self._kernel(self.log_odds()), None, lambda scores: self._scores_to_y(scores)[0])

    def _kernel(self, weights: Array) -> Array:
        """The motifs as kernels (width, 4, n_motifs), and with both strands also their reverse complements."""
        xp = array_namespace(weights)
        kernel = xp.permute_dims(weights, (2, 1, 0))
        # the reverse complement flips positions and bases; both strands are one convolution
        return xp.concat([kernel, xp.flip(kernel, axis=(0, 1))], axis=2) if self.both_strands else kernel

    def _scores_to_y(self, scores: Array) -> tuple[Array, ActivationPullback]:
        """y, from the scores of both strands (batch, length, kernels), and the activation's pullback."""
        bits = scores
        if self.both_strands:
            forward, reverse = scores[:, :, : self.n_motifs], scores[:, :, self.n_motifs :]
            bits = array_namespace(scores).maximum(forward, reverse)
        return self._activate(bits if self._threshold is None else bits - self.threshold)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[1] == 4 and x.shape[2] >= self.width
        expect_shape(self, x, ok, f"(batch, 4, length >= {self.width})")
        xp, m = array_namespace(x), self.n_motifs
        weights, probabilities = log_odds_of(self.logits, self.background)
        scores, back_conv = conv1d_vjp(xp.permute_dims(x, (0, 2, 1)), self._kernel(weights))
        forward, reverse = scores[:, :, :m], scores[:, :, m:]
        y, back = self._scores_to_y(scores)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            g = back(xp.permute_dims(grad, (0, 2, 1)))
            grads = {"threshold": -sum_rows(g)} if self._threshold is not None and need_params else {}
            if self.both_strands:
                # max gives g to the larger score, to s+ where they are equal
                zero, first = xp.zeros((), dtype=g.dtype, device=device_of(g)), forward >= reverse
                g = xp.concat([xp.where(first, g, zero), xp.where(first, zero, g)], axis=2)
            grad_rows, grad_kernel = back_conv(g, need_x, need_params)
            grad_x = None if grad_rows is None else xp.permute_dims(grad_rows, (0, 2, 1))
            if grad_kernel is None:
                return grad_x, {}
            if self.both_strands:
                # w serves both strands: the reverse one's gradient is flipped back and added
                grad_kernel = grad_kernel[:, :, :m] + xp.flip(grad_kernel[:, :, m:], axis=(0, 1))
            grad_weights = xp.permute_dims(grad_kernel, (2, 1, 0))
            # w = (z - log sum exp z) / ln 2 - log2 q  =>  dz = (dw - p sum_b dw) / ln 2
            total = xp.sum(grad_weights, axis=1, keepdims=True)
            grads["logits"] = (grad_weights - probabilities * total) * (1.0 / _LN2)
            return grad_x, grads

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The scan's transpose, after the maximum's rule over the strands and the mean slope of the activation."""
        xp, kernel, count = array_namespace(x), self._kernel(self.log_odds()), self.n_motifs
        rows, others = (xp.permute_dims(z, (0, 2, 1)) for z in (x, reference))
        (s, _), (s_r, back_conv) = conv1d_vjp(rows, kernel), conv1d_vjp(others, kernel)

        def strands(scores: Array) -> list[Array]:
            return [scores[:, :, :count], scores[:, :, count:]] if self.both_strands else [scores]

        best, best_r, back_best = largest_between(strands(s), strands(s_r))
        threshold = 0.0 if self._threshold is None else self.threshold
        y, y_r, back = activation_between(self.activation, best - threshold, best_r - threshold)

        def back_all(m: Array) -> Array:
            into_scores = xp.concat(back_best(back(xp.permute_dims(m, (0, 2, 1)))), axis=2)
            return xp.permute_dims(back_conv(into_scores, True, False)[0], (0, 2, 1))

        return xp.permute_dims(y, (0, 2, 1)), xp.permute_dims(y_r, (0, 2, 1)), back_all


def log_odds_of(logits: Array, background: Sequence[float]) -> tuple[Array, Array]:
    """Log-odds log2(p / background) in bits, and p, the softmax of the logits."""
    xp = array_namespace(logits)
    log_p = log_softmax(logits, axis=1)
    log_q = constant_like(logits, tuple(map(math.log, background)))
    return (log_p - log_q[None, :, None]) * (1.0 / _LN2), xp.exp(log_p)
