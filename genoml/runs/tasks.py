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
from genoml.evaluation import Calibration
from genoml.io.settings import Positive
from genoml.models import bias_factorised, build_model
from genoml.nn import (
    BiasFactorised,
    ControlTracks,
    Dense,
    Ensemble,
    LearnedDispersion,
    Parallel,
    Sequential,
)
from genoml.nn.layer import Layer
from genoml.runs.data_settings import TaskKind
from genoml.train.cell_types_objective import CellTypes
from genoml.train.counts_objective import Counts
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.profile_objective import Profile

if TYPE_CHECKING:
    from genoml.runs.config import TrainConfig

#: score in validation that trials of a search are compared by, and that lines of progress show, by task
SCORES: dict[TaskKind, str] = {
    "binary": "auroc",
    "multilabel": "auroc",
    "classes": "accuracy",
    "regression": "pearson",
    "counts": "deviance_explained",
    "profile": "profile_pearson",
    "cell_types": "pearson",
}
#: those that are better the smaller they are
ERRORS = frozenset({"brier", "ece", "mse", "profile_jsd", "mean_profile_jsd"})
#: how scores are called in text
LABELS = {
    "auroc": "AUROC", "aupr": "AUPR", "f1": "F1", "brier": "Brier", "ece": "ECE", "accuracy": "accuracy",
    "mcc": "MCC", "pearson": "Pearson's r", "spearman": "Spearman's r", "mse": "mean squared error",
    "deviance_explained": "deviance explained", "profile_jsd": "distance of profiles",
    "mean_profile_jsd": "distance of the mean profile", "profile_pearson": "Pearson's r of profiles",
    "counts_pearson": "Pearson's r of log counts", "counts_spearman": "Spearman's r of log counts",
    "specificity": "Pearson's r of specificity", "pearson_across": "Pearson's r across cell types",
    "gini": "Pearson's r of Gini indices", "top_cell_type": "share of top cell types that are right",
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
        Of each task's targets of a regression, on the training data; the mean also of the values in each cell type, and
        of log(1 + reads) of each track of profiles.
    distribution : {"poisson", "negative_binomial", "zero_inflated"}
        Of counts; the last one of networks that were made by hand alone.
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
    log_multiplier : float
        m of log(1 + m value) of cell types.
    """

    kind: TaskKind = "binary"
    names: list[str] = []
    offset: str = ""
    mean: list[float] = []
    scale: list[float] = []
    distribution: Literal["poisson", "negative_binomial", "zero_inflated"] = "negative_binomial"
    dispersion: float = 1.0
    log_rate: list[float] = []
    strands: str = ""
    profile_bp: int = 0
    count_weight: float = 0.0
    bias: dict[str, Any] = {}
    log_multiplier: Positive = 1000.0

    @classmethod
    def of_objective(cls, objective: Objective) -> TaskRecord:
        """The task of a network that was made by hand and trained for an objective; labels are several if named so."""
        names = list(objective.task_names)
        match objective:
            case Profile():
                strands = objective.strands or "." * objective.tracks
                return cls(kind="profile", names=names, strands=strands, profile_bp=objective.length_bp)
            case CellTypes():
                return cls(kind="cell_types", names=names, log_multiplier=objective.multiplier)
            case Counts():
                rates = list(objective.log_rate)
                return cls(kind="counts", names=names, distribution=objective.distribution, log_rate=rates)
            case Regression():
                return cls(
                    kind="regression", names=names, mean=list(objective.mean), scale=list(objective.scale)
                )
            case MultiClassification():
                return cls(kind="classes", names=names)
        return cls(kind="multilabel" if len(names) > 1 else "binary", names=names)

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
        return "labels" if self.kind in ("binary", "multilabel") else "numbers"

    def objective(
        self,
        config: TrainConfig | None = None,
        *,
        class_weight: Sequence[Any] | None = None,
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
        if self.kind == "cell_types":
            return CellTypes(self.log_multiplier, task_names=names)
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
    """Let a network for numbers or counts begin with their mean: its last dense layer is 0, but for the mean as bias.

    That is 0 of a regression, whose targets are standardised, and of counts, whose rates are relative to the mean; of
    cell types, whose values are y = softplus(z), z = log(exp(mean) - 1); of a track of profiles the mean of log(1 +
    reads), the constant with the least squared error.
    """
    if task.kind in ("binary", "multilabel", "classes"):
        return
    for member in model if isinstance(model, Ensemble) else [model]:
        for last in _last_dense(member, task)[:1]:
            for name, value in last.params.items():
                last.params[name] = model.backend.xp.zeros_like(value)
            shape = tuple(last.params["bias"].shape) if "bias" in last.params else ()
            if task.kind in ("cell_types", "profile") and shape == (len(task.mean),):
                mean = np.clip(task.mean, 1e-6, 1e30)
                # log(exp(m) - 1) without overflow
                begin = mean + np.log1p(-np.exp(-mean)) if task.kind == "cell_types" else mean
                last.params["bias"] = model.backend.asarray(begin, model.dtype)


def _last_dense(network: Layer, task: TaskRecord) -> list[Dense]:
    """The dense layers of a network, or of the counts of one for profiles, the last one first."""
    if isinstance(network, BiasFactorised):
        network = network.children["network"]
    if task.kind == "profile":
        network = network.children["counts" if isinstance(network, ControlTracks) else "heads"]
        network = network.children["counts"] if isinstance(network, Parallel) else network
    layers = network.layers if isinstance(network, Sequential) else [network]
    return [layer for layer in reversed(layers) if isinstance(layer, Dense)]


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
    known = data.targets[present(data)]
    several = data.targets.shape[1] > 1
    if np.isin(known, (0.0, 1.0)).all():
        one_hot = several and not columns and bool((data.targets.sum(axis=1) == 1).all())
        return "classes" if one_hot else "multilabel" if several else "binary"
    if (known >= 0).all() and (known == np.floor(known)).all():
        raise ValueError(
            f"the targets are whole numbers from {known.min():g} to {known.max():g}; say whether they are counts "
            "or numbers: --task counts or --task regression (data.task in the settings)"
            + ("; --task cell_types for activities in cell types" if several else "")
        )
    return "regression"


def present(data: SequenceData) -> np.ndarray:
    """Which targets have a value, (n, tasks) bool."""
    mask = data.extras.get("mask")
    if mask is None:
        return np.ones(data.targets.shape, bool)
    known: np.ndarray = np.broadcast_to(mask, data.targets.shape) != 0
    return known
