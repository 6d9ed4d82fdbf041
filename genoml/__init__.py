"""Deep learning for genomics with hand-derived backward passes, on NumPy (CPU) and CuPy (CUDA).

The names here are the ones that scripts use; everything else is one module down: ``genoml.nn``,
``genoml.sequence``, ``genoml.io``, ``genoml.train``, ``genoml.models``, ``genoml.explain``, ``genoml.testing``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genoml.backend import Backend, BackendError, get_backend, use_backend
from genoml.losses import binary_cross_entropy, binary_cross_entropy_with_logits
from genoml.metrics import aupr, auroc, f1_score, pearson, spearman
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    Layer,
    MaxPool1D,
    Parallel,
    ReLU,
    Sequential,
    Sigmoid,
)
from genoml.optim import SGD, Adam, AdamW, clip_by_norm
from genoml.sequence import (
    batch_encode,
    dinucleotide_shuffle,
    kmer_frequencies,
    one_hot_encode,
    reverse_complement,
)

if TYPE_CHECKING:
    from genoml.io import read_fasta, read_fastq, write_fasta, write_fastq

__version__ = "0.1.0"

# files need dnaio, which a script that only computes should not wait for
_LAZY = {name: "genoml.io" for name in ("read_fasta", "read_fastq", "write_fasta", "write_fastq")}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'genoml' has no attribute {name!r}")


__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Backend",
    "BackendError",
    "BatchNorm1D",
    "Conv1D",
    "Dense",
    "Dropout",
    "Exp",
    "Flatten",
    "GlobalAveragePool1D",
    "GlobalMaxPool1D",
    "Layer",
    "MaxPool1D",
    "Parallel",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "aupr",
    "auroc",
    "batch_encode",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "clip_by_norm",
    "dinucleotide_shuffle",
    "f1_score",
    "get_backend",
    "kmer_frequencies",
    "one_hot_encode",
    "pearson",
    "read_fasta",
    "read_fastq",
    "reverse_complement",
    "spearman",
    "use_backend",
    "write_fasta",
    "write_fastq",
]
