"""Training: ``fit(model, data, validation=..., options=FitOptions(...))``."""

from genoml.train.cell_types_objective import CellTypes
from genoml.train.checkpoints import Checkpoints, saved_epochs
from genoml.train.counts_objective import Counts
from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.fitting import fit
from genoml.train.loop import ASYNCHRONOUS_INTERVAL, Trainer
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.options import Callback, Callbacks, FitOptions, History, Penalty, TensorBoard
from genoml.train.profile_objective import Profile
from genoml.train.state import TrainingState
from genoml.train.step import Steps
from genoml.train.trained import Trained
from genoml.train.transfer import Taken, take_weights

__all__ = [
    "ASYNCHRONOUS_INTERVAL",
    "BinaryClassification",
    "Callback",
    "Callbacks",
    "CellTypes",
    "Checkpoints",
    "Counts",
    "FitOptions",
    "History",
    "MultiClassification",
    "NotFiniteError",
    "Objective",
    "Penalty",
    "Profile",
    "Regression",
    "Steps",
    "Taken",
    "TensorBoard",
    "Trained",
    "Trainer",
    "TrainingState",
    "first_not_finite",
    "fit",
    "saved_epochs",
    "take_weights",
]
