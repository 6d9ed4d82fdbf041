"""Estimators of scikit-learn: its own checks, pipelines, cross-validation, searches, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from genoml.estimators import SequenceClassifier, SequenceRegressor

CHECKS = (
    "check_estimator_cloneable",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
)


def planted(n: int = 160, length: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Sequences, and whether TGACTCA is in them."""
    rng = np.random.default_rng(0)
    letters, labels = rng.choice(list("ACGT"), (n, length)), np.arange(n) % 2
    letters[labels == 1, 15:22] = list("TGACTCA")
    return np.array(["".join(row) for row in letters]), labels


def small(**options: Any) -> SequenceClassifier:
    return SequenceClassifier(**{"epochs": 6, "batch_size": 16, "threads": 1, **options})


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [SequenceClassifier, SequenceRegressor])
def test_the_checks_of_scikit_learn_that_apply_pass(kind: type, check: str) -> None:
    getattr(estimator_checks, check)(kind.__name__, kind())


def test_cross_validation_finds_a_planted_motif() -> None:
    sequences, labels = planted()
    scores = cross_val_score(small(), sequences, labels, cv=3, scoring="roc_auc")
    assert scores.mean() > 0.9


def test_labels_of_any_kind_in_a_pipeline() -> None:
    sequences, labels = planted()
    words = np.array(["background", "peak"])[labels]
    upper = FunctionTransformer(lambda given: [str(each).upper() for each in given])
    lower = [str(each).lower() for each in sequences]
    fitted = make_pipeline(upper, small(epochs=15)).fit(lower, words)
    assert list(fitted.classes_) == ["background", "peak"]
    assert (fitted.predict(lower) == words).mean() > 0.9
    probabilities = fitted.predict_proba(lower)
    assert probabilities.shape == (160, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    logits = fitted.decision_function(lower)
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-logits)), probabilities[:, 1], rtol=1e-4)


def test_three_classes() -> None:
    sequences, labels = planted(150)
    labels = np.arange(150) % 3
    model = small(epochs=2).fit(sequences, labels)
    assert model.predict_proba(sequences).shape == (150, 3)
    assert set(model.predict(sequences)) <= {0, 1, 2}


def test_a_search_over_networks_and_settings() -> None:
    sequences, labels = planted(80)
    grid = {"model": ["motif_cnn", "promoter_cnn"], "settings": [None, {"shift_bp": 0}]}
    found = GridSearchCV(small(epochs=1), grid, cv=2).fit(sequences, labels)
    assert set(found.best_params_) == {"model", "settings"}


def test_the_same_random_state_gives_the_same_bits_also_from_a_pickle() -> None:
    sequences, labels = planted(60)
    first = small(epochs=2, random_state=5).fit(sequences, labels)
    again = clone(first).fit(sequences, labels)
    other = clone(first).set_params(random_state=np.random.RandomState(7)).fit(sequences, labels)
    expected = first.predict_proba(sequences)
    assert np.array_equal(again.predict_proba(sequences), expected)
    assert not np.array_equal(other.predict_proba(sequences), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(first)).predict_proba(sequences), expected)


@pytest.mark.parametrize("tasks", [1, 2])
def test_numbers_keep_their_units_and_shape(tasks: int) -> None:
    sequences, labels = planted()
    values = 100.0 + 20.0 * labels if tasks == 1 else np.stack([100.0 + 20.0 * labels, -3.0 * labels], axis=1)
    model = SequenceRegressor(epochs=6, batch_size=16, threads=1).fit(sequences, values)
    assert model.predict(sequences).shape == values.shape
    assert model.score(sequences, values) > 0.5


def test_what_cannot_be_trained_on_is_said() -> None:
    sequences, labels = planted(20)
    with pytest.raises(ValueError, match="expects two classes or more, got"):
        small().fit(sequences, np.zeros(20))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(sequences, labels[:-1])
    with pytest.raises(NotFittedError):
        small().predict(sequences)
    with pytest.raises(ValueError, match="unknown model"):
        small(model="no_such").fit(sequences, labels)
    with pytest.raises(ValueError, match="Input contains NaN"):
        SequenceRegressor().fit(sequences, np.full(20, np.nan))
