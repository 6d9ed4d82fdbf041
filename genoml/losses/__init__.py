"""Losses: functions that return a value and its gradient with respect to the predictions, on the device.

All take the same options. For entries i with loss l_i, weight w_i and mask m_i (0 where a label is missing):

    mean   sum_i m_i w_i l_i / sum_i m_i      sum   sum_i m_i w_i l_i      none   m_i w_i l_i, entry by entry

The mean divides by the number of labels present, so that a weight of 2 counts an example twice. Without any label the
mean and its gradient are 0. With ``"none"`` the gradient is that of the sum. Weights are 0 or more; a weight of 0
removes an entry whatever its loss is, infinity and NaN included.

Infinite predictions have the limits of value and gradient, where 0 times infinity is 0: a class of logit -inf that is
not the label costs nothing. A loss that is infinite is inf; NaN comes from NaN only.

An entry is one prediction, unless a loss says otherwise: a softmax has one entry for all classes, a profile one for
all positions.

Host labels (lists or NumPy arrays) outside their domain, such as a count of -1, an unknown class or a NaN that no mask
covers, are a ValueError with the loss and the first such position, and so are host weights below 0. Those on a device
are not checked, since every training step would wait for it. Predictions other than a floating-point array are a
TypeError.
"""

from genoml.losses.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    focal_loss,
    focal_loss_multiclass,
    softmax_cross_entropy,
)
from genoml.losses.counts import (
    negative_binomial_loss,
    negative_binomial_loss_with_dispersion,
    poisson_loss,
    zero_inflated_negative_binomial_loss,
)
from genoml.losses.profile import multinomial_loss, multinomial_profile_loss, poisson_multinomial_loss
from genoml.losses.reduce import Reduction, match_targets, reduce_loss
from genoml.losses.regression import cosine_log_loss, huber_loss, mean_squared_error, pearson_loss

__all__ = [
    "Reduction",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_log_loss",
    "focal_loss",
    "focal_loss_multiclass",
    "huber_loss",
    "match_targets",
    "mean_squared_error",
    "multinomial_loss",
    "multinomial_profile_loss",
    "negative_binomial_loss",
    "negative_binomial_loss_with_dispersion",
    "pearson_loss",
    "poisson_loss",
    "poisson_multinomial_loss",
    "reduce_loss",
    "softmax_cross_entropy",
    "zero_inflated_negative_binomial_loss",
]
