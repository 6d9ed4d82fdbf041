"""Keras' layers: a rule each. Keras has (batch, length, channels) and kernels (width, channels, out_channels)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value

__all__ = ["PLAIN_RULES", "KerasLayer", "KerasRule"]


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a Keras model: its name, class and settings, and its arrays, by their paths below it, in order."""

    name: str
    kind: str
    config: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    def weights(self, *names: str, where: str = "") -> dict[str, np.ndarray]:
        """Arrays by these names, which newer files have numbers for; of a part of the layer, by a word of its path.

        Raises
        ------
        ConvertError
            If they are others, or more or fewer.
        """
        found = {path: array for path, array in self.arrays.items() if where in path}
        last = [path.rsplit("/", 1)[-1] for path in found]
        if all(name.isdecimal() for name in last) and len(last) == len(names):
            return dict(zip(names, found.values(), strict=True))
        if sorted(last) != sorted(names):
            raise ConvertError(
                f"it has arrays {', '.join(found) or 'none'}, and its settings say {', '.join(names)}"
            )
        return dict(zip(last, found.values(), strict=True))

    def expect(self, **settings: Any) -> None:
        """Raise ConvertError unless settings that are there have these values."""
        for key, expected in settings.items():
            if self.config.get(key, expected) != expected:
                raise ConvertError(f"{key} = {self.config[key]!r} is not supported; expects {expected!r}")

    def number(self, key: str, default: int = 1) -> int:
        """A whole number, which Keras may have in a list of one."""
        value = self.config.get(key)
        value = default if value is None else value
        return int(value[0] if isinstance(value, list | tuple) else value)


KerasRule: TypeAlias = Callable[[Builder, KerasLayer, Sequence[Value]], Value]


def activated(b: Builder, layer: KerasLayer, x: Value, activation: Any) -> Value:
    """x, or a function of it by Keras' name."""
    if isinstance(activation, dict):  # the newer form of a built-in one
        inner = activation.get("config")
        activation = inner if isinstance(inner, str) else activation.get("class_name")
    kind = "linear" if activation is None else str(activation)
    if kind == "softmax":
        return ops.softmax(b, f"{layer.name}_softmax", x)
    if kind == "leaky_relu":
        return ops.elementwise(b, f"{layer.name}_{kind}", x, kind, slope=0.2)
    return ops.elementwise(b, f"{layer.name}_{kind}", x, kind)


def _convolution(b: Builder, layer: KerasLayer, x: Value, kernel: np.ndarray, groups: int) -> Value:
    layer.expect(data_format="channels_last")
    names = [name for name, used in (("bias", layer.config.get("use_bias", True)),) if used]
    weights = layer.weights("kernel" if "kernel" in _last(layer) else "depthwise_kernel", *names)
    padding: Any = layer.config.get("padding", "valid")
    size, dilation = kernel.shape[2], layer.number("dilation_rate")
    y = ops.convolution(
        b, layer.name, x, kernel, weights.get("bias"), channels=2, positions=(1,), stride=(layer.number("strides"),),
        dilation=(dilation,), padding=((size - 1) * dilation, 0) if padding == "causal" else padding, groups=groups,
    )  # fmt: skip
    return activated(b, layer, y, layer.config.get("activation"))


def _last(layer: KerasLayer) -> list[str]:
    return [path.rsplit("/", 1)[-1] for path in layer.arrays]


def _conv1d(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    kernel = next(iter(_kernels(layer, "kernel")))
    return _convolution(b, layer, values[0], np.transpose(kernel, (2, 1, 0)), layer.number("groups"))


def _depthwise(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    kernel = next(iter(_kernels(layer, "depthwise_kernel")))  # (width, channels, multiplier)
    size, channels, each = kernel.shape
    return _convolution(b, layer, values[0], kernel.reshape(size, channels * each).T[:, None, :], channels)


def _kernels(layer: KerasLayer, name: str) -> list[np.ndarray]:
    found = [array for path, array in layer.arrays.items() if path.rsplit("/", 1)[-1] in (name, "0")]
    if len(found) != 1 or found[0].ndim != 3:
        raise ConvertError(
            f"it has arrays {', '.join(layer.arrays) or 'none'}; expects a {name} of three axes"
        )
    return found


def _dense(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    names = ["bias"] if layer.config.get("use_bias", True) else []
    weights = layer.weights("kernel", *names)
    y = ops.dense(b, layer.name, values[0], weights["kernel"], weights.get("bias"))
    return activated(b, layer, y, layer.config.get("activation"))


def _batch_norm(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    axis = layer.config.get("axis", -1)
    axis = int(axis[0] if isinstance(axis, list) else axis)
    own = {"gamma": layer.config.get("scale", True), "beta": layer.config.get("center", True)}
    weights = layer.weights(*[name for name, used in own.items() if used], "moving_mean", "moving_variance")
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    arrays = {
        "gamma": weights.get("gamma", np.ones_like(mean)),
        "beta": weights.get("beta", np.zeros_like(mean)),
        "running_mean": mean,
        "running_var": variance,
    }
    return ops.batch_norm(b, layer.name, values[0], arrays, float(layer.config.get("epsilon", 1e-3)), axis)


def _layer_norm(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    x, axis = values[0], layer.config.get("axis", -1)
    if (axis[0] if isinstance(axis, list) else axis) not in (-1, x.ndim - 1):
        raise ConvertError(f"axis = {axis} is not supported; expects -1")
    layer.expect(rms_scaling=False)
    weights = layer.weights(
        *[n for n, used in (("gamma", "scale"), ("beta", "center")) if layer.config.get(used, True)]
    )
    return ops.layer_norm(b, layer.name, x, weights, float(layer.config.get("epsilon", 1e-3)))


def _relu(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    layer.expect(max_value=None, threshold=0.0)
    slope = float(np.asarray(layer.config.get("negative_slope") or 0.0))
    if slope:
        return ops.elementwise(b, layer.name, values[0], "leaky_relu", slope=slope)
    return ops.elementwise(b, layer.name, values[0], "relu")


def _leaky_relu(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    slope = layer.config.get("alpha", layer.config.get("negative_slope", 0.3))
    return ops.elementwise(b, layer.name, values[0], "leaky_relu", slope=float(np.asarray(slope)))


def _pool(kind: str) -> KerasRule:
    def rule(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
        layer.expect(data_format="channels_last")
        size = layer.number("pool_size", 2)
        return ops.pool(
            b, layer.name, values[0], kind, channels=2, positions=1, size=size, stride=layer.number("strides", size),
            padding=layer.config.get("padding", "valid"),
        )  # fmt: skip

    return rule


def _global(kind: str) -> KerasRule:
    def rule(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
        layer.expect(data_format="channels_last")
        keep = bool(layer.config.get("keepdims"))
        return ops.global_pool(b, layer.name, values[0], kind, positions=1, keepdims=keep)

    return rule


def _ends(sign: int, key: str) -> KerasRule:
    def rule(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
        sizes = layer.config.get(key, 1)
        before, after = (sizes, sizes) if isinstance(sizes, int) else sizes
        return shapes.shift(b, layer.name, values[0], sign * int(before), sign * int(after), axis=1)

    return rule


def _join(how: str) -> KerasRule:
    def rule(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
        return shapes.join(b, layer.name, how, values, int(layer.config.get("axis", -1)))

    return rule


def _permute(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    return shapes.transpose(values[0], (0, *(int(axis) for axis in layer.config["dims"])))


def _reshape(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    return shapes.reshape(
        b, layer.name, values[0], (values[0].shape[0], *(int(size) for size in layer.config["target_shape"]))
    )


def _flatten(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    layer.expect(data_format="channels_last")
    return shapes.flatten(b, layer.name, values[0])


#: class of a layer that keeps no state along the sequence -> what makes it
PLAIN_RULES: dict[str, KerasRule] = {
    "Conv1D": _conv1d,
    "Convolution1D": _conv1d,
    "DepthwiseConv1D": _depthwise,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Activation": lambda b, layer, values: activated(b, layer, values[0], layer.config.get("activation")),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": lambda b, layer, v: ops.elementwise(
        b, layer.name, v[0], "elu", alpha=float(layer.config.get("alpha", 1.0))
    ),
    "Softmax": lambda b, layer, values: ops.softmax(
        b, layer.name, values[0], int(layer.config.get("axis", -1))
    ),
    "MaxPooling1D": _pool("max"),
    "AveragePooling1D": _pool("average"),
    "GlobalMaxPooling1D": _global("max"),
    "GlobalAveragePooling1D": _global("average"),
    "Flatten": _flatten,
    "Permute": _permute,
    "Reshape": _reshape,
    "Cropping1D": _ends(-1, "cropping"),
    "ZeroPadding1D": _ends(1, "padding"),
    "Add": _join("add"),
    "Multiply": _join("multiply"),
    "Average": _join("mean"),
    "Concatenate": _join("concatenate"),
    **dict.fromkeys(  # nothing in evaluation
        (
            "Dropout",
            "SpatialDropout1D",
            "GaussianDropout",
            "GaussianNoise",
            "AlphaDropout",
            "ActivityRegularization",
        ),
        lambda b, layer, values: values[0],
    ),
}
