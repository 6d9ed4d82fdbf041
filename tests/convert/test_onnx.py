"""ONNX graphs of every operation that is known, against onnxruntime; and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from genoml.convert import Converted, ConvertError, convert_onnx
from genoml.io import read_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 12)).astype(np.float32)
Nodes = Sequence[Any]


def drawn(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32)


def written(
    path: Path, nodes: Nodes, arrays: dict[str, Any], shape: Sequence[Any] = ("n", 4, 12), opset: int = 20
) -> str:
    """A file of nodes that read ``x`` and give ``y``."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    initial = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, initial)
    opset = 23 if any(node.op_type == "Attention" for node in nodes) else opset
    sets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=helper.find_min_ir_version_for(sets))
    file = path / "m.onnx"
    file.write_bytes(model.SerializeToString())
    return str(file)


def op(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(","), output.split(","), name=f"{kind}_{output}", **attributes)


def conv(output: str = "h", source: str = "x", weights: str = "w", **attributes: Any) -> Any:
    return op("Conv", f"{source},{weights}", output, **attributes)


W, V = drawn(6, 4, 3), drawn(6, 6, 3)
ONE = {"w": W}


def state(kind: str, directions: int, *, features: int = 4, hidden: int = 3) -> dict[str, np.ndarray]:
    gates = {"LSTM": 4, "GRU": 3}[kind] * hidden
    shapes = {"w": (features,), "r": (hidden,)}
    found = {name: drawn(directions, gates, *shape) for name, shape in shapes.items()}
    return found | {"b": drawn(directions, 2 * gates)}


def recurrent(kind: str, direction: str, output: str = "a,h", **attributes: Any) -> list[Any]:
    said = {"linear_before_reset": 1} if kind == "GRU" else {}
    made = op(kind, "t,w,r,b", output, hidden_size=3, direction=direction, **said, **attributes)
    return [op("Transpose", "x", "t", perm=[2, 0, 1]), made]


def last_axis(nodes: Nodes) -> list[Any]:
    """Nodes that read ``t`` (n, length, 4) and give ``u``, whose output is transposed back."""
    return [op("Transpose", "x", "t", perm=[0, 2, 1]), *nodes, op("Transpose", "u", "y", perm=[0, 2, 1])]


def projections(names: str) -> list[Any]:
    """Queries, keys and values of ``t``, with biases of the keys."""
    q, k, v = names.split(",")
    return [
        op("MatMul", "t,wq", q),
        op("MatMul", "t,wk", "nk"),
        op("Add", "nk,bk", k),
        op("MatMul", "t,wv", v),
    ]


def attention(*nodes: Any) -> list[Any]:
    """Attention of two heads to ``t``, whose weights ``a`` the nodes make of queries ``q`` and keys ``k``."""
    heads = [op("Reshape", f"p{name},split", f"h{name}") for name in "qkv"]
    turned = [
        op("Transpose", f"h{name}", name, perm=[0, 2, *last])
        for name, last in zip("qkv", ((1, 3), (3, 1), (1, 3)), strict=True)
    ]
    joined = [
        op("MatMul", "a,v", "y4"),
        op("Transpose", "y4", "yt", perm=[0, 2, 1, 3]),
        op("Reshape", "yt,join", "z"),
    ]
    return [
        *projections("pq,pk,pv"),
        *heads,
        *turned,
        *nodes,
        *joined,
        op("MatMul", "z,wo", "zo"),
        op("Add", "zo,bo", "u"),
    ]


I = np.int64  # noqa: E741
PROJECTIONS = {
    "wq": drawn(4, 6), "wk": drawn(4, 6), "wv": drawn(4, 6), "wo": drawn(6, 5), "bk": drawn(6), "bo": drawn(5),
    "split": I([0, 0, 2, 3]), "join": I([0, 0, 6]),
}  # fmt: skip
PAST = np.where(np.tri(12), 0.0, -np.inf).astype(np.float32)
BIASES = drawn(2, 23)[:, np.arange(12)[None] - np.arange(12)[:, None] + 11]
#: name -> nodes from x to y, and the constants that they read
GRAPHS: dict[str, tuple[Nodes, dict[str, Any]]] = {
    "Conv": ([conv("y", pads=[1, 1])], ONE),
    "Conv, strides": ([conv("y", strides=[2], pads=[2, 0])], ONE),
    "Conv, causal": ([conv("y", dilations=[2], pads=[4, 0])], ONE),
    "Conv, groups": ([op("Conv", "x,w,b", "y", group=2)], {"w": drawn(6, 2, 3), "b": drawn(6)}),
    "Conv, SAME_UPPER": ([conv("y", auto_pad="SAME_UPPER", strides=[2])], ONE),
    "Conv of images": (
        [op("Unsqueeze", "x,a", "i"), conv("c", "i"), op("Squeeze", "c,a", "y")],
        {"w": W[:, :, None, :], "a": I([2])},
    ),
    "BatchNormalization": (
        [conv(), op("BatchNormalization", "h,g,b,m,v", "y", epsilon=1e-3)],
        {**ONE, "g": drawn(6), "b": drawn(6), "m": drawn(6), "v": np.abs(drawn(6)) + 0.5},
    ),
    **{
        kind: ([conv(), op(kind, "h", "y", **said)], ONE)
        for kind, said in {
            "Relu": {}, "Sigmoid": {}, "Tanh": {}, "Exp": {}, "Softplus": {}, "Elu": {"alpha": 0.5},
            "LeakyRelu": {"alpha": 0.2}, "Gelu": {}, "Identity": {}, "Dropout": {},
        }.items()
    },
    "Gelu, tanh": ([conv(), op("Gelu", "h", "y", approximate="tanh")], ONE),
    "Softmax": ([conv(), op("Softmax", "h", "y", axis=1)], ONE),
    "GELU by Erf": (
        [
            conv(), op("Div", "h,s", "d"), op("Erf", "d", "e"), op("Add", "e,one", "a"), op("Mul", "h,a", "p"),
            op("Mul", "p,half", "y"),
        ],
        {**ONE, "s": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
    ),
    "GELU by Erf, halved first": (
        [
            conv(), op("Mul", "h,s", "d"), op("Erf", "d", "e"), op("Add", "one,e", "a"), op("Mul", "h,half", "q"),
            op("Mul", "q,a", "y"),
        ],
        {**ONE, "s": np.float32(0.5**0.5), "one": np.float32(1), "half": np.float32(0.5)},
    ),
    "MaxPool": ([op("MaxPool", "x", "y", kernel_shape=[3], strides=[2])], {}),
    "MaxPool, ceil_mode": ([op("MaxPool", "x", "y", kernel_shape=[5], strides=[5], ceil_mode=1)], {}),
    "AveragePool": ([op("AveragePool", "x", "y", kernel_shape=[3], strides=[3])], {}),
    "GlobalMaxPool": ([op("GlobalMaxPool", "x", "h"), op("Flatten", "h", "y")], {}),
    "GlobalAveragePool": ([op("GlobalAveragePool", "x", "h"), op("Squeeze", "h,a", "y")], {"a": I([2])}),
    "ReduceMean": ([op("ReduceMean", "x,a", "y", keepdims=0)], {"a": I([-1])}),
    "ReduceMax": ([op("ReduceMax", "x,a", "h", keepdims=1), op("Flatten", "h", "y")], {"a": I([2])}),
    "Add, Mul, Mean": (
        [
            conv("a"), conv("b", weights="v"), op("Add", "a,b", "c"), op("Mul", "c,a", "d"), op("Mean", "a,d", "e"),
            op("Sum", "e,a,b", "y"),
        ],
        {**ONE, "v": drawn(6, 4, 3)},
    ),
    "constants": (
        [
            conv(), op("Add", "h,v", "a"), op("Mul", "k,a", "b"), op("Sub", "b,k", "c"), op("Sub", "k,c", "d"),
            op("Div", "d,k", "y"),
        ],
        {**ONE, "v": drawn(1, 6, 1), "k": np.float32(1.5)},
    ),
    "Concat": ([conv("a"), conv("b", weights="v"), op("Concat", "a,b", "y", axis=1)], {**ONE, "v": drawn(2, 4, 3)}),
    "Concat of positions": ([conv(), op("Concat", "h,h", "y", axis=2)], ONE),
    "Slice": ([op("Slice", "x,s,e,a", "y")], {"s": I([2]), "e": I([-3]), "a": I([2])}),
    "Pad": ([op("Pad", "x,p", "y")], {"p": I([0, 0, 2, 0, 0, -3])}),
    "Flatten": ([conv(), op("Flatten", "h", "f"), op("Gemm", "f,d,b", "y")], {**ONE, "d": drawn(60, 5), "b": drawn(5)}),
    "Flatten by positions": (
        [
            conv(), op("Transpose", "h", "t", perm=[0, 2, 1]), op("Reshape", "t,s", "f"),
            op("Gemm", "f,d", "y", transB=1),
        ],
        {**ONE, "s": I([-1, 60]), "d": drawn(5, 60)},
    ),
    "a shape that is computed": (
        [
            conv(), op("Shape", "h", "s"), op("Gather", "s,zero", "n"), op("Unsqueeze", "n,zeros", "m"),
            op("Concat", "m,rest", "t", axis=0), op("Reshape", "h,t", "f"), op("MatMul", "f,d", "p"),
            op("Add", "p,b", "y"),
        ],
        {**ONE, "zero": I(0), "zeros": I([0]), "rest": I([-1]), "d": drawn(60, 5), "b": drawn(5)},
    ),
    "dense at every position": (
        last_axis([op("MatMul", "t,d", "p"), op("Add", "b,p", "u")]), {"d": drawn(4, 5), "b": drawn(5)}
    ),
    "LayerNormalization": (
        last_axis([op("LayerNormalization", "t,g,b", "u", axis=-1, epsilon=1e-3)]), {"g": drawn(4), "b": drawn(4)}
    ),
    **{
        f"attention, {what}": (last_axis(attention(*nodes)), {**PROJECTIONS, **arrays})
        for what, nodes, arrays in (
            (
                "scores divided",
                [op("MatMul", "q,k", "s"), op("Div", "s,c", "d"), op("Softmax", "d", "a", axis=-1)],
                {"c": np.float32(1.4)},
            ),
            (
                "queries and keys multiplied",
                [
                    op("Mul", "q,c", "r"), op("Mul", "k,c", "l"), op("MatMul", "r,l", "s"),
                    op("Softmax", "s", "a", axis=-1),
                ],
                {"c": np.float32(0.8)},
            ),
            (
                "a mask that is added",
                [op("MatMul", "q,k", "s"), op("Add", "s,m", "d"), op("Softmax", "d", "a", axis=3)],
                {"m": PAST},
            ),
            (
                "a mask that chooses",
                [op("MatMul", "q,k", "s"), op("Where", "m,l,s", "d"), op("Softmax", "d", "a", axis=-1)],
                {"m": PAST < 0, "l": np.float32(-1e32)},
            ),
            (
                "biases of distances",
                [op("MatMul", "q,k", "s"), op("Add", "m,s", "d"), op("Softmax", "d", "a", axis=-1)],
                {"m": BIASES},
            ),
        )
    },
    **{
        f"Attention, {what}": (
            last_axis(
                [
                    *projections("tq,tk,tv"),
                    op("Attention", f"tq,tk,tv{also}", "z", q_num_heads=2, kv_num_heads=2, **said),
                    op("MatMul", "z,wo", "u"),
                ]
            ),
            {**PROJECTIONS, **arrays},
        )
        for what, also, said, arrays in (
            ("causal", "", {"is_causal": 1}, {}),
            ("with a mask", ",m", {"scale": 0.3}, {"m": BIASES[0]}),
        )
    },
    **{
        f"{kind}, {direction}, all states": (
            [
                *recurrent(kind, direction), op("Transpose", "a", "p", perm=[0, 2, 1, 3]), op("Reshape", "p,s", "q"),
                op("Transpose", "q", "y", perm=[1, 2, 0]),
            ],
            {**state(kind, directions), "s": I([0, 0, -1])},
        )
        for kind in ("LSTM", "GRU")
        for direction, directions in (("forward", 1), ("bidirectional", 2))
    },
    "LSTM, last state": ([*recurrent("LSTM", "forward"), op("Squeeze", "h,z", "y")], {**state("LSTM", 1), "z": I([0])}),
    "GRU, last states of both": (
        [
            *recurrent("GRU", "bidirectional"), op("Gather", "h,zero", "f"), op("Gather", "h,one", "g"),
            op("Concat", "f,g", "y", axis=1),
        ],
        {**state("GRU", 2), "zero": I(0), "one": I(1)},
    ),
    "LSTM, last position": (
        [*recurrent("LSTM", "forward"), op("Squeeze", "a,o", "s"), op("Gather", "s,end", "y")],
        {**state("LSTM", 1), "o": I([1]), "end": I(-1)},
    ),
}  # fmt: skip


def converted(file: str, **options: Any) -> Converted:
    return convert_onnx(read_weights(file), **options)


def by_onnxruntime(file: str, x: np.ndarray) -> np.ndarray:
    (found,) = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    return np.asarray(found)


@pytest.mark.parametrize("name", GRAPHS)
def test_outputs_equal_those_of_onnxruntime(name: str, tmp_path: Path) -> None:
    file = written(tmp_path, *GRAPHS[name])
    made = converted(file)
    found = np.asarray(made.network(X))
    np.testing.assert_allclose(found.transpose(made.axes), by_onnxruntime(file, X), rtol=1e-5, atol=1e-5)


def test_a_batch_of_one_in_the_file_is_no_limit(tmp_path: Path) -> None:
    nodes, arrays = GRAPHS["Flatten by positions"]
    file = written(tmp_path, nodes, {**arrays, "s": I([1, 60])}, (1, 4, 12))
    found = np.asarray(converted(file).network(X))
    np.testing.assert_allclose(found[1:2], by_onnxruntime(file, X[1:2]), atol=1e-6)


def test_an_open_length_is_given(tmp_path: Path) -> None:
    file = written(tmp_path, *GRAPHS["Conv"], shape=("n", 4, "l"))
    with pytest.raises(ConvertError, match="no fixed length"):
        converted(file)
    assert not converted(file, length_bp=12).fixed_length


def refused(*nodes: Any, **arrays: Any) -> tuple[list[Any], dict[str, Any]]:
    return [conv(), *nodes], {**ONE, **arrays}


REFUSED: dict[str, Callable[[], tuple[list[Any], dict[str, Any]]]] = {
    r"node DepthToSpace_y \(DepthToSpace\) is not supported; known: Add, ": lambda: refused(
        op("DepthToSpace", "h", "y", blocksize=2)
    ),
    r"node MaxPool_y \(MaxPool\): a pooling with padding \(1, 1\)": lambda: refused(
        op("MaxPool", "h", "y", kernel_shape=[3], pads=[1, 1])
    ),
    "a padding with other values than 0": lambda: refused(
        op("Pad", "h,p,v", "y"), p=I([0, 0, 1, 0, 0, 1]), v=np.float32(1)
    ),
    "an error function that is no part of GELU": lambda: refused(op("Erf", "h", "y")),
    "it divides by an array that depends": lambda: refused(op("Div", "k,h", "y"), k=np.float32(1)),
    "it takes two arrays that depend": lambda: refused(op("Sub", "h,h", "y")),
    "linear_before_reset = 0": lambda: (
        [op("Transpose", "x", "t", perm=[2, 0, 1]), op("GRU", "t,w,r,b", "y", hidden_size=3)], state("GRU", 1)
    ),
    "activations .*; expects": lambda: (
        recurrent("LSTM", "forward", "y", activations=["Sigmoid", "Relu", "Tanh"]), state("LSTM", 1)
    ),
    "or a first state that is not 0": lambda: (
        [op("Transpose", "x", "t", perm=[2, 0, 1]), op("LSTM", "t,w,r,b,,i", "y", hidden_size=3)],
        {**state("LSTM", 1), "i": np.ones((1, 1, 3), np.float32)},
    ),
    "a reshape from": lambda: refused(op("Reshape", "h,s", "y"), s=I([-1, 5, 12])),
    "a slice that is not a cut": lambda: refused(
        op("Slice", "h,s,e,a,t", "y"), s=I([0]), e=I([9]), a=I([2]), t=I([2])
    ),
    "reads z, which is not in the file": lambda: refused(op("Add", "h,z", "y")),
    r"node Conv_y \(Conv\): its kernel depends on the sequences": lambda: ([op("Conv", "x,x", "y")], {}),
    "it makes a constant of shape": lambda: refused(op("ConstantOfShape", "s", "y"), s=I([1 << 40])),
    "makes a constant of shape": lambda: refused(
        *[op("Concat", f"c{i},c{i}", f"c{i + 1}", axis=0) for i in range(30)], op("Add", "h,c30", "y"),
        c0=np.zeros(8, np.float32),
    ),
    "that are parts of one, in another order": lambda: refused(
        op("Reshape", "h,s", "p"), op("Transpose", "p", "t", perm=[0, 2, 1, 3]), op("Reshape", "t,j", "y"),
        s=I([0, 2, 3, 10]), j=I([0, 6, 10]),
    ),
    "values of different arrays; only self-attention": lambda: (
        last_axis([
            conv("c", pads=[1, 1]), op("Transpose", "c", "o", perm=[0, 2, 1]), op("MatMul", "o,c", "s"),
            op("Softmax", "s", "a", axis=-1), op("MatMul", "a,t", "u"),
        ]), ONE,
    ),
    "it reads scores of attention, which Relu is not known": lambda: (
        [op("Transpose", "x", "t", perm=[0, 2, 1]), op("MatMul", "t,x", "s"), op("Relu", "s", "y")], {}
    ),
    "used as no rule knows": lambda: refused(op("Transpose", "h", "y", perm=[7, 8, 9])),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_not_supported_is_named(message: str, tmp_path: Path) -> None:
    file = written(tmp_path, *REFUSED[message]())
    with pytest.raises(ConvertError, match=message) as caught:
        converted(file)
    assert str(caught.value).startswith("import: ")
    assert "\n" not in str(caught.value)


def test_nodes_in_a_circle_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, [op("Add", "x,b", "a"), op("Relu", "a", "b"), op("Add", "a,b", "y")], {})
    with pytest.raises(ConvertError, match="in a circle"):
        converted(file)


def test_several_inputs_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, [op("Add", "x,z", "y")], {})
    model = onnx.load(file)
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ("n", 4, 12)))
    Path(file).write_bytes(model.SerializeToString())
    with pytest.raises(
        ConvertError, match=r"expects a graph with one input whose shape it says, got \['x', 'z'\]"
    ):
        converted(file)
