"""Tasks of runs: what the targets mean, from which follow the objective, the outputs and the scores.

A further task is a further kind here, with its objective, and a reader of its targets in ``genoml.runs.read_data``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from genoml.backend import Backend
from genoml.data import SequenceData
from genoml.data.traits import TargetKind
from genoml.evaluation import Calibration, diagnose_counts
from genoml.models import bias_factorised, build_model
from genoml.nn import Dense, Ensemble, LearnedDispersion, Sequential
from genoml.nn.layer import Layer
from genoml.random import host_generator
from genoml.runs.data_settings import TaskKind
from genoml.train.counts_objective import Counts
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.profile_objective import Profile

if TYPE_CHECKING:
    from genoml.runs.config import TrainConfig

#: counts of a task that the dispersion is estimated from, at most
_MOST_COUNTS = 10_000
#: score in validation that trials of a search are compared by, and that lines of progress show, by task
SCORES: dict[TaskKind, str] = {
    "binary": "auroc",
    "multilabel": "auroc",
    "classes": "accuracy",
    "regression": "pearson",
    "counts": "deviance_explained",
    "profile": "profile_pearson",
}
#: how scores are called in text
LABELS = {
    "auroc": "AUROC", "aupr": "AUPR", "f1": "F1", "brier": "Brier", "ece": "ECE", "accuracy": "accuracy",
    "mcc": "MCC", "pearson": "Pearson's r", "spearman": "Spearman's r", "mse": "mean squared error",
    "deviance_explained": "deviance explained", "profile_jsd": "distance of profiles",
    "mean_profile_jsd": "distance of the mean profile", "profile_pearson": "Pearson's r of profiles",
    "counts_pearson": "Pearson's r of log counts", "counts_spearman": "Spearman's r of log counts",
}  # fmt: skip


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Task of a run, as ``run.json`` keeps it.

    Attributes
    ----------
    kind : str
        Which of the tasks.
    names : list of str
        Of the tasks or classes; empty if they have none.
    offset : str
        Meaning of the offset of counts: the column that it came from.
    mean, scale : list of float
        Of each task's targets of a regression, on the training data.
    distribution : {"poisson", "negative_binomial"}
        Of counts.
    dispersion : float
        That training began with.
    log_rate : list of float
        Logarithm of each task's rate of counts, on the training data.
    strands : str
        Of the tracks of profiles, a letter each.
    profile_bp : int
        Positions of a profile.
    count_weight : float
        Weight of the counts beside the profiles' shapes, from the training data.
    bias : dict
        Options of the bias model beside the network of profiles; empty without one.
    """

    kind: TaskKind = "binary"
    names: list[str] = []
    offset: str = ""
    mean: list[float] = []
    scale: list[float] = []
    distribution: Literal["poisson", "negative_binomial"] = "negative_binomial"
    dispersion: float = 1.0
    log_rate: list[float] = []
    strands: str = ""
    profile_bp: int = 0
    count_weight: float = 0.0
    bias: dict[str, Any] = {}

    @property
    def score(self) -> str:
        """Score in validation that people compare runs by."""
        return SCORES[self.kind]

    @property
    def baseline(self) -> str:
        """Name of the linear model beside the network."""
        return "6-mer logistic regression" if self.kind == "binary" else "5-mer ridge regression"

    @property
    def targets_are(self) -> TargetKind:
        """What the checks of data take the targets for."""
        if self.kind == "classes":
            return "classes"
        return "numbers" if self.kind in ("regression", "counts", "profile") else "labels"

    def objective(
        self,
        config: TrainConfig | None = None,
        *,
        class_weight: Sequence[float] | None = None,
        calibration: Calibration | None = None,
    ) -> Objective:
        """The objective; with a ``config`` that of training, whose options it has."""
        names = tuple(self.names) if len(self.names) > 1 or self.kind == "classes" else ()
        smoothing = 0.0 if config is None else config.label_smoothing
        if self.kind == "classes":
            weights = None if class_weight is None else tuple(class_weight)
            return MultiClassification(weights, smoothing, task_names=names)
        if self.kind == "regression":
            delta = None if config is None else config.huber_delta
            kind: Literal["squared", "huber"] = "squared" if delta is None else "huber"
            return Regression(kind, delta or 1.0, tuple(self.mean), tuple(self.scale), task_names=names)
        if self.kind == "profile":
            tracks = len(self.strands)
            return Profile(tracks, self.profile_bp, self.count_weight, self.strands, task_names=names)
        if self.kind == "counts":
            return Counts(self.distribution, log_rate=tuple(self.log_rate), task_names=names)
        low, high = (1.0, 1.0) if class_weight is None else class_weight
        gamma = 0.0 if config is None else config.focal_gamma
        return BinaryClassification((low, high), smoothing, gamma, calibration, task_names=names)

    def finish(self, network: Layer) -> Layer:
        """The network with what the task adds: the learned dispersions of counts, the bias model of profiles."""
        if self.bias:
            bias = build_model("bpnet", self.bias, backend=network.backend)
            return bias_factorised(network, bias, len(self.strands))
        if self.kind != "counts" or self.distribution == "poisson":
            return network
        if not isinstance(network, Sequential):
            raise ValueError("the negative binomial expects a network that is a Sequential")
        last = LearnedDispersion(max(1, len(self.log_rate)), self.dispersion, backend=network.backend)
        whole = Sequential({**network.named_layers, "dispersion": last}, seed=network.seed)
        whole._only_length = network._only_length
        return whole


def build_network(config: TrainConfig, task: TaskRecord, backend: Backend) -> Layer:
    """The network of the settings with initial weights, with what its task adds."""
    asked: dict[str, Any] = {"seed": config.seed, "members": config.members or 1, "backend": backend}
    network = build_model(config.network, config.model_options, **asked)
    if not isinstance(network, Ensemble):
        return task.finish(network)
    return Ensemble([task.finish(member) for member in network], seed=config.seed)


def begin_at_mean(model: Layer, task: TaskRecord) -> None:
    """Set the last dense layer of a network for numbers or counts to 0: it begins with their mean, or their rate."""
    if task.kind not in ("regression", "counts"):
        return
    for member in model if isinstance(model, Ensemble) else [model]:
        layers = reversed(member.layers) if isinstance(member, Sequential) else ()
        for last in [layer for layer in layers if isinstance(layer, Dense)][:1]:
            for name, value in last.params.items():
                last.params[name] = model.backend.xp.zeros_like(value)


def guess_task(data: SequenceData, *, columns: bool = False) -> TaskKind:
    """Guess the task from the targets: 0 and 1, one-hot rows, or numbers.

    Parameters
    ----------
    data : SequenceData
        The data.
    columns : bool
        Whether the targets are columns of a file, in which several of 0 and 1 are labels, not classes.

    Raises
    ------
    ValueError
        For whole numbers of 0 or more, which may be counts or not.
    """
    known = data.targets[_present(data)]
    several = data.targets.shape[1] > 1
    if np.isin(known, (0.0, 1.0)).all():
        one_hot = several and not columns and bool((data.targets.sum(axis=1) == 1).all())
        return "classes" if one_hot else "multilabel" if several else "binary"
    if (known >= 0).all() and (known == np.floor(known)).all():
        raise ValueError(
            f"the targets are whole numbers from {known.min():g} to {known.max():g}; say whether they are counts "
            "or numbers: --task counts or --task regression (data.task in the settings)"
        )
    return "regression"


def _present(data: SequenceData) -> np.ndarray:
    mask = data.extras.get("mask")
    return (
        np.ones(data.targets.shape, bool) if mask is None else np.broadcast_to(mask, data.targets.shape) != 0
    )


def make_task(data: SequenceData, config: TrainConfig) -> tuple[TaskRecord, list[str]]:
    """The task of training data, with what is learned from their targets, and lines that say what was chosen.

    Raises
    ------
    ValueError
        For targets that the task does not allow, or settings that have no meaning for it.
    """
    kind, said = config.data.task or guess_task(data), []
    if config.data.task is None and kind != "binary":
        said = [f"task: {kind}, guessed from the targets"]
    check_settings(kind, config)
    known = _present(data)
    for task in np.flatnonzero(~known.any(axis=0)).tolist():
        raise ValueError(f"target {_name(data, task)} has no value in the training part; leave it out")
    names = list(data.target_names)
    if kind == "regression":
        columns = [data.targets[known[:, task], task].astype(np.float64) for task in range(known.shape[1])]
        scale = [float(np.std(column)) for column in columns]
        if 0.0 in scale:
            raise ValueError(
                f"target {_name(data, scale.index(0.0))} is one number in the training part; leave it out"
            )
        return TaskRecord(
            kind=kind, names=names, mean=[float(np.mean(c)) for c in columns], scale=scale
        ), said
    if kind == "counts":
        return _counts(data, known, config, names)
    return TaskRecord(kind=kind, names=names), said


def _name(data: SequenceData, task: int) -> str:
    return data.target_names[task] if data.target_names else str(task)


def _counts(
    data: SequenceData, known: np.ndarray, config: TrainConfig, names: list[str]
) -> tuple[TaskRecord, list[str]]:
    """The task of counts: the distribution that the counts ask for, or the one that was asked for."""
    found, fits, more = [], [], []
    offsets = np.broadcast_to(data.extras.get("offset", np.zeros((1, 1))), data.targets.shape)
    for task in range(known.shape[1]):
        rows = np.flatnonzero(known[:, task])
        if len(rows) > _MOST_COUNTS:
            rows = np.sort(host_generator(config.seed, "counts").permutation(rows)[:_MOST_COUNTS])
        try:
            diagnosis = diagnose_counts(
                data.targets[rows, task], offset=offsets[rows, task].astype(np.float64)
            )
        except ValueError as error:
            raise ValueError(f"target {_name(data, task)}: {error}") from error
        label = f"{_name(data, task)}: " if known.shape[1] > 1 else ""
        found.append(f"{label}{diagnosis.verdict}")
        fits.append(diagnosis.fit)
        more.append(diagnosis.overdispersed)
    wanted = config.count_distribution
    advised: Literal["poisson", "negative_binomial"] = "negative_binomial" if any(more) else "poisson"
    chosen = advised if wanted == "auto" else wanted
    dispersed = [fit.dispersion for fit in fits if fit.dispersion > 0.0]
    record = TaskRecord(
        kind="counts",
        names=names,
        offset=config.data.offset or ("offset" if "offset" in data.extras else ""),
        distribution=chosen,
        dispersion=float(np.exp(np.mean(np.log(dispersed)))) if dispersed else 0.1,
        log_rate=[float(fit.log_rate or 0.0) for fit in fits],
    )
    said = "as advised" if wanted == "auto" else "as count_distribution says"
    lines = [*found[:3], *([f"and {len(found) - 3} more tasks"] if len(found) > 3 else [])]
    return record, [f"counts: {chosen.replace('_', ' ')}, {said}; {' '.join(lines)}"]


#: settings -> the tasks that they have a meaning for
_MEANT_FOR: dict[str, tuple[TaskKind, ...]] = {
    "focal_gamma": ("binary", "multilabel"),
    "label_smoothing": ("binary", "multilabel", "classes"),
    "class_weight": ("binary", "classes"),
    "sampling": ("binary", "classes"),
    "calibrate": ("binary",),
    "threshold_by": ("binary",),
    "huber_delta": ("regression",),
    "count_distribution": ("counts",),
}


def check_settings(kind: TaskKind, config: TrainConfig) -> None:
    """Raise ValueError for a setting that would silently do nothing for a task."""
    default = type(config)()
    for key, kinds in _MEANT_FOR.items():
        if kind not in kinds and getattr(config, key) != getattr(default, key):
            raise ValueError(f"{key}: has a meaning for the task {' and '.join(kinds)} only, got task {kind}")
    if kind == "classes" and config.sampling == "negatives":
        raise ValueError('sampling: expects "uniform" or "balanced" for the task classes, got "negatives"')
    if kind != "counts" and config.data.offset is not None:
        raise ValueError(f"data.offset: has a meaning for the task counts only, got task {kind}")
