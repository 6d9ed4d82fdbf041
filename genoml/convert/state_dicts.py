"""Published networks from their state dicts, by recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.network import Converted, finish
from genoml.convert.published import (
    bpnet,
    chrombpnet,
    openspliceai,
    openspliceai_context,
    pangolin,
    pangolin_context,
    puffin,
)
from genoml.convert.recipes import Arrays, Row, run_row
from genoml.models import MODELS, build_model

__all__ = ["RECIPES", "Recipe", "convert_state_dict"]


@dataclass(frozen=True)
class Recipe:
    """How arrays of a published network become layers.

    Attributes
    ----------
    about : str
        Whose network it is, and where its files come from.
    build : callable
        (builder, arrays, sequences) -> outputs by name; or (arrays, length_bp) -> a network of genoml's own.
    first : str
        Name of an array at the network's beginning; what stands before it in a file (``module.``) stands before all.
    length_bp : int
        Length of the sequences; 0: the context and 5,000 bases.
    fixed_length : bool
        Whether it reads that length alone.
    bases : str
        Order of the bases in the file.
    context : callable, optional
        Bases of context around each output position, of networks whose outputs have positions.
    own : bool
        Whether ``build`` gives a network of ``genoml.models``.
    """

    about: str
    build: Callable[..., Any]
    first: str
    length_bp: int
    fixed_length: bool = True
    bases: str = "ACGT"
    context: Callable[[Arrays], int] | None = None
    own: bool = False


def _row(row: Row) -> Callable[[Builder, Arrays, Value], dict[str, Value]]:
    return lambda b, arrays, x: {"output": run_row(b, arrays, x, row)}


def _deepsea_row() -> Row:
    low = ("threshold", 1e-6)
    return [
        ("conv_1xK", "0"), low, ("pool", 4), ("conv_1xK", "4"), low, ("pool", 4), ("conv_1xK", "8"), low,
        ("flatten", None), ("dense", "12.1"), low, ("dense", "14.1"), ("sigmoid", None),
    ]  # fmt: skip


def _beluga_row() -> Row:
    row: list[tuple[str, Any]] = []
    for first, second, pooled in ((0, 2, True), (6, 8, True), (12, 14, False)):
        for number in (first, second):
            row += [("conv_1xK", f"model.0.{number}"), ("relu", None)]
        row += [("pool", 4)] * pooled
    return [
        *row, ("flatten", None), ("dense", "model.1.2.1"), ("relu", None), ("dense", "model.1.4.1"), ("sigmoid", None)
    ]  # fmt: skip


def _basset_row() -> Row:
    row: list[tuple[str, Any]] = []
    for number, size in ((0, 3), (4, 4), (8, 4)):
        row += [("conv_Kx1", f"{number}"), ("norm", f"{number + 1}"), ("relu", None), ("pool", size)]
    row.append(("flatten", None))
    for number in (13, 17):
        row += [("dense", f"{number}.1"), ("norm", f"{number + 1}"), ("relu", None)]
    return [*row, ("dense", "21.1"), ("sigmoid", None)]


def _deepstarr_row() -> Row:
    row: list[tuple[str, Any]] = []
    for number in range(1, 5):
        row += [("conv_same", f"conv{number}"), ("norm_1e-3", f"bn{number}"), ("relu", None), ("pool", 2)]
    row.append(("flatten", None))
    for number in (1, 2):
        row += [("dense", f"fc{number}"), ("norm_1e-3", f"bn{number + 4}"), ("relu", None)]
    return [*row, ("dense", "fc3")]


RECIPES: dict[str, Recipe] = {
    "basset": Recipe("Basset, Kipoi's PyTorch file", _row(_basset_row()), "0.weight", 600),
    "beluga": Recipe(
        "DeepSEA Beluga, of ExPecto", _row(_beluga_row()), "model.0.0.weight", 2000, bases="AGCT"
    ),
    "bpnet-lite": Recipe("BPNet of bpnet-lite", bpnet, "iconv.weight", 2114, own=True),
    "chrombpnet": Recipe(
        "ChromBPNet of bpnet-lite", chrombpnet, "accessibility.iconv.weight", 2114, own=True
    ),
    "deepsea": Recipe("DeepSEA, Kipoi's PyTorch file", _row(_deepsea_row()), "0.weight", 1000, bases="AGCT"),
    "deepstarr": Recipe(
        "DeepSTARR in PyTorch (conv1, bn1, fc1, ...)", _row(_deepstarr_row()), "conv1.weight", 249
    ),
    "openspliceai": Recipe(
        "OpenSpliceAI",
        openspliceai,
        "initial_conv.weight",
        0,
        False,
        context=openspliceai_context,
    ),
    "pangolin": Recipe(
        "Pangolin",
        pangolin,
        "conv1.weight",
        0,
        False,
        context=pangolin_context,
    ),
    "puffin": Recipe("Puffin", puffin, "conv.weight", 1650, False),
}


def convert_state_dict(
    name: str,
    tensors: Mapping[str, np.ndarray],
    *,
    length_bp: int | None = None,
    context: int | None = None,
    cut: bool = False,
) -> Converted:
    """The network of a published state dict, by its recipe.

    Parameters
    ----------
    name : str
        One of ``RECIPES``; or ``"genoml:NAME"``, a network of ``genoml.models`` with its own names.
    tensors : mapping of str to array
        The file's, as ``genoml.io.read_weights`` gives them.
    length_bp : int, optional
        Length of the sequences; the recipe's if None.
    context : int, optional
        Bases of context that the network is taken to read; another one is refused.
    cut : bool
        Whether a last softmax or sigmoid is cut off.

    Raises
    ------
    ConvertError
        For an unknown recipe, arrays that are missing, unknown or of another shape, another context.
    """
    arrays = Arrays(tensors)
    if name.startswith("genoml:"):
        return _own(name, arrays, length_bp)
    if name not in RECIPES:
        raise ConvertError(f"import: no recipe {name!r}; known: {', '.join(RECIPES)}, genoml:NAME")
    recipe = RECIPES[name]
    arrays = Arrays(tensors, _prefix(tensors, recipe.first))
    found = 0 if recipe.context is None else recipe.context(arrays)
    if context is not None and context != found:
        raise ConvertError(_other_context(name, recipe, found, context))
    length = length_bp or recipe.length_bp or found + 5000
    try:
        if recipe.own:
            network = recipe.build(arrays, length)
            one_track = arrays.size("fconv.weight", 0) == 1  # with more there is one total of all
            made = Converted(network, length, False, ("profile", "counts"), tracks=int(one_track))
        else:
            b = Builder()
            x = b.input("sequences", (1, 4, length), channels=1)
            outputs = recipe.build(b, arrays, x)
            arrays.check(name)
            made = finish(b, x, list(outputs.items()), fixed_length=recipe.fixed_length, cut=cut)
    except ValueError:
        if arrays.problems:
            arrays.check(name)
        raise
    arrays.check(name)
    return replace(made, bases=recipe.bases)


def _prefix(tensors: Mapping[str, np.ndarray], first: str) -> str:
    """What stands before the names of all arrays: ``module.`` of a network trained on several GPUs."""
    found = [key.removesuffix(first) for key in tensors if key.endswith(f".{first}")]
    return "" if first in tensors or len(found) != 1 else found[0]


def _other_context(name: str, recipe: Recipe, found: int, context: int) -> str:
    if recipe.context is None:
        return f"import: {name} has no context to choose, --context says {context}"
    largest = {80: 1, 400: 4, 2000: 10, 10000: 25}.get(found)
    dilations = f" (dilations up to {largest})" if largest else ""
    return f"import: weights were made for {found:,} bases of context{dilations}, --context says {context}"


def _own(name: str, arrays: Arrays, length_bp: int | None) -> Converted:
    """A network of ``genoml.models`` with its default options, whose arrays have its own names."""
    model = name.removeprefix("genoml:")
    if model not in MODELS:
        raise ConvertError(f"import: no network {model!r} in genoml.models; known: {', '.join(MODELS)}")
    network = build_model(model, {} if length_bp is None else {"length_bp": length_bp})
    for table in (network.params, network.state):
        for key in list(table):
            value = arrays.take(key, tuple(table[key].shape))
            table[key] = network.backend.asarray(value, dtype=network.dtype)
    arrays.check(name)
    return Converted(network, length_bp or 0, True, ("output",))
