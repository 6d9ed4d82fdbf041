"""Updates of many parameters at once, which on a GPU are one kernel: SGD, Adagrad, RMSprop; Adam's is in adam.py."""

from __future__ import annotations

from collections.abc import Callable

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.arrays import constant_like
from genoml.ops.dispatch import operation


@operation
def update_all(
    params: list[Array],
    grads: list[Array],
    slots: list[list[Array]],
    decays: list[float],
    *,
    rule: str,
    **numbers: float,
) -> list[tuple[Array, ...]]:
    """One step of an optimiser: each updated parameter, and its next slots, as new arrays.

    Parameters
    ----------
    slots : list of lists
        What the optimiser keeps: for each slot an array a parameter.
    decays : list of float
        L2 penalty of each parameter, added to its gradient: g = grad + decay p.
    rule : {"sgd", "adagrad", "rmsprop"}
        The formula, see the functions here; ``numbers`` are its numbers.
    """
    own = zip(*slots, strict=True) if slots else ((),) * len(params)
    step = RULES[rule]
    return [
        step(param, grad + decay * param if decay else grad, *kept, **numbers)
        for param, grad, decay, kept in zip(params, grads, decays, own, strict=True)
    ]


def _sgd(
    p: Array, g: Array, v: Array | None = None, *, rate: float, momentum: float = 0.0, nesterov: float = 0.0
) -> tuple[Array, ...]:
    """v' = momentum v + g;  p' = p - rate v', with Nesterov p - rate (g + momentum v'), without v p - rate g."""
    if v is None:
        return (p - rate * g,)
    v = momentum * v + g
    return p - rate * (g + momentum * v if nesterov else v), v


def _adagrad(p: Array, g: Array, s: Array, *, rate: float, eps: float) -> tuple[Array, ...]:
    """s' = s + g^2;  p' = p - rate g / (sqrt(s') + eps)."""
    s = s + g * g
    return p - rate * (g / (array_namespace(p).sqrt(s) + eps)), s


def _rmsprop(
    p: Array,
    g: Array,
    s: Array,
    *others: Array,
    rate: float,
    rho: float,
    eps: float,
    momentum: float,
    centred: float,
) -> tuple[Array, ...]:
    """s' = rho s + (1 - rho) g^2;  u = g / (sqrt(s') + eps);  v' = momentum v + u;  p' = p - rate v'.

    The others are, if centred, m, with m' = rho m + (1 - rho) g and s' - m'^2 in the root; with momentum, v.
    """
    xp, left = array_namespace(p), list(others)
    s = rho * s + (1.0 - rho) * (g * g)
    kept, spread = [s], s
    if centred:
        kept.append(rho * left.pop(0) + (1.0 - rho) * g)
        # a variance, which rounding may make negative
        spread = xp.maximum(s - kept[1] * kept[1], constant_like(s, 0.0))
    u = g / (xp.sqrt(spread) + eps)
    if momentum:
        u = momentum * left.pop(0) + u
        kept.append(u)
    return p - rate * u, *kept


RULES: dict[str, Callable[..., tuple[Array, ...]]] = {"sgd": _sgd, "adagrad": _adagrad, "rmsprop": _rmsprop}
