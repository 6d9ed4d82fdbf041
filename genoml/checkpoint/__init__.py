"""Weights and training states on disk, written atomically and read without executing anything in them."""

from genoml.checkpoint.files import CheckpointError
from genoml.checkpoint.generations import (
    discard_generations,
    load_generation,
    newest_generation,
    read_about,
    save_generation,
)
from genoml.checkpoint.weights import host_weights, load_weights, pack_weights, save_weights

__all__ = [
    "CheckpointError",
    "discard_generations",
    "host_weights",
    "load_generation",
    "load_weights",
    "newest_generation",
    "pack_weights",
    "read_about",
    "save_generation",
    "save_weights",
]
