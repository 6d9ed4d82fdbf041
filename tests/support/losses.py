"""Every loss with inputs and its formula, written plainly and in float64, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from genoml import losses
from genoml.testing import LossCase

RNG = np.random.default_rng(5)
LOGITS = RNG.standard_normal((6, 4)) * 2.0
LABELS = RNG.integers(0, 2, (6, 4)).astype(np.float64)
CLASSES = RNG.integers(0, 4, 6)
COUNTS = RNG.negative_binomial(2.0, 0.2, (6, 4)).astype(np.float64) * (RNG.uniform(size=(6, 4)) > 0.3)
PROFILES = RNG.poisson(2.0, (5, 2, 7)).astype(np.float64)
PROFILE_LOGITS = RNG.standard_normal((5, 2, 7))
LOG_DISPERSION = RNG.standard_normal(4)


def log_sigmoid(z: np.ndarray) -> np.ndarray:
    return special.log_expit(z)


def focal(z: np.ndarray, t: np.ndarray, alpha: float, other: float, gamma: float) -> np.ndarray:
    p = special.expit(z)
    positive, negative = -alpha * (1 - p) ** gamma * np.log(p), -other * p**gamma * np.log(1 - p)
    return t * positive + (1 - t) * negative


def softmax_entries(z: np.ndarray, t: np.ndarray, smoothing: float = 0.0, gamma: float = 0.0) -> np.ndarray:
    t = np.moveaxis(np.eye(z.shape[1])[t.astype(int)], -1, 1) if t.ndim < z.ndim else t
    t = (1 - smoothing) * t + smoothing / z.shape[1]
    p = special.softmax(z, axis=1)
    return -np.sum(t * (1 - p) ** gamma * np.log(p), axis=1)


def negative_binomial(m: np.ndarray, log_a: Any, y: np.ndarray) -> np.ndarray:
    r = np.exp(-np.asarray(log_a))
    return -stats.nbinom.logpmf(y, r, r / (r + m))


def zero_inflated(m: np.ndarray, v: np.ndarray, log_a: np.ndarray, y: np.ndarray) -> np.ndarray:
    s = special.expit(v)
    return -np.log(np.where(y == 0, s, 0.0) + (1 - s) * np.exp(-negative_binomial(m, log_a, y)))


def cosine_log(y: np.ndarray, t: np.ndarray, m: float, w: float) -> np.ndarray:
    cosine = [
        0.0 if not b.any() else a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for a, b in zip(y, t, strict=True)
    ]
    logs = [np.sign(v) * np.log(1 + m * np.abs(v)) for v in (y, t)]
    return np.mean((logs[0] - logs[1]) ** 2, axis=1) - w * np.array(cosine)


def multinomial(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    log_p = np.log(special.softmax(z, axis=-1))
    constant = special.gammaln(k.sum(-1) + 1) - special.gammaln(k + 1).sum(-1)
    return -np.sum(k * log_p, axis=-1) - constant


def poisson_multinomial(m: np.ndarray, k: np.ndarray, weight: float) -> np.ndarray:
    total, n = m.sum(-1), k.sum(-1)
    shape = -np.sum(k * np.log(m / total[..., None]), axis=-1)
    return (weight * (total - n * np.log(total)) + shape) / m.shape[-1]


def huber(y: np.ndarray, t: np.ndarray, delta: float) -> np.ndarray:
    d = np.abs(y - t)
    return np.where(d <= delta, 0.5 * d**2, delta * (d - 0.5 * delta))


MEANS = np.exp(LOGITS)
CLASS_MAPS = RNG.integers(0, 3, (5, 7))
MAP_LOGITS = RNG.standard_normal((5, 3, 7))
SOFT_CLASSES = RNG.dirichlet(np.ones(4), 6)
WEIGHTS = np.array([0.5, 1.0, 2.0, 3.0])
_LABEL = (((2, 1), 2.0, "labels from 0 to 1, got 2"), ((0, 3), np.nan, "got nan"))
_CLASS = (
    ((3,), 4.0, "classes 0 to 3, got 4"),
    ((3,), -1.0, "got -1"),
    ((3,), 0.5, "got 0.5"),
    ((0,), np.nan, "got nan"),
)
_CLASS_MAP = (((2, 3), 3.0, "classes 0 to 2, got 3"), ((0, 6), np.nan, "got nan"))
_COUNT = (((2, 1), -1.0, "counts >= 0, got -1"), ((5, 0), np.nan, "got nan"), ((0, 0), np.inf, "got inf"))
_PROFILE = (((2, 1, 3), -1.0, "counts >= 0, got -1"), ((4, 0, 6), np.nan, "got nan"))
_ONE_PROFILE = (((2, 3), -1.0, "counts >= 0, got -1"), ((4, 6), np.inf, "got inf"))
_FINITE = (((2, 1), np.nan, "finite targets, got nan"), ((2, 1), -np.inf, "got -inf"))

LOSSES: dict[str, LossCase] = {
    "binary cross-entropy": LossCase(
        losses.binary_cross_entropy,
        (special.expit(LOGITS),),
        LABELS,
        lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
        bad=_LABEL,
    ),
    "binary cross-entropy, logits": LossCase(
        losses.binary_cross_entropy_with_logits,
        (LOGITS,),
        LABELS,
        lambda z, t: -(t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)),
        bad=_LABEL,
    ),
    "focal": LossCase(
        losses.focal_loss, (LOGITS,), LABELS, lambda z, t: focal(z, t, 0.25, 0.75, 2.0), bad=_LABEL
    ),
    "focal, soft labels": LossCase(
        losses.focal_loss,
        (LOGITS,),
        RNG.uniform(size=(6, 4)),
        lambda z, t: focal(z, t, 1.0, 1.0, 0.7),
        {"alpha": None, "gamma": 0.7},
        bad=_LABEL,
    ),
    "softmax": LossCase(
        losses.softmax_cross_entropy, (LOGITS,), CLASSES, softmax_entries, bad=_CLASS, axis=1
    ),
    "softmax, smoothed": LossCase(
        losses.softmax_cross_entropy,
        (LOGITS,),
        CLASSES,
        lambda z, t: softmax_entries(z, t, 0.2),
        {"label_smoothing": 0.2},
        axis=1,
        bad=_CLASS,
    ),
    "softmax, one-hot": LossCase(
        losses.softmax_cross_entropy,
        (LOGITS,),
        SOFT_CLASSES,
        softmax_entries,
        bad=(((1, 2), 1.5, "labels from 0 to 1, got 1.5"),),
        axis=1,
    ),
    "softmax, along a sequence": LossCase(
        losses.softmax_cross_entropy,
        (MAP_LOGITS,),
        CLASS_MAPS,
        softmax_entries,
        axis=1,
        bad=_CLASS_MAP,
    ),
    "softmax, class weights": LossCase(
        losses.softmax_cross_entropy,
        (LOGITS,),
        CLASSES,
        lambda z, t: softmax_entries(z, t) * WEIGHTS[t.astype(int)],
        {"class_weight": WEIGHTS.tolist()},
        axis=1,
        bad=_CLASS,
    ),
    "softmax, one-hot, class weights": LossCase(
        losses.softmax_cross_entropy,
        (LOGITS,),
        SOFT_CLASSES,
        lambda z, t: -np.sum(WEIGHTS * t * np.log(special.softmax(z, axis=1)), axis=1),
        {"class_weight": WEIGHTS.tolist()},
        bad=(((1, 2), -0.5, "labels from 0 to 1, got -0.5"),),
        axis=1,
    ),
    "focal, classes": LossCase(
        losses.focal_loss_multiclass,
        (LOGITS,),
        CLASSES,
        lambda z, t: softmax_entries(z, t, gamma=2.0),
        bad=_CLASS,
        axis=1,
    ),
    "focal, classes along a sequence": LossCase(
        losses.focal_loss_multiclass,
        (MAP_LOGITS,),
        CLASS_MAPS,
        lambda z, t: softmax_entries(z, t, gamma=0.5),
        {"gamma": 0.5},
        axis=1,
        bad=_CLASS_MAP,
    ),
    "squared error": LossCase(
        losses.mean_squared_error, (LOGITS,), COUNTS, lambda y, t: (y - t) ** 2, bad=_FINITE
    ),
    "Huber": LossCase(
        losses.huber_loss,
        (LOGITS,),
        COUNTS,
        lambda y, t: huber(y, t, 1.5),
        {"delta": 1.5},
        bad=_FINITE,
    ),
    "cosine and logarithms": LossCase(
        losses.cosine_log_loss,
        (LOGITS,),
        COUNTS,
        lambda y, t: cosine_log(y, t, 1000.0, 1.0),
        bad=_FINITE,
        axis=1,
    ),
    "cosine and logarithms of counts": LossCase(
        losses.cosine_log_loss,
        (MEANS,),
        COUNTS,
        lambda y, t: cosine_log(y, t, 1.0, 2.5),
        {"multiplier": 1.0, "cosine_weight": 2.5},
        bad=_FINITE,
        axis=1,
    ),
    "Poisson": LossCase(losses.poisson_loss, (MEANS,), COUNTS, lambda m, y: m - y * np.log(m), bad=_COUNT),
    "Poisson, logarithms": LossCase(
        losses.poisson_loss,
        (LOGITS,),
        COUNTS,
        lambda z, y: np.exp(z) - y * z,
        {"log_input": True},
        bad=_COUNT,
    ),
    "Poisson, full": LossCase(
        losses.poisson_loss,
        (MEANS,),
        COUNTS,
        lambda m, y: -stats.poisson.logpmf(y, m),
        {"full": True},
        bad=_COUNT,
    ),
    "Poisson, full, logarithms": LossCase(
        losses.poisson_loss,
        (LOGITS,),
        COUNTS,
        lambda z, y: -stats.poisson.logpmf(y, np.exp(z)),
        {"full": True, "log_input": True},
        bad=_COUNT,
    ),
    "negative binomial": LossCase(
        losses.negative_binomial_loss,
        (MEANS,),
        COUNTS,
        lambda m, y: negative_binomial(m, np.log(0.7), y),
        {"dispersion": 0.7},
        bad=_COUNT,
    ),
    "negative binomial, logarithms": LossCase(
        losses.negative_binomial_loss,
        (LOGITS,),
        COUNTS,
        lambda z, y: negative_binomial(np.exp(z), np.log([0.1, 0.5, 2.0, 9.0]), y) - special.gammaln(y + 1),
        {"dispersion": [0.1, 0.5, 2.0, 9.0], "log_input": True, "full": False},
        bad=_COUNT,
    ),
    "negative binomial, one dispersion": LossCase(
        losses.negative_binomial_loss_with_dispersion,
        (MEANS, np.array(0.3)),
        COUNTS,
        negative_binomial,
        bad=_COUNT,
    ),
    "negative binomial, a dispersion a task": LossCase(
        losses.negative_binomial_loss_with_dispersion,
        (LOGITS, LOG_DISPERSION),
        COUNTS,
        lambda z, log_a, y: negative_binomial(np.exp(z), log_a, y),
        {"log_input": True},
        bad=_COUNT,
    ),
    "negative binomial, a dispersion a count": LossCase(
        losses.negative_binomial_loss_with_dispersion,
        (MEANS, RNG.standard_normal((6, 4))),
        COUNTS,
        lambda m, log_a, y: negative_binomial(m, log_a, y) - special.gammaln(y + 1),
        {"full": False},
        bad=_COUNT,
    ),
    "negative binomial, a dispersion an example": LossCase(
        losses.negative_binomial_loss_with_dispersion,
        (MEANS, RNG.standard_normal((6, 1))),
        COUNTS,
        negative_binomial,
        bad=_COUNT,
    ),
    "excess zeros": LossCase(
        losses.zero_inflated_negative_binomial_loss,
        (MEANS, RNG.standard_normal((6, 4)), LOG_DISPERSION),
        COUNTS,
        zero_inflated,
        bad=_COUNT,
    ),
    "excess zeros, logarithms": LossCase(
        losses.zero_inflated_negative_binomial_loss,
        (LOGITS, np.array(-0.4), np.array(0.2)),
        COUNTS,
        lambda z, v, log_a, y: zero_inflated(np.exp(z), v, log_a, y) - special.gammaln(y + 1),
        {"log_input": True, "full": False},
        bad=_COUNT,
    ),
    "multinomial": LossCase(
        losses.multinomial_loss, (PROFILE_LOGITS,), PROFILES, multinomial, bad=_PROFILE, axis=-1
    ),
    "multinomial, short": LossCase(
        losses.multinomial_loss,
        (PROFILE_LOGITS[:, 0],),
        PROFILES[:, 0],
        lambda z, k: -np.sum(k * np.log(special.softmax(z, axis=-1)), axis=-1),
        {"full": False},
        axis=-1,
        bad=_ONE_PROFILE,
    ),
    "profile": LossCase(
        losses.multinomial_profile_loss,
        (PROFILE_LOGITS, RNG.standard_normal((5, 2))),
        PROFILES,
        lambda z, c, k: multinomial(z, k) + 3.0 * (c - np.log1p(k.sum(-1))) ** 2,
        {"counts_weight": 3.0},
        bad=_PROFILE,
        axis=-1,
    ),
    "Poisson and multinomial": LossCase(
        losses.poisson_multinomial_loss,
        (np.exp(PROFILE_LOGITS),),
        PROFILES,
        lambda m, k: poisson_multinomial(m, k, 0.2),
        {"total_weight": 0.2},
        bad=_PROFILE,
        axis=-1,
    ),
    "Poisson and multinomial, logarithms": LossCase(
        losses.poisson_multinomial_loss,
        (PROFILE_LOGITS,),
        PROFILES,
        lambda z, k: poisson_multinomial(np.exp(z), k, 1.0),
        {"log_input": True},
        axis=-1,
        bad=_PROFILE,
    ),
}

#: losses whose entries are tasks: weights and masks act within an entry, so tests/losses/test_regression.py holds
#: them to the definition
TASK_LOSSES: dict[str, LossCase] = {
    "correlation": LossCase(
        losses.pearson_loss,
        (LOGITS,),
        COUNTS,
        lambda y, t: np.array([1.0 - np.corrcoef(a, b)[0, 1] for a, b in zip(y.T, t.T, strict=True)]),
        bad=_FINITE,
        axis=0,
    ),
}
