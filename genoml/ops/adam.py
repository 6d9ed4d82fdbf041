"""Adam's update of one parameter array, and of many at once."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.dispatch import operation
from genoml.parallel import ALONE, Workers


@operation
def adam_update(
    param: Array,
    grad: Array,
    mean: Array,
    square: Array,
    *,
    kept: float,
    beta1: float,
    beta2: float,
    rate: float,
    correction: float,
    eps: float,
    workers: Workers = ALONE,
    in_place: bool = False,
) -> tuple[Array, Array, Array]:
    """One step of Adam: the updated parameter and its two moments, each a new array.

        m' = b1 m + (1 - b1) g,    v' = b2 v + (1 - b2) g^2
        p' = kept p - rate m' / (sqrt(v') / correction + eps)

    ``rate`` and ``correction`` contain the bias corrections. ``kept`` is 1 minus the decoupled weight decay.
    ``workers`` are idle threads, for a twin that divides the array among them. ``in_place`` allows a twin to write into
    the parameter and its moments, and to return these.
    """
    xp = array_namespace(param)
    m = beta1 * mean + (1.0 - beta1) * grad
    v = beta2 * square + (1.0 - beta2) * (grad * grad)
    start = param if kept == 1.0 else kept * param
    return start - rate * (m / (xp.sqrt(v) / correction + eps)), m, v


@operation
def adam_update_all(
    params: list[Array],
    grads: list[Array],
    means: list[Array],
    squares: list[Array],
    decays: list[float],
    *,
    decoupled: bool,
    workers: Workers = ALONE,
    in_place: bool = False,
    **rates: float,
) -> list[tuple[Array, Array, Array]]:
    """``adam_update`` of several parameters, which on a GPU is one kernel.

    ``decays`` holds a number d a parameter: decoupled it leaves (1 - d) p of the parameter, else it is an L2 penalty,
    g = grad + d p. ``rates`` are beta1, beta2, rate, correction and eps, the same for all.
    """
    if not decoupled:
        both = zip(params, grads, decays, strict=True)
        grads = [grad + decay * param if decay else grad for param, grad, decay in both]
    arrays = zip(params, grads, means, squares, decays, strict=True)
    return [
        adam_update(*own, kept=1.0 - decay if decoupled else 1.0, workers=workers, in_place=in_place, **rates)
        for *own, decay in arrays
    ]
