"""Each entry of the losses' registry written with PyTorch's functions and distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml.testing import LossCase
from support.losses import LOSSES, TASK_LOSSES, WEIGHTS

Tensor = torch.Tensor
#: (inputs ..., targets, reduction) -> loss
Counterpart = Callable[..., Tensor]


def reduced(entries: Tensor, reduction: str) -> Tensor:
    return entries if reduction == "none" else getattr(entries, reduction)()


def of_torch(function: Callable[..., Tensor], **options: Any) -> Counterpart:
    """One of PyTorch's losses, whose reductions are genoml's."""
    return lambda *arrays, reduction: function(*arrays, reduction=reduction, **options)


def by_entry(function: Callable[..., Tensor]) -> Counterpart:
    """A formula for the entries, to be differentiated by autograd."""
    return lambda *arrays, reduction: reduced(function(*arrays), reduction)


def weighted_classes(z: Tensor, t: Tensor) -> Tensor:
    return F.cross_entropy(z, t, weight=torch.tensor(WEIGHTS), reduction="none")


def focal(alpha: float | None, gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    """As published for hard labels; a soft one is a mixture of both."""

    def entries(z: Tensor, t: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        weights = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
        positive = -weights[0] * (1 - p) ** gamma * F.logsigmoid(z)
        return t * positive - (1 - t) * weights[1] * p**gamma * F.logsigmoid(-z)

    return entries


def focal_classes(gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    def entries(z: Tensor, t: Tensor) -> Tensor:
        p = torch.gather(torch.softmax(z, dim=1), 1, t[:, None])[:, 0]
        return -((1 - p) ** gamma) * torch.log(p)

    return entries


def cosine_log(multiplier: float, weight: float) -> Callable[[Tensor, Tensor], Tensor]:
    def entries(y: Tensor, t: Tensor) -> Tensor:
        logs = [torch.sign(v) * torch.log1p(multiplier * torch.abs(v)) for v in (y, t)]
        return torch.mean((logs[0] - logs[1]) ** 2, dim=1) - weight * F.cosine_similarity(y, t, dim=1)

    return entries


def poisson(*, log_input: bool = False, full: bool = False) -> Counterpart:
    """PyTorch's constant is Stirling's approximation, so the exact one is its distribution's."""
    if not full:
        return of_torch(F.poisson_nll_loss, log_input=log_input, eps=0.0)
    return by_entry(lambda m, y: -torch.distributions.Poisson(torch.exp(m) if log_input else m).log_prob(y))


def binomial_entries(z: Tensor, log_a: Tensor, y: Tensor, full: bool = True) -> Tensor:
    found = torch.distributions.NegativeBinomial(torch.exp(-log_a), logits=z + log_a)
    return -found.log_prob(y) - (0.0 if full else torch.lgamma(y + 1))


def binomial(
    log_dispersion: Any = None, *, log_input: bool = False, full: bool = True
) -> Callable[..., Tensor]:
    """With a dispersion of its own, or with one among the arguments."""

    def entries(m: Tensor, *rest: Tensor) -> Tensor:
        z = m if log_input else torch.log(m)
        log_a = torch.tensor(np.asarray(log_dispersion)) if log_dispersion is not None else rest[0]
        return binomial_entries(z, log_a, rest[-1], full)

    return entries


def excess_zeros(*, log_input: bool = False, full: bool = True) -> Callable[..., Tensor]:
    def entries(m: Tensor, v: Tensor, log_a: Tensor, y: Tensor) -> Tensor:
        log_p = -binomial_entries(m if log_input else torch.log(m), log_a, y)
        empty = torch.logaddexp(F.logsigmoid(v), F.logsigmoid(-v) + log_p)
        found = -torch.where(y == 0, empty, F.logsigmoid(-v) + log_p)
        return found if full else found - torch.lgamma(y + 1)

    return entries


def multinomial(z: Tensor, k: Tensor, full: bool = True) -> Tensor:
    if not full:
        return -(k * torch.log_softmax(z, dim=-1)).sum(-1)
    rows = zip(z.reshape(-1, z.shape[-1]), k.reshape(-1, z.shape[-1]), strict=True)
    found = [-torch.distributions.Multinomial(int(c.sum()), logits=r).log_prob(c) for r, c in rows]
    return torch.stack(found).reshape(z.shape[:-1])


def poisson_multinomial(total_weight: float, *, log_input: bool = False) -> Callable[..., Tensor]:
    def entries(m: Tensor, k: Tensor) -> Tensor:
        m = torch.exp(m) if log_input else m
        total = m.sum(-1)
        poisson = F.poisson_nll_loss(total, k.sum(-1), log_input=False, eps=0.0, reduction="none")
        shape = -(k * torch.log(m / total[..., None])).sum(-1)
        return (total_weight * poisson + shape) / m.shape[-1]

    return entries


def correlation(y: Tensor, t: Tensor) -> Tensor:
    a, b = y - y.mean(0), t - t.mean(0)
    return 1.0 - F.cosine_similarity(a, b, dim=0, eps=0.0)


COUNTERPARTS: dict[str, Counterpart] = {
    "binary cross-entropy": of_torch(F.binary_cross_entropy),
    "binary cross-entropy, logits": of_torch(F.binary_cross_entropy_with_logits),
    "focal": by_entry(focal(0.25, 2.0)),
    "focal, soft labels": by_entry(focal(None, 0.7)),
    "softmax": of_torch(F.cross_entropy),
    "softmax, smoothed": of_torch(F.cross_entropy, label_smoothing=0.2),
    "softmax, one-hot": of_torch(F.cross_entropy),
    "softmax, one-hot, class weights": of_torch(F.cross_entropy, weight=torch.tensor(WEIGHTS)),
    "softmax, along a sequence": of_torch(F.cross_entropy),
    # PyTorch's mean divides by the sum of the weights
    "softmax, class weights": by_entry(weighted_classes),
    "focal, classes": by_entry(focal_classes(2.0)),
    "focal, classes along a sequence": by_entry(focal_classes(0.5)),
    "squared error": of_torch(F.mse_loss),
    "cosine and logarithms": by_entry(cosine_log(1000.0, 1.0)),
    "cosine and logarithms of counts": by_entry(cosine_log(1.0, 2.5)),
    "Huber": of_torch(F.huber_loss, delta=1.5),
    "Poisson": poisson(),
    "Poisson, logarithms": poisson(log_input=True),
    "Poisson, full": poisson(full=True),
    "Poisson, full, logarithms": poisson(log_input=True, full=True),
    "negative binomial": by_entry(binomial(np.log(0.7))),
    "negative binomial, logarithms": by_entry(
        binomial(np.log([0.1, 0.5, 2.0, 9.0]), log_input=True, full=False)
    ),
    "negative binomial, one dispersion": by_entry(binomial()),
    "negative binomial, a dispersion a task": by_entry(binomial(log_input=True)),
    "negative binomial, a dispersion a count": by_entry(binomial(full=False)),
    "negative binomial, a dispersion an example": by_entry(binomial()),
    "excess zeros": by_entry(excess_zeros()),
    "excess zeros, logarithms": by_entry(excess_zeros(log_input=True, full=False)),
    "multinomial": by_entry(multinomial),
    "multinomial, short": by_entry(lambda z, k: multinomial(z, k, full=False)),
    "profile": by_entry(lambda z, c, k: multinomial(z, k) + 3.0 * (c - torch.log1p(k.sum(-1))) ** 2),
    "Poisson and multinomial": by_entry(poisson_multinomial(0.2)),
    "Poisson and multinomial, logarithms": by_entry(poisson_multinomial(1.0, log_input=True)),
    "correlation": by_entry(correlation),
}


def by_torch(name: str, reduction: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """The value of an entry's loss, and the gradients of its sum, in float64."""
    case: LossCase = (LOSSES | TASK_LOSSES)[name]
    leaves = [torch.tensor(value, requires_grad=True) for value in case.inputs]
    value = COUNTERPARTS[name](*leaves, torch.tensor(case.targets), reduction=reduction)
    value.sum().backward()
    return np.asarray(value.detach()), [np.asarray(leaf.grad) for leaf in leaves]
