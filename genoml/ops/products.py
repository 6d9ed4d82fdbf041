"""Matrix products whose results are larger than what they are made of."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops._dispatch import operation


@operation
def dense_grad_weights(x: Array, grad: Array) -> Array | None:
    """x^T grad = sum_n x[n, i] grad[n, j]: the gradient of a dense layer's weights.

    A twin may compute the whole batch's at once where the batch is in parts, some rows in each of them; all parts
    but the first then give None.

    Shapes
    ------
    x : (N, I);  grad : (N, J);  result : (I, J)
    """
    return array_namespace(x).matrix_transpose(x) @ grad
