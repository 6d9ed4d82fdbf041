"""A file of weights as a network: the converter that its format asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genoml.convert.builder import ConvertError
from genoml.convert.frozen_graphs import convert_frozen_graph
from genoml.convert.keras_models import convert_keras
from genoml.convert.network import Converted
from genoml.convert.onnx_graphs import convert_onnx
from genoml.convert.published import KERAS_RECIPES
from genoml.convert.state_dicts import RECIPES, convert_state_dict
from genoml.io.weights import WeightsFile

__all__ = ["convert_file"]


def convert_file(
    file: WeightsFile,
    *,
    recipe: str | None = None,
    topology: Mapping[str, Any] | None = None,
    length_bp: int | None = None,
    context: int | None = None,
    outputs: Sequence[str] | None = None,
    cut: bool = False,
) -> Converted:
    """The network in a file of any format that ``genoml.io.read_weights`` reads.

    Parameters
    ----------
    file : WeightsFile
        What was read.
    recipe : str, optional
        Name of the published network, for files that hold arrays alone, see ``convert_state_dict``.
    topology : mapping, optional
        A Keras model's JSON, for files that hold its weights alone.
    length_bp : int, optional
        Length of the sequences, where the file leaves it open.
    context : int, optional
        Bases of context, see ``convert_state_dict``.
    outputs : sequence of str, optional
        Nodes of a graph that are its outputs.
    cut : bool
        Whether a last softmax or sigmoid is cut off.

    Raises
    ------
    ConvertError
        For what cannot be converted; the message names the file, and what to do.
    """
    try:
        return _converted(file, recipe, topology, length_bp, context, outputs, cut)
    except ConvertError as error:
        raise ConvertError(f"{file.path}: {error}") from error


def _converted(
    file: WeightsFile,
    recipe: str | None,
    topology: Mapping[str, Any] | None,
    length_bp: int | None,
    context: int | None,
    outputs: Sequence[str] | None,
    cut: bool,
) -> Converted:
    known = topology if topology is not None else file.topology
    if recipe is not None and recipe in KERAS_RECIPES and isinstance(known, Mapping):
        rules = KERAS_RECIPES[recipe]
        made = convert_keras(known, file.tensors, length_bp=length_bp, cut=cut, rules=rules)
        return replace(made, tracks=1)
    if recipe is not None:
        return convert_state_dict(recipe, file.tensors, length_bp=length_bp, context=context, cut=cut)
    if context is not None:
        raise ConvertError(
            "import: --context has a meaning with a --recipe that has one (openspliceai, pangolin)"
        )
    if file.format == "tensorflow":
        return convert_frozen_graph(file, length_bp=length_bp, outputs=outputs, cut=cut)
    if file.format == "onnx":
        return convert_onnx(file, length_bp=length_bp, outputs=outputs, cut=cut)
    if isinstance(known, Mapping):
        return convert_keras(known, file.tensors, length_bp=length_bp, cut=cut)
    if file.format == "keras":
        raise ConvertError(
            "import: holds weights without the model; give its JSON (model.to_json()) by --topology, or save the whole "
            "model with model.save('FILE.keras')"
        )
    raise ConvertError(
        f"import: holds arrays and not how they belong together; name a --recipe ({', '.join(RECIPES)}, genoml:NAME), "
        "or export the model as ONNX where it was made"
    )
