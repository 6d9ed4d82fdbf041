"""Pickles of tensors, as PyTorch writes them.

Pickles are a language that can call anything. Here a small machine of our own carries out the instructions that a
dictionary of tensors needs, and knows by name what may be called; Python's own machine is never started.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

from genoml.io.errors import shown
from genoml.io.weights.contents import WeightsError

_STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "bf16", "Long": "i8", "Int": "i4", "Short": "i2",
    "Char": "i1", "Byte": "u1", "Bool": "b1", "ComplexFloat": "c8", "ComplexDouble": "c16",
}  # fmt: skip
_DTYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "bf16", "int64": "i8", "int32": "i4", "int16": "i2",
    "int8": "i1", "uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1", "bool": "b1", "complex64": "c8",
    "complex128": "c16",
}  # fmt: skip
_TENSOR = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
_CALLED = {"collections.OrderedDict", "torch._utils._rebuild_parameter"} | _TENSOR
#: Instructions of a pickle, at most.
_MOST_STEPS = 500_000
ADVICE = "where it was made, run torch.save(model.state_dict(), FILE)"
ONLY = f"only tensors are read ({ADVICE})"


class _Name(NamedTuple):
    """A name that the file asks for; ``code`` is the type of a storage or dtype, ``""`` for raw bytes."""

    name: str
    code: str | None


class Storage(NamedTuple):
    """Numbers of a file by the key that they have there."""

    key: str
    code: str
    #: elements, or bytes of a storage without type
    size: int
    #: of a view of a storage, which old files have: first element
    start: int


class Tensor(NamedTuple):
    """A part of a storage: first element, shape, and strides in elements."""

    storage: Storage
    code: str
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Dict(dict[Any, Any]):
    """An OrderedDict of the file, whose attributes are not kept."""


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise WeightsError("a size, start or stride that is no whole number, or too large")
    return value


def _find(name: str, whole: bytes) -> _Name:
    """What a name stands for; only names of tensors do."""
    room, _, last = name.rpartition(".")
    kind = last.removesuffix("Storage")
    if name in _CALLED:
        return _Name(name, None)
    if room in ("torch", "torch.cuda") and kind != last and kind in _STORAGES:
        return _Name(name, _STORAGES[kind])
    if room == "torch" and last in _DTYPES:
        return _Name(name, _DTYPES[last])
    if name == "torch.storage.UntypedStorage":
        return _Name(name, "")
    if b"_parameters" in whole and b"_modules" in whole:
        raise WeightsError(f"refused: {shown(name)}, a class of a whole model; {ONLY}")
    raise WeightsError(f"refused: {shown(name)}; {ONLY}")


def _called(function: Any, given: Any) -> Any:
    """What a call that a pickle asks for returns."""
    if not isinstance(function, _Name) or function.name not in _CALLED or not isinstance(given, tuple):
        raise WeightsError(f"refused: a call of what is no function of tensors; {ONLY}")
    if function.name == "collections.OrderedDict":
        found = _Dict()
        for pair in given[0] if given else ():  # Python 2 wrote them so
            _set(found, pair)
        return found
    if function.name == "torch._utils._rebuild_parameter":
        if not given or not isinstance(given[0], Tensor):
            raise WeightsError("a parameter that is no tensor")
        return given[0]
    if len(given) < 4 or not isinstance(given[0], Storage):
        raise WeightsError("a tensor without a storage")
    storage, start, shape, strides = given[:4]
    code: str | None = storage.code
    if function.name.endswith("_v3"):
        code = given[6].code if len(given) > 6 and isinstance(given[6], _Name) else None
    if not code or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise WeightsError("a tensor without type, shape or strides")
    if len(shape) != len(strides):
        raise WeightsError(f"a tensor of {len(shape)} axes with {len(strides)} strides")
    return Tensor(storage, code, _whole(start), tuple(map(_whole, shape)), tuple(map(_whole, strides)))


def _set(target: dict[Any, Any], found: Any) -> None:
    """Set keys and values that come in turn."""
    if not isinstance(found, list | tuple) or len(found) % 2:
        raise WeightsError("a key without a value")
    for key, value in zip(found[::2], found[1::2], strict=True):
        if not isinstance(key, str | int | float | None):
            raise WeightsError(f"refused: a dictionary whose keys are no text or numbers; {ONLY}")
        target[key] = value


#: instruction -> makes what it pushes
_MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
#: instructions that push the number or text beside them
_PUSHED = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING",
    "SHORT_BINSTRING",
}  # fmt: skip
#: instructions that change what lies on the stack
_CHANGES = {"REDUCE", "BUILD", "SETITEM", "SETITEMS", "APPEND", "APPENDS"}


class Machine:
    """Carries out pickles of dictionaries, lists, tuples, numbers, text and tensors; ``whole`` is the file."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memory: dict[int, Any] = {}
        self._steps = 0
        self.storages: dict[str, Storage] = {}

    def run(self, stream: io.BytesIO) -> Any:
        """The object of the next pickle of a stream."""
        self._stack, self._marks, self._memory = [], [], {}
        for instruction, value, _ in pickletools.genops(stream):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise WeightsError(f"a pickle of more than {_MOST_STEPS} instructions")
            if instruction.name not in ("PROTO", "FRAME", "STOP"):
                self._step(instruction.name, value)
        return self._stack.pop()

    def _step(self, name: str, value: Any) -> None:
        """Carry out an instruction that at most takes the last entries of the stack."""
        stack = self._stack
        if name in _PUSHED:
            stack.append(value)
        elif name in _MADE:
            stack.append(_MADE[name]())
        elif name in ("GLOBAL", "INST"):
            stack.append(_find(value.replace(" ", ".", 1), self._whole))
            if name == "INST":
                self._change(name)
        elif name == "STACK_GLOBAL":
            last, room = stack.pop(), stack.pop()
            stack.append(_find(f"{room}.{last}" if type(room) is type(last) is str else "?", self._whole))
        elif name == "MARK":
            self._marks.append(stack)
            self._stack = []
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memory[len(self._memory) if value is None else value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memory[value])
        elif name == "BINPERSID":
            stack.append(self._stored(stack.pop()))
        elif name == "TUPLE":
            self._stack = self._marks.pop()
            self._stack.append(tuple(stack))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            found = [stack.pop() for _ in range(int(name[5:]))]
            stack.append(tuple(reversed(found)))
        else:
            self._change(name)

    def _change(self, name: str) -> None:
        """Carry out an instruction that calls something, or changes what lies below."""
        if name not in _CHANGES:
            raise WeightsError(f"refused: the instruction {name} of a pickle; {ONLY}")
        if name in ("SETITEMS", "APPENDS"):
            found, self._stack = self._stack, self._marks.pop()
        else:
            found = [self._stack.pop()]
        if name == "SETITEM":
            found.insert(0, self._stack.pop())
        if name == "REDUCE":
            self._stack.append(_called(self._stack.pop(), found[0]))
            return
        target = self._stack[-1]
        if name in ("SETITEM", "SETITEMS") and isinstance(target, dict):
            _set(target, found)
        elif name in ("APPEND", "APPENDS") and isinstance(target, list):
            target += found
        elif name != "BUILD" or not isinstance(target, _Dict):  # versions of modules, which are left out
            raise WeightsError(f"refused: the instruction {name} of a pickle; {ONLY}")

    def _stored(self, given: Any) -> Storage:
        """The storage that a persistent id names: (``"storage"``, type, key, location, elements[, view])."""
        if not isinstance(given, tuple) or len(given) not in (5, 6) or given[0] != "storage":
            raise WeightsError(f"refused: a persistent id that names no storage; {ONLY}")
        _, kind, key, _, size, *view = given
        if not isinstance(kind, _Name) or kind.code is None or not isinstance(key, str):
            raise WeightsError("a storage without type or key")
        start = 0
        if view and view[0] is not None:
            if not isinstance(view[0], tuple) or len(view[0]) != 3:
                raise WeightsError("a view of a storage expects key, start and size")
            start = _whole(view[0][1])
        found = Storage(key, kind.code, _whole(size), start)
        if self.storages.setdefault(key, found)[:3] != found[:3]:
            raise WeightsError(f"storage {shown(key)} has two types or sizes")
        return found
