"""Sound files of other frameworks' weights: specimens that the frameworks made, and small ones made here."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

FOLDER = Path(__file__).parents[1] / "data" / "weights"
WEIGHTS = np.random.default_rng(0).random((3, 4, 5), np.float32)
DEEPBIND = b"""# deepbind 0.1
reverse_complement = 1
num_detectors = 2
detector_len = 3
has_avg_pooling = 1
num_hidden = 3
detectors = 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,-2.5e-1
thresholds = -0.5,1
weights1 = 1,2,3,4,5,6,7,8,9,10,11,12
biases1 = 1,2,3
weights2 = 4,5,6
biases2 = 7
"""


def specimen(name: str) -> bytes:
    """A file that a framework made."""
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes())


def npz() -> bytes:
    """NumPy's archive: orders, byte orders and types."""
    made, columns = io.BytesIO(), np.asfortranarray(WEIGHTS[0])
    big, is_up = WEIGHTS.astype(">f4"), WEIGHTS > 0.5
    np.savez_compressed(made, w=WEIGHTS, columns=columns, big=big, is_up=is_up, one=np.float64(3))
    return made.getvalue()


def npy() -> bytes:
    """One array of NumPy."""
    made = io.BytesIO()
    np.save(made, WEIGHTS)
    return made.getvalue()


def onnx_model() -> bytes:
    """A convolution, a constant and a reshape, with types, attributes and a free axis."""
    nodes = [
        helper.make_node(
            "Conv", ["x", "w", "b"], ["c"], name="conv", kernel_shape=[5], auto_pad="SAME_UPPER"
        ),
        helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([0, -1]))),
        helper.make_node("Reshape", ["c", "shape"], ["y"]),
        helper.make_node("Odd", ["c"], ["z"], domain="made.up", factor=1.5, names=["a", "b"]),
    ]
    tensors = [
        numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(np.arange(3, dtype=np.float64), "b"),
        helper.make_tensor("half", TensorProto.BFLOAT16, [2], [1.5, -2.0]),
        helper.make_tensor("many", TensorProto.INT32, [3], [1, -2, 3]),
    ]  # fmt: skip
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4, 20]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("made.up", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def sound_files() -> dict[str, bytes]:
    """A sound file of each format."""
    return {
        "state.safetensors": save({"w": WEIGHTS, "steps": np.array([7])}, {"maker": "test"}),
        "zip.pt": specimen("zip.pt"), "stream.pt": specimen("stream.pt"), "model.h5": specimen("model.h5"),
        "model.keras": specimen("model.keras"), "frozen.pb": specimen("frozen.pb"), "types.pb": specimen("types.pb"),
        "model.onnx": onnx_model(), "arrays.npz": npz(), "array.npy": npy(), "table.txt": DEEPBIND,
    }  # fmt: skip
