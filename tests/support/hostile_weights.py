"""Files of other frameworks' weights that someone with bad intentions made; each must be refused."""

from __future__ import annotations

import io
import json
import marshal
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import helper, numpy_helper

from support.hostile_files import headers, pickles

# --- pickles, written instruction by instruction


def named(name: str) -> bytes:
    room, _, last = name.rpartition(".")
    return f"c{room}\n{last}\n".encode()


def text(words: str) -> bytes:
    return b"X" + len(words.encode()).to_bytes(4, "little") + words.encode()


def whole(number: int) -> bytes:
    size = number.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + number.to_bytes(size, "little", signed=True)


def together(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def called(name: str, *arguments: bytes) -> bytes:
    return named(name) + together(*arguments) + b"R"


def storage(kind: str = "torch.FloatStorage", key: str = "0", size: int = 6) -> bytes:
    return together(text("storage"), named(kind), text(key), text("cpu"), whole(size)) + b"Q"


def tensor(
    stored: bytes | None = None,
    start: int = 0,
    shape: tuple[int, ...] = (2, 3),
    strides: tuple[int, ...] = (3, 1),
) -> bytes:
    sizes = (together(*map(whole, numbers)) for numbers in (shape, strides))
    return called(
        "torch._utils._rebuild_tensor_v2", storage() if stored is None else stored, whole(start), *sizes,
        b"\x89", called("collections.OrderedDict"),
    )  # fmt: skip


def table(**values: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def packed(members: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name.removesuffix("*")), content, kind, 1)
    return made.getvalue()


def torch_zip(body: bytes, data: bytes = bytes(24), **more: bytes) -> bytes:
    return packed({"x/data.pkl": b"\x80\x02" + body + b".", "x/data/0": data, "x/version": b"3\n", **more})


def torch_stream(
    body: bytes, data: bytes = (6).to_bytes(8, "little") + bytes(24), keys: bytes | None = None
) -> bytes:
    parts = [
        whole(0x1950A86A20F9469CFC6C),
        whole(1001),
        table(),
        body,
        b"](" + text("0") + b"e" if keys is None else keys,
    ]
    return b"".join(b"\x80\x02" + part + b"." for part in parts) + data


def _calls() -> dict[str, bytes]:
    """Pickles that ask for more than tensors."""
    run = text("true")
    names = [
        "os.system", "posix.system", "subprocess.Popen", "builtins.eval", "builtins.exec", "builtins.getattr",
        "builtins.__import__", "importlib.import_module", "runpy.run_path", "torch.load", "torch.hub.load",
        "torch.storage._load_from_bytes", "torch.jit.load", "torch.FloatTensor", "torch._utils._import_dotted_name",
        "torch.storage.TypedStorage", "numpy.core.multiarray._reconstruct", "numpy.load", "codecs.encode",
        "collections.OrderedDict.fromkeys", "_pickle.loads", "torch.os.system", "__main__.Net", "ctypes.CDLL",
    ]  # fmt: skip
    found = {f"call {name}": called(name, run) for name in names}
    ordered, build = named("collections.OrderedDict"), named("torch._utils._rebuild_tensor_v2")
    return found | {
        "stack-global": text("os") + text("system") + b"\x93" + together(run) + b"R",
        "stack-global of a tuple": text("os") + together(run) + b"\x93" + together(run) + b"R",
        "inst": b"(" + run + b"ios\nsystem\n",
        "inst of a known name": b"(" + run + b"icollections\nOrderedDict\n",
        "obj": b"(" + ordered + run + b"o",
        "newobj": ordered + b")\x81",
        "newobj-ex": ordered + b")}\x92",
        "extension": b"\x82\x7f" + together(run) + b"R",
        "extension of two bytes": b"\x83\x7f\x00" + together(run) + b"R",
        "extension of four bytes": b"\x84\x7f\x00\x00\x00" + together(run) + b"R",
        "build of a function": build + table(__code__=run) + b"b",
        "build of slots": build + together(b"N", table(__defaults__=together(run))) + b"b",
        "build of a class": ordered + table(__setitem__=build) + b"b",
        "build of a tensor": tensor() + table(shape=run) + b"b",
        "build of a table": table(a=tensor()) + table(items=build) + b"b",
        "items that are replaced": called("collections.OrderedDict") + table(items=build, keys=build) + b"b",
        "call of a call": build + together(tensor()) + b"R" + together(run) + b"R",
        "call of a text": text("os.system") + together(run) + b"R",
        "call without a tuple": ordered + run + b"R",
        "ordered of text": called("collections.OrderedDict", text("abc")),
        "ordered of triples": called("collections.OrderedDict", b"](" + together(run, run, run) + b"e"),
        "memory that is changed": ordered + b"q\x000" + named("os.system") + b"q\x00h\x00" + together(run) + b"R",
        "memory that is empty": b"h\x07",
        "memory of gigabytes": run + b"r\xff\xff\xff\x7f" + b"j\xfe\xff\xff\x7f",
        "stack that is empty": b"RRRR",
        "stack below the mark": b"t",
        "appended to a table": table() + b"(" + run + b"e",
        "key that hashes for ever": b")q\x00" + b"h\x00\x86q\x00" * 0 + b"h\x00h\x00\x86q\x00" * 60 + b"q\x01}h\x01Ns",
        "half a million lists": b"]" * 300_000 + b"a" * 299_999,
        "half a million numbers": b"](" + b"K\x01" * 500_000 + b"e",
        "number of gigabytes": b"\x8b\xff\xff\xff\x7f1",
        "text of exabytes": b"\x8d" + b"\xff" * 7 + b"\x7fabc",
        "digits": b"I" + b"9" * 100_000 + b"\n",
        "frame of exabytes": b"\x95" + b"\xff" * 7 + b"\x7f" + table(),
        "buffers": b"\x97\x98",
        "bytearray": b"\x96" + (2**40).to_bytes(8, "little"),
        "whole model": named("__main__.Net") + b")\x81" + table(_parameters=table(), _modules=table()) + b"b",
        "persistent code": together(text("module"), named("os.system"), run, run) + b"Q",
        "persistent text": b"Pos.system\n",
        "persistent kind": together(text("storage"), named("os.system"), run, run, whole(1)) + b"Q",
        "persistent other": together(text("script"), run, run, run, whole(1)) + b"Q",
        "persistent short": together(text("storage"), named("torch.FloatStorage")) + b"Q",
        "persistent of a function": storage(kind="torch._utils._rebuild_parameter"),
        "one tensor": tensor(),
        "list of tensors": b"](" + tensor() + b"e",
        "a number": whole(7),
        "nothing": table(),
    }  # fmt: skip


def _lies() -> dict[str, bytes]:
    """Tensors that do not fit their storages; the storage has 6 numbers of 4 bytes."""
    made = {
        "start beyond": tensor(start=1),
        "start of 2^61": tensor(start=2**61),
        "start negative": tensor(start=-1),
        "shape beyond": tensor(shape=(3, 3)),
        "shape of terabytes": tensor(shape=(2**40,), strides=(1,)),
        "shape expanded to terabytes": tensor(shape=(2**20, 2**20), strides=(0, 0)),
        "shape expanded to 2^80": tensor(shape=(2**40, 2**40), strides=(0, 0)),
        "shape negative": tensor(shape=(-2, 3)),
        "shape of 0 x 2^61": tensor(shape=(0, 2**61)),
        "shape of 100 axes": tensor(shape=(1,) * 100, strides=(1,) * 100),
        "strides beyond": tensor(strides=(4, 1)),
        "strides negative": tensor(strides=(-3, 1)),
        "strides of 2^61": tensor(strides=(2**61, 2**61)),
        "strides that lack one": tensor(strides=(1,)),
        "size beyond": tensor(storage(size=7)),
        "size below": tensor(storage(size=5)),
        "size of 2^60": tensor(storage(size=2**60)),
        "size negative": tensor(storage(size=-6)),
        "type of 8 bytes": tensor(storage("torch.DoubleStorage")),
        "type of 1 byte": tensor(storage("torch.ByteStorage")),
        "type unknown": tensor(storage("torch.QInt8Storage")),
        "no storage": tensor(text("0")),
        "no type": called(
            "torch._utils._rebuild_tensor_v3", storage("torch.storage.UntypedStorage", size=24)
        ),
        "parameter": called("torch._utils._rebuild_parameter", text("x")),
        "text as shape": called("torch._utils._rebuild_tensor", storage(), whole(0), text("ab"), text("ab")),
    }
    found = {name: table(w=body) for name, body in made.items()}
    return found | {"two types": table(v=tensor(), w=tensor(storage("torch.IntStorage")))}


def torch_files(marker: Path) -> dict[str, bytes]:
    """Zip archives and streams of PyTorch."""
    found = {f"{name}.pt": torch_zip(body) for name, body in (_calls() | _lies()).items()}
    found |= {f"{name}, stream.pt": torch_stream(body) for name, body in _lies().items()}
    for name in ("call os.system", "inst", "build of slots", "persistent code", "half a million lists"):
        found[f"{name}, stream.pt"] = torch_stream(_calls()[name])
    sound = table(w=tensor())
    big = packed(
        {"x/data.pkl": b"\x80\x02" + sound + b".", "x/data/0": bytes(65 << 20)}, zipfile.ZIP_DEFLATED
    )
    return found | {f"{name}.pt": content for name, content in pickles(marker).items()} | {
        "script.pt": torch_zip(sound, **{"x/code/__torch__.py": b"import os"}),
        "key outside.pt": torch_zip(table(w=tensor(storage(key="../../../etc/passwd")))),
        "key of the pickle.pt": torch_zip(table(w=tensor(storage(key="../data.pkl")))),
        "key absent.pt": torch_zip(table(w=tensor(storage(key="1")))),
        "no data.pt": packed({"x/data.pkl": b"\x80\x02" + sound + b"."}),
        "two pickles.pt": torch_zip(sound, **{"y/data.pkl": b"\x80\x02N."}),
        "bomb.pt": big,
        "member outside.pt": torch_zip(sound, **{"../../../tmp/x": b""}),
        "member absolute.pt": torch_zip(sound, **{"/etc/cron.d/x": b""}),
        "member of Windows.pt": torch_zip(sound, **{"C:\\x": b""}),
        "member twice.pt": torch_zip(sound, **{"x/data/0*": bytes(24)}),
        "bzip2.pt": packed({"x/data.pkl": b"\x80\x02" + sound + b".", "x/data/0": bytes(24)}, zipfile.ZIP_BZIP2),
        "cut.pt": torch_zip(sound)[:-40],
        "wrong checksum.pt": torch_zip(sound, b"abcd" * 6).replace(b"abcd" * 6, b"abcd" * 5 + b"abce"),
        "links.pt": torch_zip(sound).replace(b"\x00\x00\x80\x01", b"\x00\x00\xff\xa1"),
        "encrypted.pt": torch_zip(sound).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
        "size of members.pt": torch_zip(sound).replace(b"\x18\0\0\0" * 2, b"\x18\0\0\x80" * 2),
        "other magic.pt": b"\x80\x02" + whole(7) + b".",
        "keys that lie.pt": torch_stream(sound, keys=b"](" + text("1") + b"e"),
        "keys without end.pt": torch_stream(sound, keys=b"](" + text("0") * 10_000 + b"e"),
        "stream cut.pt": torch_stream(sound)[:-1],
        "stream that says 2^60.pt": torch_stream(sound, (2**60).to_bytes(8, "little")),
    }  # fmt: skip


# --- HDF5


def hdf5(write: Callable[[h5py.File], Any], **attributes: Any) -> bytes:
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.attrs.update(attributes)
        write(file)
    return made.getvalue()


def _layer(
    write: Callable[[h5py.Group], Any], names: tuple[str, ...] = ("w",), layers: tuple[str, ...] = ("a",)
) -> bytes:
    """A file with one layer ``a``, which something is written into."""

    def whole_file(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array(layers, "S20")
        group = file.create_group("a")
        group.attrs["weight_names"] = np.array(names, "S20")
        write(group)

    return hdf5(whole_file)


def _filtered(group: h5py.Group) -> None:
    """An array packed by a plug-in that HDF5 would load from a folder."""
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((4,))
    made.set_filter(32_000, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(group.id, b"w", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((4,)), dcpl=made)


def _virtual(group: h5py.Group, outside: str) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(outside, "w", (4,))
    group.create_virtual_dataset("w", layout)


def _unlimited(group: h5py.Group, outside: str) -> None:
    """A virtual array that is as long as one in another file."""
    made, all_of_it = (
        h5py.h5p.create(h5py.h5p.DATASET_CREATE),
        h5py.h5s.create_simple((4,), (h5py.h5s.UNLIMITED,)),
    )
    all_of_it.select_hyperslab((0,), (h5py.h5s.UNLIMITED,))
    made.set_layout(h5py.h5d.VIRTUAL)
    made.set_virtual(all_of_it, outside.encode(), b"w", all_of_it)
    h5py.h5d.create(group.id, b"w", h5py.h5t.NATIVE_FLOAT, all_of_it, dcpl=made)


def hdf5_of(outside: str) -> dict[str, bytes]:
    """Files that name another, in every place that a reader may come to."""
    link = h5py.ExternalLink(outside, "/")

    def linked(place: str) -> bytes:
        return hdf5(lambda file: file.__setitem__(place, link))

    return {
        place: linked(place) for place in ("model_weights", "layers", "layers/a", "layers/a/vars", "a/vars/0")
    } | {
        "listed layer": hdf5(lambda file: file.__setitem__("a", link), layer_names=["a"]),
        "listed weights": _layer(lambda group: group.__setitem__("w", link)),
        "virtual": _layer(lambda group: _virtual(group, outside)),
        "virtual without end": _layer(lambda group: _unlimited(group, outside)),
        "storage": _layer(lambda group: group.create_dataset("w", (4,), "f4", external=[(outside, 0, 16)])),
    }


def _loop(file: h5py.File) -> None:
    group = file.create_group("layers/a")
    group["layers"] = file["layers"]
    group["again"] = group


def _old(value: Any) -> bytes:
    return _layer(lambda group: group.create_dataset("w", data=value))


def hdf5_files() -> dict[str, bytes]:
    """Files of Keras that name others, or are none."""
    sound = _old(np.ones(3, np.float32))
    made = {
        f"other file, {name.replace('/', '.')}": content for name, content in hdf5_of("/etc/passwd").items()
    } | {
        "soft link": _layer(lambda group: group.__setitem__("w", h5py.SoftLink("/elsewhere"))),
        "soft link to itself": _layer(lambda group: group.__setitem__("w", h5py.SoftLink("/a/w"))),
        "plug-in": _layer(_filtered),
        "loop": hdf5(_loop),
        "deep": hdf5(lambda file: file.create_group("/".join("a" * 200)).create_dataset("w", data=1.0)),
        "terabytes in chunks": _layer(
            lambda group: group.create_dataset("w", (2**38,), "f4", chunks=(2**20,))
        ),
        "chunk of gigabytes": _layer(
            lambda group: group.create_dataset("w", (2**29,), "f4", maxshape=(None,), chunks=(2**29,))
        ),
        "terabytes at once": _layer(lambda group: group.create_dataset("w", (2**38,), "f4")),
        "bomb": _layer(lambda group: group.create_dataset("w", data=np.zeros(17 << 20, "f4"), compression=1)),
        "text as weights": _old(np.array([b"a"] * 3, "S3")),
        "objects as weights": _old(np.array(["x"] * 3, h5py.string_dtype())),
        "records as weights": _old(np.zeros(3, [("a", "f4"), ("b", "i4")])),
        "no values": _old(h5py.Empty("f4")),
        "a group as weights": _layer(lambda group: group.create_group("w")),
        "weights that are absent": _layer(lambda group: None),
        "a path upwards": _layer(lambda group: group.create_dataset("w", data=1.0), ("../a/w",)),
        "the root": _layer(lambda group: group.create_dataset("w", data=1.0), ("/a/w",)),
        "names twice": _layer(lambda group: group.create_dataset("w", data=1.0), ("w", "w")),
        "layers absent": _layer(lambda group: group.create_dataset("w", data=1.0), layers=("a", "b")),
        "no weights": hdf5(lambda file: None),
        "not JSON": hdf5(_loop, model_config="os.system('true')"),
        "deep JSON": hdf5(_loop, model_config="[" * 50_000 + "]" * 50_000),
        "JSON twice": hdf5(_loop, model_config='{"config": 1, "config": 2}'),
        "JSON of a list": hdf5(_loop, model_config="[]"),
        "layers without end": hdf5(_loop, model_config=json.dumps({"config": {"layers": [{}] * 11_000}})),
        "cut": sound[: len(sound) // 2],
        "mark alone": sound[:8],
    }
    keras = {"config.json": b"{}", "model.weights.h5": sound}
    zips = {
        "no weights.keras": packed({"config.json": b"{}", "model.weights.h5": hdf5(lambda file: None)}),
        "no config.keras": packed({"model.weights.h5": sound}),
        "link.keras": packed(keras | {"model.weights.h5": made["other file, layers"]}),
        "text.keras": packed(keras | {"model.weights.h5": b"import os"}),
        "config.keras": packed(keras | {"config.json": b"__import__('os').system('true')"}),
        "bomb.keras": packed(keras | {"assets/x": bytes(65 << 20)}, zipfile.ZIP_DEFLATED),
    }
    return {f"{name}.h5": content for name, content in made.items()} | zips


def lambdas() -> dict[str, bytes]:
    """Sound files of Keras whose topology holds code; it is for the converter to refuse it."""
    code = marshal.dumps(compile("__import__('os').system('true')", "x", "eval"))
    layer = {"class_name": "Lambda", "config": {"name": "a", "function": [code.hex(), None, None]}}
    config = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}})
    array = _old(np.ones(3, np.float32))
    with h5py.File(io.BytesIO(array), "r+") as file:
        file.attrs["model_config"] = config
        file.flush()
        whole_model = file.id.get_file_image()
    return {
        "lambda.h5": whole_model,
        "lambda.keras": packed({"config.json": config.encode(), "model.weights.h5": array}),
    }


# --- protocol buffers


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def graph_node(
    name: bytes = b"w", operation: bytes = b"Const", tensor: bytes = b"", kind: bytes = b"value"
) -> bytes:
    attribute = field(5, field(1, kind) + field(2, field(8, tensor))) if tensor else b""
    return field(1, field(1, name) + field(2, operation) + attribute)


def graph_tensor(axes: tuple[int, ...], values: bytes, kind: int = 1) -> bytes:
    return field(1, kind) + field(2, b"".join(field(2, field(1, n)) for n in axes)) + values


def graph_files() -> dict[str, bytes]:
    """Frozen graphs of TensorFlow that lie."""
    one = field(5, np.ones(1, "<f4").tobytes())
    nested = b""
    for _ in range(2000):
        nested = field(1, nested)
    tensors = {
        "terabytes of one value": graph_tensor((2**40,), one),
        "terabytes of terabytes": graph_tensor((2**40,) * 4, one),
        "overflowing shape": graph_tensor((2**32, 2**32), one),
        "negative shape": graph_tensor((2**64 - 1,), one),
        "a million axes": graph_tensor((1,) * 1_000_000, one),
        "content that is short": graph_tensor((3,), field(4, bytes(11))),
        "content that is long": graph_tensor((3,), field(4, bytes(16))),
        "more values than the shape": graph_tensor((1,), one * 3),
        "half a value": graph_tensor((1,), field(5, b"abc")),
        "unknown type": graph_tensor((1,), one, kind=99),
        "resource": graph_tensor((1,), one, kind=20),
        "number as shape": field(1, 1) + field(2, 7),
        "number as content": field(1, 1) + field(4, 7),
        "message as type": field(1, b"abc"),
    }
    found = {name: graph_node(tensor=content) for name, content in tensors.items()}
    return {f"{name}.pb": content for name, content in found.items()} | {
        "nested.pb": field(
            1, field(1, b"w") + field(2, b"Add") + field(5, field(2, field(1, field(8, nested))))
        ),
        "number without end.pb": b"\x0a" + b"\xff" * 100,
        "length of exabytes.pb": b"\x0a" + varint(2**63) + b"abc",
        "length beyond.pb": b"\x0a\x7fabc",
        "group.pb": graph_node(operation=b"Add") + b"\x0b\x0b\x0b",
        "node twice.pb": graph_node(operation=b"Add") * 2,
        "node without name.pb": graph_node(b"", b"Add"),
        "empty nodes.pb": b"\x0a\x00" * 500_000,
        "nodes without end.pb": b"".join(graph_node(b"%d" % i, b"NoOp") for i in range(100_002)),
        "number as node.pb": b"\x0a\x02" + field(1, 7),
        "name that is no text.pb": graph_node(b"\xff\xfe", b"Add"),
        "saved model.pb": field(1, 1) + field(2, field(1, b"x")),
        "values one by one.pb": graph_node(tensor=graph_tensor((2,), field(7, 1) * 200_000, kind=3)),
        "packed without end.pb": graph_node(tensor=graph_tensor((2,), field(7, b"\x01" * 3_000_000), kind=3)),
        "newlines.pb": b"\n" * 100,
    }


def _model(nodes: list[onnx.NodeProto], *tensors: onnx.TensorProto) -> bytes:
    graph = helper.make_graph(
        nodes, "g", [], [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])], tensors
    )
    return helper.make_model(graph).SerializeToString()


def _tensor(
    name: str = "w", dims: tuple[int, ...] = (2,), raw: bytes = bytes(8), outside: str = ""
) -> onnx.TensorProto:
    made = onnx.TensorProto(name=name, dims=dims, raw_data=raw, data_type=onnx.TensorProto.FLOAT)
    if outside:
        made.data_location = onnx.TensorProto.EXTERNAL
        made.external_data.add(key="location", value=outside)
    return made


def onnx_files() -> dict[str, bytes]:
    """Models of ONNX that name other files, or lie."""
    relu = helper.make_node("Relu", ["x"], ["y"])
    inner = helper.make_graph([relu], "inner", [], [])
    deep = helper.make_graph([relu], "deep", [], [])
    for _ in range(20):
        deep = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=deep)], "deep", [], [])
    typed = onnx.TensorProto(name="w", dims=[2**30], data_type=onnx.TensorProto.FLOAT, float_data=[1.0])
    unknown = onnx.TensorProto(name="w", dims=[1], data_type=99, raw_data=bytes(4))
    tiny = onnx.TensorProto(name="w", dims=[1], data_type=onnx.TensorProto.FLOAT8E4M3FN, raw_data=bytes(1))
    made = {
        "outside": _model([relu], _tensor(outside="/etc/passwd")),
        "beside": _model([relu], _tensor(outside="weights.bin")),
        "upwards": _model([relu], _tensor(outside="../../etc/passwd")),
        "constant outside": _model(
            [helper.make_node("Constant", [], ["k"], value=_tensor(outside="/etc/passwd"))]
        ),
        "dims beyond": _model([relu], _tensor(dims=(3,))),
        "dims of terabytes": _model([relu], _tensor(dims=(2**40,))),
        "dims negative": _model([relu], _tensor(dims=(-1,))),
        "dims of values": _model([relu], typed),
        "a thousand axes": _model([relu], _tensor(dims=(1,) * 1000, raw=bytes(4))),
        "unknown type": _model([relu], unknown),
        "eight bits": _model([relu], tiny),
        "twice": _model([relu], _tensor(), _tensor()),
        "inner graph": _model([helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)]),
        "deep graphs": _model([helper.make_node("If", ["x"], ["y"], then_branch=deep)]),
        "no graph": onnx.ModelProto(ir_version=8).SerializeToString(),
        "cut": _model([relu], numpy_helper.from_array(np.ones(100, np.float32), "w"))[:200],
        "nodes without end": _model([onnx.NodeProto()] * 100_001),
        "nested": b"\x08\x08" + field(7, field(1, b"\x0a" * 5000)),
    }
    return {f"{name}.onnx": content for name, content in made.items()}


# --- arrays and tables


def _npy(header: str, data: bytes = bytes(24), version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode() + data


def _described(descr: str = "'<f4'", shape: str = "(6,)", more: str = "") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, {more}}}\n"


def array_files(marker: Path) -> dict[str, bytes]:
    """Files of NumPy and tables of DeepBind."""
    objects = pickles(marker)["object-npy"]
    arrays = {
        "objects": objects,
        "objects by name": _npy(_described("'|O'"), pickle.dumps([1])),
        "records": _npy(_described("[('a', '<f4'), ('b', '|O')]")),
        "text": _npy(_described("'<U6'"), bytes(144)),
        "times": _npy(_described("'<M8[s]'"), bytes(48)),
        "terabytes": _npy(_described(shape="(1099511627776,)")),
        "overflowing": _npy(_described(shape="(4294967296, 4294967296)")),
        "negative": _npy(_described(shape="(-6,)")),
        "short": _npy(_described(), bytes(20)),
        "long": _npy(_described(), bytes(28)),
        "code": _npy("__import__('os').system('true')\n"),
        "code as shape": _npy(_described(shape="(__import__('os').system('true'),)")),
        "deep header": _npy(_described(shape="(" * 5000 + ")" * 5000)),
        "unknown key": _npy(_described(more="'code': 1")),
        "version 9": _npy(_described(), version=b"\x09\x00"),
        "header cut": _npy(_described())[:30],
    }
    sound = _npy(_described())
    table = (
        b"# deepbind 0.1\nreverse_complement = 0\nnum_detectors = 2\ndetector_len = 1\n"
        b"has_avg_pooling = 0\nnum_hidden = 0\n"
    )
    rows = b"detectors = 1,2,3,4,5,6,7,8\nthresholds = 1,2\nweights1 = 1,2\nbiases1 = 1\n"
    tables = {
        "no sizes": b"# deepbind 0.1\n" + rows,
        "no weights": table,
        "too few": table + rows.replace(b",8", b""),
        "too many": table + rows.replace(b",8", b",8,9"),
        "sizes of 10^8": table.replace(b"_len = 1", b"_len = 99999999") + rows,
        "sizes of 10^30": table.replace(b"_len = 1", b"_len = 1" + b"0" * 30) + rows,
        "negative": table.replace(b"_len = 1", b"_len = -1") + rows,
        "words": table + rows.replace(b",8", b",os.system"),
        "twice": table + rows + b"biases1 = 1\n",
        "no table": table + rows + b"import os\n",
        "bytes": table + rows + b"\xff\xfe = 1\n",
        "commas": table + rows.replace(b"detectors = ", b"detectors = " + b"," * 5_000_000),
    }
    zips = {
        "objects.npz": packed({"a.npy": sound, "b.npy": objects}),
        "outside.npz": packed({"../../a.npy": sound}),
        "twice.npz": packed({"a.npy": sound, "a.npy*": sound}),
        "bomb.npz": packed(
            {"a.npy": _npy(_described(shape="(17039360,)"), bytes(65 << 20))}, zipfile.ZIP_DEFLATED
        ),
        "text.npz": packed({"a.npy": b"import os"}),
        "something else.zip": packed({"a.txt": b"import os"}),
        "empty.zip": packed({}),
    }
    return (
        {f"{name}.npy": content for name, content in arrays.items()}
        | {f"{name}.txt": content for name, content in tables.items()}
        | zips
    )


def hostile_weights(folder: Path) -> tuple[list[str], list[str]]:
    """Paths of files that must be refused, and of those that are read though they hold code."""
    marker = folder / "code-ran"
    contents = {f"{name}.safetensors": content for name, content in headers().items() if name != "dtype-bf16"}
    contents |= torch_files(marker) | hdf5_files() | graph_files() | onnx_files() | array_files(marker)
    contents |= {
        "empty": b"",
        "zeros": bytes(1000),
        "gzip.pt.gz": b"\x1f\x8b\x08" + bytes(20),
        "script.py": b"import os\n",
    }
    made = []
    for number, (name, content) in enumerate(contents.items()):
        path = folder / f"{number}-{name}"
        path.write_bytes(content)
        made.append(str(path))
    for number, (name, content) in enumerate(lambdas().items()):
        (folder / f"l{number}-{name}").write_bytes(content)
    (folder / "link.npy").symlink_to(made[0])
    (folder / "zero.npy").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.npy")
    saved = folder / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    made += [str(folder / name) for name in ("link.npy", "zero.npy", "pipe.npy", "saved")]
    return made, sorted(map(str, folder.glob("l[0-9]-*")))
