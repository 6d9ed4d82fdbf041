"""Published networks from their state dicts, by recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genoml import nn
from genoml.convert import operations as ops
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.network import Converted, finish
from genoml.convert.recipes import Arrays, Row, convolve, linear, normalise, run_row
from genoml.models import MODELS, bias_factorised, bpnet, build_model
from genoml.nn.layer import Layer

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
        Name of an array at the network's beginning; what stands before it in a file, such as ``module.``, stands before all.
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


# ------------------------------------------------------------ rows


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


# ------------------------------------------------------------ splicing


def _dilation(unit: int) -> int:
    """Dilation of SpliceAI's residual units, four of each."""
    return (1, 4, 10, 25)[min(unit // 4, 3)]


def _unit(b: Builder, arrays: Arrays, x: Value, norms: str, slope: float, dilation: int) -> Value:
    """x + conv(relu(norm(conv(relu(norm(x))))))."""
    h = x
    for number in (1, 2):
        h = normalise(b, arrays, f"{norms}{number}", h)
        kind, options = ("leaky_relu", {"slope": slope}) if slope else ("relu", {})
        h = ops.elementwise(b, f"{arrays.prefix}relu{number}", h, kind, **options)
        h = convolve(b, arrays, f"conv{number}", h, dilation=(dilation,), padding="same")
    return ops.join(b, f"{arrays.prefix}add", "add", [h, x])


def _openspliceai_units(arrays: Arrays) -> list[str]:
    """Names of the residual units; every fifth place holds a skip."""
    names = [f"residual_units.{number}" for number in range(20)]
    return [name for name in names if f"{name}.conv1.weight" in arrays]


def _pangolin_units(arrays: Arrays) -> list[str]:
    return [f"resblocks.{number}" for number in range(arrays.count("resblocks.{}.conv1.weight"))]


def _context(arrays: Arrays, units: list[str]) -> int:
    """Bases around an output position that it reads, on both sides together."""
    widths = [arrays.size(f"{unit}.conv1.weight", 2) for unit in units]
    return sum(2 * _dilation(i) * (width - 1) for i, width in enumerate(widths))


def _openspliceai(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    units = _openspliceai_units(arrays) or ["residual_units.0"]
    h = convolve(b, arrays, "initial_conv", x)
    skips = [convolve(b, arrays, "initial_skip.conv", h)]
    for i, name in enumerate(units):
        h = _unit(b, arrays.below(f"{name}."), h, "batchnorm", 0.1, _dilation(i))
        if i % 4 == 3:
            skips.append(convolve(b, arrays, f"residual_units.{i // 4 * 5 + 4}.conv", h))
    y = _cut(b, ops.join(b, "skips", "add", skips), _context(arrays, units))
    y = convolve(b, arrays, "final_conv", y)
    return {"output": ops.softmax(b, "softmax", y, 1)}


def _pangolin(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    units = _pangolin_units(arrays) or ["resblocks.0"]
    h = convolve(b, arrays, "conv1", x)
    skips = [convolve(b, arrays, "skip", h)]
    for i, name in enumerate(units):
        h = _unit(b, arrays.below(f"{name}."), h, "bn", 0.0, _dilation(i))
        if i % 4 == 3 or i == len(units) - 1:
            skips.append(convolve(b, arrays, f"convs.{i // 4}", h))
    y = _cut(b, ops.join(b, "skips", "add", skips), _context(arrays, units))
    heads = []
    for number in range(1, 9):
        head = convolve(b, arrays, f"conv_last{number}", y)
        name = f"head{number}"
        heads.append(
            ops.softmax(b, name, head, 1) if number % 2 else ops.elementwise(b, name, head, "sigmoid")
        )
    return {"output": ops.join(b, "heads", "concatenate", heads, 1)}


def _cut(b: Builder, x: Value, context: int) -> Value:
    """The positions whose whole context is there."""
    if x.shape[2] <= context:
        raise ConvertError(
            f"import: sequences of {x.shape[2]} bp are not longer than the context of {context}; give --length"
        )
    return ops.shift(b, "crop", x, -(context // 2), -(context // 2), axis=2)


def _puffin(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    """Motifs on both strands, softplus, and their effects along 601 bases, added."""
    effects = []
    for name, effect in (("conv", "deconv"), ("conv_inr", "deconv_inr"), ("conv_sim", "deconv_sim")):
        kernel = arrays.take(f"{name}.weight", (None, 4, None))
        bias = arrays.take(f"{name}.bias", (kernel.shape[0],))
        # a flipped sequence read, and its output flipped back, is a flipped kernel
        both = np.concatenate([kernel, kernel[:, ::-1, ::-1]])
        h = ops.convolution(
            b, name, x, both, np.concatenate([bias, bias]), channels=1, positions=(2,), padding="same"
        )
        h = ops.elementwise(b, f"{name}_softplus", h, "softplus")
        transposed = effect == "deconv_inr"
        pattern = (h.shape[1], None, None) if transposed else (None, h.shape[1], None)
        weights = arrays.take(f"{effect}.weight", pattern)
        weights = weights.transpose(1, 0, 2)[:, :, ::-1] if transposed else weights
        own = arrays.take(f"{effect}.bias", (weights.shape[0],))
        effects.append(ops.convolution(b, effect, h, weights, own, channels=1, positions=(2,), padding="same"))
    arrays.taken |= {"scaler", "scaler2"}  # not read
    return {"output": ops.elementwise(b, "softplus", ops.join(b, "effects", "add", effects), "softplus")}


# ------------------------------------------------------------ genoml's own networks


def _bpnet(arrays: Arrays, length_bp: int) -> Layer:
    """bpnet-lite's BPNet as ``genoml.models.bpnet``; its one count is the total of all tracks."""
    filters, tracks = arrays.size("iconv.weight", 0), arrays.size("fconv.weight", 0)
    layers = max(arrays.count("rconvs.{}.weight"), 1)
    controls = max(arrays.size("fconv.weight", 1) - filters, 0)
    size, wide = arrays.size("iconv.weight", 2), arrays.size("fconv.weight", 2)
    positions = length_bp - (size - 1) - (wide - 1) - sum(2 * 2**i for i in range(1, layers + 1))
    if positions < 1:
        raise ConvertError(f"import: {length_bp} bp are fewer than the network reads; give --length")
    network = bpnet(
        tracks=tracks, profile_length_bp=positions, filters=filters, kernel_size=size, dilated_layers=layers,
        profile_kernel_size=wide, control_tracks=controls,
    )  # fmt: skip
    body: Any = network["body"] if controls else network
    heads: Any = network if controls else body["heads"]
    _convolution(arrays, "iconv", body["conv"])
    for i in range(layers):
        _convolution(arrays, f"rconvs.{i}", body[f"dilated{i + 1}"]["conv"])
    _convolution(arrays, "fconv", heads["profile"]["conv"], bias="fconv.bias" in arrays)
    counts = nn.Dense(filters + (controls > 0), 1)
    weights = arrays.take("linear.weight", (1, filters + (controls > 0)))
    bias = arrays.take("linear.bias", (1,)) if "linear.bias" in arrays else np.zeros(1)
    counts.params = {"weights": _array(counts, weights.T), "bias": _array(counts, bias)}
    if controls:
        heads["counts"] = counts
    else:
        heads["counts"]["dense"] = counts
    return network


def _convolution(arrays: Arrays, name: str, layer: Any, *, bias: bool = True) -> None:
    """Set a convolution's arrays, zeros where the file has no bias."""
    weights = arrays.take(f"{name}.weight", tuple(layer.weights.shape))
    own = arrays.take(f"{name}.bias", tuple(layer.bias.shape)) if bias else np.zeros(layer.out_channels)
    layer.params = {"weights": _array(layer, weights), "bias": _array(layer, own)}


def _array(layer: Layer, value: np.ndarray) -> Any:
    return layer.backend.asarray(np.ascontiguousarray(value), dtype=layer.dtype)


def _chrombpnet(arrays: Arrays, length_bp: int) -> Layer:
    """bpnet-lite's ChromBPNet: two BPNets, one of them the bias model."""
    return bias_factorised(
        _bpnet(arrays.below("accessibility."), length_bp), _bpnet(arrays.below("bias."), length_bp)
    )


RECIPES: dict[str, Recipe] = {
    "basset": Recipe("Basset, Kipoi's PyTorch file", _row(_basset_row()), "0.weight", 600),
    "beluga": Recipe("DeepSEA Beluga, of ExPecto", _row(_beluga_row()), "model.0.0.weight", 2000, bases="AGCT"),
    "bpnet-lite": Recipe("BPNet of bpnet-lite", _bpnet, "iconv.weight", 2114, own=True),
    "chrombpnet": Recipe("ChromBPNet of bpnet-lite", _chrombpnet, "accessibility.iconv.weight", 2114, own=True),
    "deepsea": Recipe("DeepSEA, Kipoi's PyTorch file", _row(_deepsea_row()), "0.weight", 1000, bases="AGCT"),
    "deepstarr": Recipe("DeepSTARR in PyTorch (conv1, bn1, fc1, ...)", _row(_deepstarr_row()), "conv1.weight", 249),
    "openspliceai": Recipe(
        "OpenSpliceAI", _openspliceai, "initial_conv.weight", 0, False,
        context=lambda arrays: _context(arrays, _openspliceai_units(arrays)),
    ),  # fmt: skip
    "pangolin": Recipe(
        "Pangolin", _pangolin, "conv1.weight", 0, False,
        context=lambda arrays: _context(arrays, _pangolin_units(arrays)),
    ),  # fmt: skip
    "puffin": Recipe("Puffin", _puffin, "conv.weight", 1650, False),
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
            made = Converted(network, length, False, ("profile", "counts"))
        else:
            b = Builder()
            x = b.input("sequences", (1, 4, length), channels=1)
            outputs = recipe.build(b, arrays, x)
            arrays.check(name)
            made = finish(b, x, list(outputs.items()), fixed_length=recipe.fixed_length, cut=cut)
    except ConvertError:
        if arrays.problems:
            arrays.check(name)
        raise
    arrays.check(name)
    return made


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
