"""Other tools' networks as genoml's layers: Keras, TensorFlow, ONNX, PyTorch's state dicts. No code of a file is run."""

from __future__ import annotations

from collections.abc import Sequence

from genoml.convert.builder import ConvertError
from genoml.convert.frozen_graphs import convert_frozen_graph
from genoml.convert.network import Converted
from genoml.io.weights import WeightsFile
from genoml.nn.layer import Layer

__all__ = ["ConvertError", "Converted", "tensorflow"]


def tensorflow(
    file: WeightsFile, *, length_bp: int | None = None, outputs: Sequence[str] | None = None
) -> Layer:
    """The network of a frozen graph, see ``genoml.convert.frozen_graphs.convert_frozen_graph``."""
    return convert_frozen_graph(file, length_bp=length_bp, outputs=outputs).network
