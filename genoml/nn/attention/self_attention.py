"""Self-attention layer: every position of a sequence reads every other one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from array_api_compat import array_namespace

from genoml.arguments import Count, Limits
from genoml.backend import Array, Backend
from genoml.nn.attention.projections import Projections, join_heads, split_heads
from genoml.nn.attention.scores import AttendPullback, attend_blocks, attend_whole, attention_weights
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback
from genoml.nn.reach import sees_everything
from genoml.ops.activations import allow
from genoml.ops.arrays import sum_rows
from genoml.ops.secants import Between, midpoint, softmax_between
from genoml.random import Initializer, constant, glorot_normal

__all__ = ["SelfAttention"]


class SelfAttention(Layer):
    """Multi-head scaled dot-product attention of a sequence to itself.

        q, k, v = x Wq, x Wk, x Wv                                   for each head h
        weights[n, h, i, :] = softmax_j(q[n, h, i] . k[n, h, j] / sqrt(key_size) + position term)
        y[n, i] = bias + concat_h(sum_j weights[n, h, i, j] v[n, h, j]) Wo

    Padding is excluded with ``layer(x, mask=mask)``: ``mask`` is (batch, length), 1 or true where a
    position is real, and no query reads a key that is not. Where a query may read nothing, its weights are
    all zero and y is the output bias alone. Scores that are not allowed become -1e30, never minus infinity.
    A position that is padding itself still reads the real ones; leave its output out of what follows.

    Parameters
    ----------
    features : int
        Size of the last axis of x.
    heads : int
        Number of attention heads.
    key_size, value_size : int or None
        Sizes of the query and key, and of the value, of each head; ``features // heads`` if None.
    out_features : int or None
        Size of the last axis of y; ``features`` if None.
    causal : bool
        Whether a position reads itself and those before it only.
    position : str or None
        How positions enter, without which the layer does not know the order of its input:

        - ``"sinusoidal"``: sines and cosines are added to x
        - ``"rotary"``: queries and keys are rotated by angles proportional to their position
        - ``"relative"``: a learned number for each head and distance is added to the scores; distances of
          ``max_length`` and more share the last ones
        - ``"relative_basis"``: as in Enformer, the scores are q . k / sqrt(key_size) + content_bias . k +
          (q / sqrt(key_size) + position_bias) . r[j - i], where r is a learned projection of fixed functions
          of the distance (``genoml.nn.attention.relative.distance_bases``)
    max_length : int
        The length up to which distances are told apart (``"relative"``), or over which the basis functions
        are spread (``"relative_basis"``), in positions. Longer inputs are allowed.
    bases : int
        Functions in each of the six families of ``"relative_basis"``: three, and the same signed.
    qkv_bias : bool
        Whether queries, keys and values have biases too, as in BERT; the output always has one.
    block_size : int or None
        If given, queries and keys are taken in blocks of this size and the length x length matrix is never
        held: the memory of forward and backward grows linearly with the length. The numbers are the same to
        rounding; the backward pass computes the weights again.

    Shapes
    ------
    x : (batch, length >= 1, features)
    y : (batch, length, out_features)

    Raises
    ------
    ValueError
        If the features differ, the heads do not divide them and no sizes are given, ``"rotary"`` meets an odd
        key size, or the mask is not (batch, length).

    References
    ----------
    Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762. Avsec et al. (2021), Enformer,
    doi:10.1038/s41592-021-01252-x; its dropout of the weights and of the bases is not part of this layer.
    """

    reads_mask = True
    query_weights, query_weights_grad = Parameter(), Gradient()  # (features, heads * key_size)
    key_weights, key_weights_grad = Parameter(), Gradient()  # (features, heads * key_size)
    value_weights, value_weights_grad = Parameter(), Gradient()  # (features, heads * value_size)
    output_weights, output_weights_grad = Parameter(), Gradient()  # (heads * value_size, out_features)
    output_bias, output_bias_grad = Parameter(), Gradient()  # (out_features,)
    # with qkv_bias
    query_bias, query_bias_grad = Parameter(), Gradient()  # (heads * key_size,)
    key_bias, key_bias_grad = Parameter(), Gradient()  # (heads * key_size,)
    value_bias, value_bias_grad = Parameter(), Gradient()  # (heads * value_size,)
    # with "relative"
    relative_bias, relative_bias_grad = Parameter(), Gradient()  # (2 max_length - 1, heads)
    # with "relative_basis"
    basis_weights, basis_weights_grad = Parameter(), Gradient()  # (6 bases, heads * key_size)
    content_bias, content_bias_grad = Parameter(), Gradient()  # (heads, key_size)
    position_bias, position_bias_grad = Parameter(), Gradient()  # (heads, key_size)

    def __init__(
        self,
        features: Count,
        heads: Count = 1,
        *,
        key_size: Count | None = None,
        value_size: Count | None = None,
        out_features: Count | None = None,
        causal: bool = False,
        position: Literal["sinusoidal", "rotary", "relative", "relative_basis"] | None = None,
        max_length: Annotated[int, Limits(ge=2)] = 512,
        bases: Count = 16,
        qkv_bias: bool = False,
        block_size: Count | None = None,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        if (key_size is None or value_size is None) and features % heads:
            raise ValueError(
                f"SelfAttention expects heads that divide the features, or key_size and value_size; got "
                f"{features} features and {heads} heads"
            )
        self.features, self.heads = features, heads
        self.key_size = features // heads if key_size is None else key_size
        self.value_size = features // heads if value_size is None else value_size
        self.out_features = features if out_features is None else out_features
        self.causal = causal
        self.position: str | None = position
        self.qkv_bias = qkv_bias
        self.max_length = max_length
        self.bases = bases
        self.block_size = block_size
        self._check_options()

    def _check_options(self) -> None:
        if self.position == "rotary" and self.key_size % 2:
            raise ValueError(f"SelfAttention expects an even key_size for 'rotary', got {self.key_size}")

    def initial_params(self) -> Mapping[str, Initializer]:
        """Weights by Glorot's rule, biases zero."""
        keys, values = self.heads * self.key_size, self.heads * self.value_size
        sizes = {"query": keys, "key": keys, "value": values}
        params = {f"{n}_weights": _dense(self.features, size) for n, size in sizes.items()}
        if self.qkv_bias:
            params |= {f"{name}_bias": constant((size,), 0.0) for name, size in sizes.items()}
        if self.position == "relative":
            params["relative_bias"] = constant((2 * self.max_length - 1, self.heads), 0.0)
        if self.position == "relative_basis":
            params["basis_weights"] = _dense(6 * self.bases, keys)
            params["content_bias"] = constant((self.heads, self.key_size), 0.0)
            params["position_bias"] = constant((self.heads, self.key_size), 0.0)
        params["output_weights"] = _dense(values, self.out_features)
        params["output_bias"] = constant((self.out_features,), 0.0)
        return params

    # ------------------------------------------------------------ forward

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        parts = Projections(self, x, run)
        if self.block_size is not None:
            return self._project(x, parts, *attend_blocks(parts.attention, self.block_size))
        context, _, back = attend_whole(parts.attention, workers=run.part.workers)
        return self._project(x, parts, context, back)

    def vjp_with_weights(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Array, Pullback]:
        """The output, the weights of :meth:`attention`, and the pullback of the output, all in one pass.

        ``block_size`` plays no part.
        """
        parts = Projections(self, x, run)
        context, weights, back = attend_whole(parts.attention, True, run.part.workers)
        y, pullback = self._project(x, parts, context, back)
        return y, weights, pullback

    def with_weights(self, x: Array, *, mask: Any = None) -> tuple[Array, Array]:
        """The output of a call, and the weights of :meth:`attention`; ``backward`` may follow as after a call.

        Shapes
        ------
        x : (batch, length, features);  mask : (batch, length) or None
        y : (batch, length, out_features);  weights : (batch, heads, length, length)
        """
        self.backend.check(x, "SelfAttention.with_weights")
        self.check_dtype(x)
        y, weights, self._pullback = self.vjp_with_weights(x, Pass(mask=mask))
        self._shape = tuple(y.shape)
        return y, weights

    def _project(
        self, x: Array, parts: Projections, context: Array, back: AttendPullback
    ) -> tuple[Array, Pullback]:
        """Join the heads and map them to the output's features; the output and its pullback."""
        xp = array_namespace(x)
        weights = self.output_weights
        n, length, _ = x.shape
        rows = join_heads(context)
        y = xp.reshape(rows @ weights + self.output_bias, (n, length, self.out_features))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = c Wo + b is linear in each: dWo = c^T g, db = sum g, dc = g Wo^T
            g = xp.reshape(grad, (n * length, self.out_features))
            grad_context = split_heads(g @ xp.matrix_transpose(weights), n, length, self.heads)
            grad_x, grads = parts.pullback(back(grad_context), need_x, need_params)
            if not need_params:
                return grad_x, {}
            grads["output_weights"] = xp.matrix_transpose(rows) @ g
            grads["output_bias"] = sum_rows(g)
            return grad_x, grads

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The softmax's rule; of the products q k^T and W v the product rule; all else is affine.

        Projections of the mean of a pair are the means of the pair's: the products' pullbacks there are the rule.
        """
        xp, bias, weights = array_namespace(x), self.output_bias, self.output_weights
        mean = Projections(self, midpoint(x, reference), EVALUATION)
        own, other, middle = (
            Projections(self, x, EVALUATION).attention,
            Projections(self, reference, EVALUATION).attention,
            mean.attention,
        )
        whole = own.whole()
        scores, scores_r = (allow(a.scores(whole), a.allowed(whole)) for a in (own, other))
        read, read_r, back_softmax = softmax_between(scores, scores_r, -1)
        mean_read = midpoint(read, read_r)

        def projected(context: Array) -> Array:
            rows = join_heads(context) @ weights + bias
            return xp.reshape(rows, (context.shape[0], context.shape[2], self.out_features))

        def back(m: Array) -> Array:
            n, length, _ = m.shape
            rows = xp.reshape(m, (n * length, self.out_features)) @ xp.matrix_transpose(weights)
            g = split_heads(rows, n, length, self.heads)
            into_scores = back_softmax(g @ xp.matrix_transpose(middle.value))
            return mean.pullback(middle.pulled(into_scores, mean_read, g), True, False)[0]

        return projected(read @ own.value), projected(read_r @ other.value), back

    def attention(self, x: Array, *, mask: Any = None) -> Array:
        """The attention weights with which each position (axis 2) reads each other one (axis 3).

        Each row sums to one, or to zero where it may read nothing. ``block_size`` plays no part: the matrix
        is what is asked for.

        Shapes
        ------
        x : (batch, length, features);  mask : (batch, length) or None
        weights : (batch, heads, length, length)
        """
        self.backend.check(x, "SelfAttention.attention")
        self.check_dtype(x)
        return attention_weights(Projections(self, x, Pass(mask=mask)).attention)


def _dense(fan_in: int, fan_out: int) -> Initializer:
    return glorot_normal((fan_in, fan_out), fan_in, fan_out)
