"""Networks that the tests of experiments share."""

from __future__ import annotations

import numpy as np

from genoml.models import build_model
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Layer, Sequential
from genoml.sequence import base_codes

LETTERS = [
    "ACGTTGCAAGCTTACGGATCCATGCATTGACC",
    "TTGACCATGCGGATACCAGTTTACGCCATGAA",
    "GGCATTACGAACTGATTTGCCATAGCAGTCTA",
]
CODES = base_codes(LETTERS)


def small() -> Layer:
    """A network of one convolution with two outputs, whose numbers beside tangermeme's are written down."""
    return Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, 2)], seed=4).to("numpy", "float64")


#: networks with windows, with a stride, and without: attention, recurrent, profiles
NETWORKS = {
    "motif_cnn": {"filters": 8, "kernel_size": 7, "pool_size": 4, "second_filters": 6},
    "deepbind": {"filters": 6, "kernel_size": 8, "dense_units": 4},
    "attention_cnn": {"filters": 4, "heads": 2, "blocks": 1},
    "danq": {"length_bp": 60, "n_outputs": 3, "filters": 4, "kernel_size": 7, "pool_size": 4, "hidden": 3,
             "dense_units": 5},
    "bpnet": {"profile_length_bp": 20, "filters": 4, "kernel_size": 5, "dilated_layers": 2, "tracks": 2,
              "profile_kernel_size": 5},
}  # fmt: skip


def network(name: str) -> Layer:
    """A network by name, for sequences of 60 bp."""
    return build_model(name, NETWORKS[name], seed=2)


def random_codes(n: int, length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)
