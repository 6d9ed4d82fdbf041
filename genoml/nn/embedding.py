"""Embedding layer: a trained vector for each token."""

from __future__ import annotations

import math
from collections.abc import Mapping

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, layer_label
from genoml.nn.reach import sees_everything
from genoml.ops.arrays import pad_axis, segment_sum
from genoml.random import Initializer, normal

__all__ = ["Embedding"]


class Embedding(Layer):
    """Look each token up in a table: y[n, l] = weights[x[n, l]].

    Tokens are integers, which have no derivative: ``backward`` gives None for dL/dx, and in a network only
    the first layer can be an Embedding. For k-mers see :func:`~genoml.sequence.kmer_tokens`; their vocabulary is
    4**k + 1, the last one for windows with an ambiguous base, and 4**k + 2 where sequences are padded.

    Parameters
    ----------
    vocabulary : int
        Number of tokens, which are 0 to vocabulary - 1. A token outside gives a row of NaN, and no gradient,
        on every backend: a device cannot refuse it without being read.
    features : int
        Size of the vectors.

    Shapes
    ------
    x : any, of integers, e.g. (batch, length)
    y : (*shape of x, features), e.g. (batch, length, features)

    Raises
    ------
    TypeError
        If x is not of integers.

    References
    ----------
    Bengio et al. (2003), A neural probabilistic language model, JMLR 3:1137-1155. The table begins with
    variance 1, as in PyTorch.
    """

    weights, weights_grad = Parameter(), Gradient()  # (vocabulary, features)

    def __init__(
        self,
        vocabulary: Count,
        features: Count,
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        self.vocabulary, self.features = vocabulary, features

    def initial_params(self) -> Mapping[str, Initializer]:
        """The table."""
        return {"weights": normal((self.vocabulary, self.features), 1.0)}

    def check_dtype(self, x: Array) -> None:
        """Raise TypeError unless x is of integers."""
        if not array_namespace(x).isdtype(x.dtype, "integral"):
            raise TypeError(f"{layer_label(self)} expects an array of integer tokens, got {x.dtype}")

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        xp = array_namespace(x)
        weights = self.weights
        shape = tuple(x.shape)
        keys = xp.astype(xp.reshape(x, (-1,) if 0 not in shape else (0,)), xp.int32)
        legal = xp.logical_and(keys >= 0, keys < self.vocabulary)
        keys = xp.where(legal, keys, xp.full((), self.vocabulary, dtype=xp.int32, device=device_of(x)))
        rows = xp.take(pad_axis(weights, 0, 1, math.nan, axis=0), keys, axis=0)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y is linear in the table: dL/dW[v] is the sum of g wherever the token is v
            if not need_params:
                return None, {}
            flat = xp.reshape(grad, (keys.shape[0], self.features))
            return None, {"weights": segment_sum(flat, keys, self.vocabulary)}

        return xp.reshape(rows, (*shape, self.features)), pullback
