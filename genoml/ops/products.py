"""Matrix products whose results are larger than what they are made of."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops._dispatch import operation
from genoml.parallel import WHOLE, Part


@operation
def dense_grad_weights(x: Array, grad: Array, part: Part = WHOLE) -> Array:
    """x^T grad = sum_n x[n, i] grad[n, j]: the gradient of a dense layer's weights.

    Of a batch in parts it is the part's share, and the gradient is the sum of the shares. A twin may have the parts
    compute the gradient together, each some of its rows: the first part's share is then all of it, the others' zero.

    Shapes
    ------
    x : (N, I);  grad : (N, J);  result : (I, J)
    """
    return array_namespace(x).matrix_transpose(x) @ grad
