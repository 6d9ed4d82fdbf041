"""Networks as estimators of scikit-learn (extra ``estimators``), for pipelines, cross-validation and searches."""

from genoml.estimators.sequences import SequenceClassifier, SequenceRegressor

__all__ = ["SequenceClassifier", "SequenceRegressor"]
