"""Optimisers: ``optimizer.update(params, grads)`` writes the next parameters into ``params``.

An optimiser keeps its own arrays in ``state``, by parameter name, and is no part of a layer. All arithmetic is on the
device: no value is read back.
"""

from genoml.optim.base import Optimizer
from genoml.optim.clipping import clip_by_norm, clip_by_value, limit_norms
from genoml.optim.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_by_norm",
    "clip_by_value",
    "limit_norms",
]
