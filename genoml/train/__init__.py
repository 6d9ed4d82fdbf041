"""Training: ``fit(model, data, validation=..., options=FitOptions(...))``."""

from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.loop import ASYNCHRONOUS_INTERVAL, Trainer, fit
from genoml.train.options import Callback, FitOptions, History, Penalty

__all__ = [
    "ASYNCHRONOUS_INTERVAL",
    "Callback",
    "FitOptions",
    "History",
    "NotFiniteError",
    "Penalty",
    "Trainer",
    "first_not_finite",
    "fit",
]
