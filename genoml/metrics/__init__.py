"""Metrics of predictions, exact with tied scores and computed on the device of the predictions.

Every function but those of profiles takes two arrays of N values, as ``(N,)`` or ``(N, 1)``, and returns an array on
the same device, 0-d unless said otherwise: nothing is read back to the host. For several columns, such as tasks,
``genoml.evaluation.per_task(metric, predictions, targets, mask)`` gives one number a column. An undefined metric is
NaN, without a warning: AUROC with one class, AUPR without a positive, the correlation of a constant, anything computed
from a NaN. Confidence intervals are in :mod:`genoml.evaluation.bootstrap`.

The two inputs are of one library and on one device; a list or a NumPy array beside a device array is moved to
that device. ValueError is raised if the shapes differ or are not those above, or if the arrays lie on two
devices; TypeError if one does not hold real numbers, or if they are of two libraries.

Ties are handled by counting: ``searchsorted`` from the left and from the right in the sorted scores gives the number of
scores below each score and the number not above it. Counts are in the widest float of the device: exact up to 2^53 in
float64, and up to 2^24 in float32.

``auroc``, ``aupr``, ``pearson`` and ``spearman`` also take ``counts``: how often each example occurs in each of many
resamples. One call then gives the metric of every resample of a bootstrap, with a single sort.
"""

from genoml.metrics.calls import confusion_matrix, matthews_correlation
from genoml.metrics.correlation import negative_binomial_deviance, pearson, poisson_deviance, spearman
from genoml.metrics.profiles import jensen_shannon_distance, profile_pearson
from genoml.metrics.ranking import aupr, auroc, f1_score

__all__ = [
    "aupr",
    "auroc",
    "confusion_matrix",
    "f1_score",
    "jensen_shannon_distance",
    "matthews_correlation",
    "negative_binomial_deviance",
    "pearson",
    "poisson_deviance",
    "profile_pearson",
    "spearman",
]
