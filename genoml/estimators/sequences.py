"""A classifier and a regressor of sequences with scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from genoml.backend import get_backend
from genoml.data import SequenceData
from genoml.data.splits import split_random
from genoml.runs.config import TrainConfig
from genoml.runs.tasks import TaskRecord, begin_at_mean, build_network
from genoml.sequence.codes import Sequences
from genoml.train import BinaryClassification, MultiClassification, Objective, Regression, fit
from genoml.train.predict import predict, predict_outputs

__all__ = ["SequenceClassifier", "SequenceRegressor"]


#: of the epochs whose score is so near to the best the last is kept, whose probabilities are the better ones: scores of
#: order such as AUROC do not see that
NEAR_BEST = 0.01


class SequenceEstimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor have in common; see :class:`SequenceClassifier`."""

    def __init__(
        self,
        model: str = "motif_cnn",
        *,
        model_options: Mapping[str, Any] | None = None,
        epochs: int = 20,
        batch_size: int = 128,
        learning_rate: float = 0.01,
        validation_fraction: float = 0.1,
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        backend: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.settings = settings
        self.random_state = random_state
        self.backend = backend
        self.threads = threads

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, False
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _train(
        self, sequences: Sequences, targets: NDArray[Any], task: TaskRecord, objective: Objective
    ) -> None:
        """Train a network on most of the data, and keep the weights of the epoch that is best on the rest."""
        check_consistent_length(sequences, targets)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        config = TrainConfig(
            model=self.model, model_options=dict(self.model_options or {}), epochs=self.epochs,
            batch_size=self.batch_size, learning_rate=self.learning_rate, seed=int(seed), threads=self.threads,
            **({"best_within": NEAR_BEST} | dict(self.settings or {})),
        )  # fmt: skip
        data = SequenceData.of((sequences, targets))
        rest, held_out = split_random(
            data, self.validation_fraction, int(seed), by_class=isinstance(self, ClassifierMixin)
        )
        config = config.for_data(data.codes.shape[1], alphabet=data.alphabet, n_outputs=len(task.names))
        model = build_network(config, task, get_backend(self.backend))
        begin_at_mean(model, task)
        options = config.fit_options(len(rest), objective=objective)
        self.history_ = fit(model, rest, validation=held_out, options=options, progress=False)
        self.model_ = model


class SequenceClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    """A network that tells classes of sequences apart, for scikit-learn's pipelines, cross-validation and searches.

    X is sequences in any form of ``genoml.train.fit``: a list or an array of letters, a column of a data frame. A part
    of them is held out to choose the best epoch by. Strands, shifts and the schedule are those of ``genoml train``:
    both strands of DNA, one of RNA (letter U).

    Parameters
    ----------
    model : str
        A network of ``genoml.models``.
    model_options : mapping, optional
        Its options; those that depend on the data are filled in.
    epochs, batch_size, learning_rate
        Of the training: AdamW, with one cycle of the learning rate up to this.
    validation_fraction : float
        Share of the sequences that the best epoch is chosen by.
    settings : mapping, optional
        Further settings of ``genoml train`` by name, see docs/configuration.md, such as ``{"average_decay": 0.9}``.
    random_state : int, RandomState or None
        Of initial weights, order, shifts and the part held out. The same int gives the same bits.
    backend : str, optional
        Flag of the array library: numpy, cupy, torch, jax.
    threads : int, optional
        Threads that share out each batch; all cores if None.

    Attributes
    ----------
    classes_ : array
        Of the labels, sorted.
    model_ : Layer
        The trained network, for ``genoml.explain`` and ``genoml.runs.save_run``.
    history_ : History
        A record an epoch.

    Examples
    --------
    >>> sequences, labels = ["ACGTACGTACGT", "TTTTACGTAAAA"] * 10, ["peak", "background"] * 10
    >>> classifier = SequenceClassifier("promoter_cnn", epochs=1, settings={"no_checks": ["copies"]})
    >>> classifier.fit(sequences, labels).predict_proba(sequences[:3]).shape
    (3, 2)
    """

    classes_: NDArray[Any]

    def fit(self, X: Sequences, y: ArrayLike) -> SequenceClassifier:
        """Train on sequences (n,) and labels (n,) of any kind: two classes or more."""
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"SequenceClassifier expects two classes or more, got {self.classes_.tolist()}")
        names = [str(label) for label in self.classes_]
        if len(names) == 2:
            task, targets = TaskRecord(names=names[1:]), numbers[:, None].astype(np.float32)
            self._train(X, targets, task, BinaryClassification())
        else:
            task = TaskRecord(kind="classes", names=names)
            self._train(X, np.eye(len(names), dtype=np.float32)[numbers], task, MultiClassification())
        return self

    def decision_function(self, X: Sequences) -> NDArray[np.floating[Any]]:
        """Logits: (n,) of two classes, else (n, classes)."""
        check_is_fitted(self)
        outputs = predict_outputs(self.model_, X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Sequences) -> NDArray[np.floating[Any]]:
        """Probabilities (n, classes)."""
        check_is_fitted(self)
        found = predict(self.model_, X)
        return np.concatenate([1.0 - found, found], axis=1) if len(self.classes_) == 2 else found

    def predict(self, X: Sequences) -> NDArray[Any]:
        """The most probable class of each sequence."""
        check_is_fitted(self)
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found


class SequenceRegressor(RegressorMixin, SequenceEstimator):  # type: ignore[misc]
    """A network that predicts numbers of sequences, with scikit-learn's interface.

    Targets are (n,) or (n, tasks) and standardised in the training; predictions have their units. Parameters and
    attributes are those of :class:`SequenceClassifier`, without classes.
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Sequences, y: ArrayLike) -> SequenceRegressor:
        """Train on sequences (n,) and numbers (n,) or (n, tasks)."""
        values: NDArray[np.float64] = check_array(y, ensure_2d=False, dtype=np.float64)
        self._single = values.ndim == 1
        targets = values.reshape(len(values), -1)
        mean, scale = targets.mean(axis=0), targets.std(axis=0)
        scale[scale == 0.0] = 1.0
        names = [f"task{number}" for number in range(targets.shape[1])]
        task = TaskRecord(kind="regression", names=names, mean=mean.tolist(), scale=scale.tolist())
        objective = Regression(mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))
        self._train(X, targets.astype(np.float32), task, objective)
        return self

    def predict(self, X: Sequences) -> NDArray[np.floating[Any]]:
        """Numbers (n,), or (n, tasks) as the targets were."""
        check_is_fitted(self)
        found = predict(self.model_, X)
        return found[:, 0] if self._single else found
