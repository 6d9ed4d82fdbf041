"""Training: ``fit(model, data, validation=..., options=FitOptions(...))``."""

from genoml.train.checkpoints import Checkpoints, saved_epochs
from genoml.train.loop import ASYNCHRONOUS_INTERVAL, Trainer, fit
from genoml.train.options import Callback, Callbacks, FitOptions, History, Penalty, TensorBoard
from genoml.train.state import TrainingState
from genoml.train.step import NotFiniteError, Steps, first_not_finite

__all__ = [
    "ASYNCHRONOUS_INTERVAL",
    "Callback",
    "Callbacks",
    "Checkpoints",
    "FitOptions",
    "History",
    "NotFiniteError",
    "Penalty",
    "Steps",
    "TensorBoard",
    "Trainer",
    "TrainingState",
    "first_not_finite",
    "fit",
    "saved_epochs",
]
