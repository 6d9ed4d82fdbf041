"""Makes the specimens of this folder, once, with TensorFlow 2.21, Keras 3.15: ``python make.py``.

One small network with random weights in every form that Keras and TensorFlow write. ``expected.npz`` has its arrays as
Keras itself holds them, by layer and number.
"""

import gzip
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.legacy.saving import legacy_h5_format
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

keras.utils.set_random_seed(7)
inputs = keras.Input((12, 4), name="dna")
x = layers.Conv1D(3, 5, padding="same", activation="relu", name="motifs")(inputs)
x = layers.Conv1D(2, 3, dilation_rate=2, name="wide")(x)
x = layers.BatchNormalization(name="norm")(x)
x = layers.Bidirectional(layers.GRU(2, name="gru"), name="both")(x)
head = keras.Sequential(
    [layers.Dense(3, activation="relu", name="hidden"), layers.Dense(1, name="out")], name="head"
)
model = keras.Model(inputs, head(x))
random = np.random.default_rng(7)
model.set_weights([random.random(value.shape, np.float32) for value in model.get_weights()])
expected = {
    f"{layer.name}/{number}": value
    for layer in model.layers
    for number, value in enumerate(layer.get_weights())
}

model.save("model.h5")
model.save("model.keras")
model.save_weights("model.weights.h5")
with h5py.File("weights.h5", "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
for name in ("model.h5", "model.weights.h5", "weights.h5", "model.keras"):
    with open(name, "rb") as file:
        Path(f"{name}.gz").write_bytes(gzip.compress(file.read(), mtime=0))
    os.unlink(name)

chain = keras.Sequential(
    [inputs, *model.layers[1:4], layers.Flatten(name="flat"), layers.Dense(1, name="last")]
)
signature = tf.TensorSpec((None, 12, 4), tf.float32, name="x")
frozen = convert_variables_to_constants_v2(
    tf.function(lambda x: chain(x, training=False)).get_concrete_function(signature)
)
types = tf.Graph()
with types.as_default():
    for kind in (
        "half",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
        "complex128",
    ):
        one = True if kind == "bool" else 7
        tf.constant([[one, 0, 0], [0, one, one]] if one == 7 else [[True, False]], kind, name=f"{kind}_array")
        tf.constant(one, kind, name=f"{kind}_single")
        tf.constant(one, kind, (2, 2), name=f"{kind}_repeated")
    tf.constant(["some", "text"], name="text")
for name, graph in (("frozen", frozen.graph), ("types", types)):
    definition = graph.as_graph_def()
    Path(f"{name}.pb.gz").write_bytes(gzip.compress(definition.SerializeToString(), mtime=0))
    for node in definition.node:
        if node.op == "Const" and node.name != "text":
            value = tf.make_ndarray(node.attr["value"].tensor)
            expected[f"{name}:{node.name}"] = value.astype(np.float32) if "bfloat16" in node.name else value
    expected[f"{name}:"] = np.array(
        [f"{node.op} {node.name}" for node in definition.node if node.op != "Const"]
    )
np.savez_compressed("expected.npz", **expected)
