"""The error of files of weights and of checkpoints."""

from __future__ import annotations


class CheckpointError(ValueError):
    """Raised if a file of weights or a training state is damaged, does not fit, or cannot be written."""
