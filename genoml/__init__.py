"""Deep learning for genomics with hand-derived backward passes, on NumPy (CPU) and CuPy (CUDA).

The names of ``genoml.nn``, ``losses``, ``metrics``, ``optim``, ``sequence`` and ``io`` are names of ``genoml`` too,
and so are ``load_run`` and ``save_run``. Everything else is one module down, and needs no import of its own:
``genoml.models.build_model``, ``genoml.train.fit``, ``genoml.explain.saliency``. A module is imported when it is first
used.
"""

from __future__ import annotations

import warnings as _warnings
from importlib import import_module as _import_module
from pathlib import Path as _Path
from pkgutil import iter_modules as _iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what the functions below find, for those who read types
    from genoml import arguments as arguments
    from genoml import backend as backend
    from genoml import checkpoint as checkpoint
    from genoml import cli as cli
    from genoml import convert as convert
    from genoml import data as data
    from genoml import estimators as estimators
    from genoml import evaluation as evaluation
    from genoml import explain as explain
    from genoml import genome as genome
    from genoml import io as io
    from genoml import losses as losses
    from genoml import metrics as metrics
    from genoml import models as models
    from genoml import nn as nn
    from genoml import ops as ops
    from genoml import optim as optim
    from genoml import parallel as parallel
    from genoml import plot as plot
    from genoml import random as random
    from genoml import report as report
    from genoml import runs as runs
    from genoml import sequence as sequence
    from genoml import testing as testing
    from genoml import train as train
    from genoml import variants as variants
    from genoml.backend import *
    from genoml.io import *
    from genoml.losses import *
    from genoml.metrics import *
    from genoml.nn import *
    from genoml.optim import *
    from genoml.runs import load_run as load_run
    from genoml.runs import save_run as save_run
    from genoml.sequence import *

__version__ = "0.1.0"

#: modules whose names are genoml's own too, lowest storey first: a name brings in no more than what lies below it
_NAMED = ("backend", "sequence", "losses", "metrics", "optim", "nn", "io")
#: single names of higher rooms
_ALSO = {"load_run": "runs", "save_run": "runs"}
_ROOMS = frozenset(found.name for found in _iter_modules(__path__) if found.name[0] != "_")  # noqa: F405

if not TYPE_CHECKING:

    def __getattr__(name):
        """A room, a name of a room, or all of these names: fetched once, when it is asked for."""
        value = _fetch(name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*__getattr__("__all__"), *_ROOMS, "__version__"})


def _fetch(name: str) -> object:
    if name in _ROOMS:
        return _import_module(f"genoml.{name}")
    if name == "__all__":
        return sorted(
            _ALSO.keys() | {own for room in _NAMED for own in _import_module(f"genoml.{room}").__all__}
        )
    if name in _ALSO:
        return getattr(_import_module(f"genoml.{_ALSO[name]}"), name)
    for room in () if name.startswith("_") else _NAMED:
        module = _import_module(f"genoml.{room}")
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'genoml' has no attribute {name!r}")


def _warn_of_other_genoml(folder: _Path) -> None:
    """Warn if another tool, whose distribution is called genoml too, is installed in the same folder.

    Its files are then among these, or these among its, whichever came last.
    """
    found = [path.name for path in folder.glob("genoml-*.dist-info")]
    if found:
        _warnings.warn(
            f"{folder} also holds {found[0]}, an unrelated tool with a package and a command of the same name; "
            "keep genoml-xp in an environment of its own, and install it again there",
            stacklevel=3,
        )


_warn_of_other_genoml(_Path(__file__).parents[1])
