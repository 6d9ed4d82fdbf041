"""genoml's own losses, a case each, for checking an installation.

The suite's registry has more settings of each, and formulas; they are written with SciPy, which genoml does without.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from genoml import losses
from genoml.random import host_generator
from genoml.testing.cases import LossCase


@cache
def loss_cases() -> dict[str, LossCase]:
    """Every public loss by its name."""
    rng = host_generator(0, "loss cases")
    logits, labels = 2.0 * rng.standard_normal((6, 4)), rng.integers(0, 2, (6, 4)).astype(np.float64)
    classes, counts = rng.integers(0, 4, 6), rng.poisson(3.0, (6, 4)).astype(np.float64)
    means, log_dispersion = np.exp(0.5 * logits), rng.standard_normal(4)
    profiles, profile_logits = rng.poisson(2.0, (5, 2, 9)).astype(np.float64), rng.standard_normal((5, 2, 9))
    cases = (
        LossCase(losses.binary_cross_entropy, (1.0 / (1.0 + np.exp(-logits)),), labels),
        LossCase(losses.binary_cross_entropy_with_logits, (logits,), labels),
        LossCase(losses.focal_loss, (logits,), labels),
        LossCase(losses.focal_loss_multiclass, (logits,), classes, axis=1),
        LossCase(losses.huber_loss, (logits,), counts),
        LossCase(losses.mean_squared_error, (logits,), counts),
        LossCase(losses.multinomial_loss, (profile_logits,), profiles, axis=-1),
        LossCase(
            losses.multinomial_profile_loss, (profile_logits, rng.standard_normal((5, 2))), profiles, axis=-1
        ),
        LossCase(losses.negative_binomial_loss, (means,), counts, options={"dispersion": 0.5}),
        LossCase(losses.negative_binomial_loss_with_dispersion, (means, log_dispersion), counts),
        LossCase(losses.pearson_loss, (logits,), counts, axis=0),
        LossCase(losses.poisson_loss, (means,), counts),
        LossCase(losses.poisson_multinomial_loss, (np.exp(profile_logits),), profiles, axis=-1),
        LossCase(losses.softmax_cross_entropy, (logits,), classes, axis=1),
        LossCase(losses.zero_inflated_negative_binomial_loss, (means, logits, log_dispersion), counts),
    )
    return {case.loss.__name__: case for case in cases}
