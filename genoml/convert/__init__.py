"""Networks of other tools as genoml's layers, and genoml's as ONNX. No code of a file is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genoml.convert.builder import ConvertError
from genoml.convert.files import convert_file
from genoml.convert.frozen_graphs import convert_frozen_graph
from genoml.convert.keras_models import convert_keras
from genoml.convert.keras_sequences import KERAS_RULES
from genoml.convert.network import Converted, with_bases
from genoml.convert.onnx_export import export_onnx
from genoml.convert.onnx_graphs import convert_onnx
from genoml.convert.onnx_writer import ExportError
from genoml.convert.state_dicts import RECIPES, convert_state_dict
from genoml.io.weights import WeightsFile
from genoml.nn.layer import Layer

__all__ = [
    "KERAS_RULES",
    "RECIPES",
    "ConvertError",
    "Converted",
    "ExportError",
    "convert_file",
    "convert_frozen_graph",
    "convert_keras",
    "convert_onnx",
    "convert_state_dict",
    "export_onnx",
    "keras",
    "onnx",
    "state_dict",
    "tensorflow",
    "with_bases",
]


def keras(
    config: Mapping[str, Any], weights: Mapping[str, np.ndarray], *, length_bp: int | None = None
) -> Layer:
    """The network of a Keras model; arguments and errors are those of ``convert_keras``."""
    return convert_keras(config, weights, length_bp=length_bp).network


def onnx(file: WeightsFile, *, length_bp: int | None = None, outputs: Sequence[str] | None = None) -> Layer:
    """The network of an ONNX graph; arguments and errors are those of ``convert_onnx``."""
    return convert_onnx(file, length_bp=length_bp, outputs=outputs).network


def tensorflow(
    file: WeightsFile, *, length_bp: int | None = None, outputs: Sequence[str] | None = None
) -> Layer:
    """The network of a frozen graph; arguments and errors are those of ``convert_frozen_graph``."""
    return convert_frozen_graph(file, length_bp=length_bp, outputs=outputs).network


def state_dict(name: str, tensors: Mapping[str, np.ndarray], *, length_bp: int | None = None) -> Layer:
    """The network of a published state dict; arguments and errors are those of ``convert_state_dict``."""
    return convert_state_dict(name, tensors, length_bp=length_bp).network
