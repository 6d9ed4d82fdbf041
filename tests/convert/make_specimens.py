"""Writes tests/convert/specimens: small networks with random weights, and their outputs, by the frameworks themselves.

    pip install tensorflow-cpu==2.21 tf_keras && python tests/convert/make_specimens.py

The suite reads what was written once, and needs no TensorFlow. Each network has a file and ``NAME.npz`` with sequences
``x`` (n, length, 4) and outputs ``y``, or ``y0``, ``y1``, ... of several. mmsplice-intron3.h5 is a published network
(MIT, see its LICENSE), from the package mmsplice 2.4.0; its outputs are made here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import tensorflow as tf
import tf_keras

HERE = Path(__file__).parent / "specimens"
LENGTH = 40


def sequences(n: int = 5, length: int = LENGTH) -> np.ndarray:
    """One-hot sequences, with some N."""
    rng = np.random.default_rng(0)
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (n, length))]
    x[0, :3] = 0.0
    return x


def shuffled_weights(model: Any) -> None:
    """Random weights, also of biases and of moving statistics, which begin as constants."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        shape = tuple(weight.shape)
        name = weight.path if hasattr(weight, "path") else weight.name
        if "variance" in name:
            value = rng.uniform(0.5, 2.0, shape)
        else:
            value = rng.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1.0)) + 0.1 * ("gamma" in name)
        weight.assign(value.astype(np.float32))


def plain(k: Any, groups: int = 2) -> Any:
    """Convolutions of all kinds, normalisation, pooling, Flatten and dense layers in a row."""
    layer = k.layers
    return k.Sequential(
        [
            layer.Input((LENGTH, 4)),
            layer.Conv1D(8, 7, padding="same", activation="relu"),
            layer.BatchNormalization(),
            layer.MaxPooling1D(2),
            layer.Conv1D(8, 3, dilation_rate=2, padding="causal", groups=groups),
            layer.BatchNormalization(scale=False),
            layer.ELU(),
            layer.Conv1D(6, 4, strides=3, padding="same"),
            layer.LeakyReLU(),
            layer.AveragePooling1D(3, 2),
            layer.SpatialDropout1D(0.1),
            layer.Flatten(),
            layer.BatchNormalization(),
            layer.Dropout(0.2),
            layer.Dense(5, activation="tanh"),
            layer.Dense(3, activation="softmax"),
        ]
    )


def branched(k: Any) -> Any:
    """A functional model: skips, products, crops, several heads and a model within the model."""
    layer = k.layers
    x = layer.Input((None, 4), name="sequence")
    first = layer.Conv1D(6, 5, padding="same", name="first")(x)
    gate = layer.Conv1D(6, 1, activation="sigmoid")(first)
    h = layer.Multiply()([layer.Activation("relu")(first), gate])
    inner_x = layer.Input((None, 6))
    inner_y = layer.Conv1D(6, 3, padding="same", activation="softplus")(inner_x)
    block = k.Model(inner_x, layer.Add()([inner_x, inner_y]), name="block")
    h = block(block(h))
    wide = layer.ZeroPadding1D((1, 2))(layer.Conv1D(2, 3)(h))
    h = layer.Concatenate()([h, layer.Cropping1D((1, 0))(wide)])
    profile = layer.Flatten(name="profile")(layer.Cropping1D(4)(layer.Conv1D(1, 3, padding="same")(h)))
    total = layer.Dense(2, name="total")(layer.GlobalAveragePooling1D()(h))
    return k.Model(x, [profile, total])


def recurrent(k: Any) -> Any:
    """Recurrent layers in both directions, dense layers along positions, Permute, Reshape, LayerNormalization."""
    layer = k.layers
    x = layer.Input((LENGTH, 4))
    h = layer.Conv1D(5, 4, strides=4)(x)
    h = layer.Bidirectional(layer.LSTM(3, return_sequences=True))(h)
    h = layer.TimeDistributed(layer.Dense(4, activation="relu"))(h)
    h = layer.LayerNormalization()(h)
    h = layer.Permute((2, 1))(layer.Permute((2, 1))(h))
    g = layer.GRU(3, return_sequences=True)(h)
    last = layer.Bidirectional(layer.GRU(2))(layer.Concatenate()([g, h]))
    y = layer.Reshape((2, 2))(last)
    y = layer.Average()([layer.Flatten()(y), layer.LSTM(4, use_bias=False)(h)])
    return k.Model(x, layer.Dense(1, activation="sigmoid")(layer.Activation("gelu")(y)))


def attention(k: Any) -> Any:
    """Self-attention beside a skip, and a layer per position."""
    layer = k.layers
    x = layer.Input((LENGTH, 4))
    h = layer.Conv1D(6, 8, strides=4)(x)
    a = layer.MultiHeadAttention(2, 5, value_dim=3)(h, h)
    h = layer.Add()([h, a])
    return k.Model(x, layer.GlobalMaxPooling1D()(layer.Dense(3, activation="silu")(h)))


def splice(k: Any) -> Any:
    """SpliceAI's plan: residual blocks with dilation, a sum of skips, ends cut off, a softmax at each position."""
    layer = k.layers
    x = layer.Input((None, 4))
    h = layer.Conv1D(4, 1)(x)
    skip = layer.Conv1D(4, 1)(h)
    for dilation in (1, 3):
        r = h
        for _ in range(2):
            r = layer.Activation("relu")(layer.BatchNormalization()(r))
            r = layer.Conv1D(4, 5, dilation_rate=dilation, padding="same")(r)
        h = layer.Add()([h, r])
    y = layer.Cropping1D(6)(layer.Add()([skip, layer.Conv1D(4, 1)(h)]))
    return k.Model(x, layer.Conv1D(3, 1, activation="softmax")(y))


def chrombpnet(k: Any) -> Any:
    """ChromBPNet's plan: two BPNets, of one of which the bias is; a Lambda adds their counts."""
    layer = k.layers

    def bpnet(name: str, filters: int) -> Any:
        x = layer.Input((140, 4), name="sequence")
        h = layer.Conv1D(filters, 21, activation="relu", name=f"{name}_1st_conv")(x)
        for i in (1, 2):
            conv = layer.Conv1D(filters, 3, dilation_rate=2**i, activation="relu", name=f"{name}_{i}conv")(h)
            h = layer.add([conv, layer.Cropping1D(2**i, name=f"{name}_{i}crop")(h)])
        profile = layer.Cropping1D(7)(layer.Conv1D(1, 75, name=f"{name}_prof_out_precrop")(h))
        counts = layer.Dense(1, name=f"{name}_logcount_predictions")(layer.GlobalAvgPool1D()(h))
        return k.Model([x], [layer.Flatten(name=f"{name}_logits")(profile), counts], name=name)

    x = layer.Input((140, 4), name="sequence")
    bias, free = bpnet("bpnet", 3)(x), bpnet("model_wo_bias", 4)(x)
    profile = layer.Add(name="logits_profile_predictions")([free[0], bias[0]])
    both = layer.Concatenate(axis=-1)([free[1], bias[1]])
    total = layer.Lambda(
        lambda x: tf.math.reduce_logsumexp(x, axis=-1, keepdims=True), name="logcount_predictions"
    )
    return k.Model([x], [profile, total(both)])


def write(name: str, model: Any, save: Callable[[str], None]) -> None:
    """Write a network's file, and its outputs beside it."""
    x = sequences(length=model.input_shape[1] or LENGTH)
    found = model(x, training=False)
    outputs = found if isinstance(found, list | tuple) else [found]
    save(str(HERE / name))
    arrays = {f"y{i}" if len(outputs) > 1 else "y": np.asarray(y) for i, y in enumerate(outputs)}
    np.savez_compressed(HERE / f"{name}.npz", x=x, **arrays)


def freeze(models: list[Any], path: str, length: int | None = None) -> None:
    """Write a network, or the mean of several, as a frozen graph, as CI-SpliceAI's is."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def mean(x: Any) -> Any:
        if len(models) == 1:
            return models[0](x, training=False)
        return tf.reduce_mean(tf.stack([model(x, training=False) for model in models]), axis=0)

    function = tf.function(mean).get_concrete_function(tf.TensorSpec((None, length, 4), tf.float32, name="x"))
    graph = convert_variables_to_constants_v2(function).graph.as_graph_def()
    Path(path).write_bytes(graph.SerializeToString())


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for version, k in (("3", keras), ("2", tf_keras)):
        for build in (plain, branched, recurrent, attention):
            k.utils.set_random_seed(0)
            model = build(k)
            shuffled_weights(model)
            endings = ["h5"] if version == "2" else ["keras"]
            for ending in [*endings, *(["h5"] if build is branched and version == "3" else [])]:
                write(f"{build.__name__}-{version}.{ending}", model, model.save)
    model = chrombpnet(tf_keras)
    shuffled_weights(model)
    write("chrombpnet-2.h5", model, model.save)
    published = tf_keras.models.load_model(HERE / "mmsplice-intron3.h5", compile=False)
    x = sequences()
    np.savez_compressed(HERE / "mmsplice-intron3.h5.npz", x=x, y=np.asarray(published(x, training=False)))
    members = [splice(keras), splice(keras)]
    for model in members:
        shuffled_weights(model)
    freeze(members, str(HERE / "splice.pb"))
    y = np.mean([np.asarray(model(x, training=False)) for model in members], axis=0)
    np.savez_compressed(HERE / "splice.pb.npz", x=x, y=y)
    model = plain(keras, groups=1)  # XLA computes groups
    shuffled_weights(model)
    freeze([model], str(HERE / "plain.pb"), LENGTH)
    np.savez_compressed(HERE / "plain.pb.npz", x=x, y=np.asarray(model(x, training=False)))


if __name__ == "__main__":
    main()
