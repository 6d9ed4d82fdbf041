"""Readers of other frameworks' files of weights; nothing in a file is ever run."""

from genoml.io.weights.contents import GraphNode
from genoml.io.weights.reading import WeightsFile, read_weights

__all__ = ["GraphNode", "WeightsFile", "read_weights"]
