"""Training: ``fit(model, data, validation=..., options=FitOptions(...))``."""

from genoml.train.callbacks import Callbacks, TensorBoard
from genoml.train.checkpoints import Checkpoints, saved_epochs
from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.loop import ASYNCHRONOUS_INTERVAL, Trainer, fit
from genoml.train.options import Callback, FitOptions, History, Penalty

__all__ = [
    "ASYNCHRONOUS_INTERVAL",
    "Callback",
    "Callbacks",
    "Checkpoints",
    "FitOptions",
    "History",
    "NotFiniteError",
    "Penalty",
    "TensorBoard",
    "Trainer",
    "first_not_finite",
    "fit",
    "saved_epochs",
]
