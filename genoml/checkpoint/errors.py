"""What is wrong with a file of weights or a checkpoint."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A file of weights or of a training state that is damaged, does not fit, or cannot be written."""
