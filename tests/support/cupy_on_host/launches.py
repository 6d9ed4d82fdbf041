"""What CuPy cannot know of kernels given as sources: whether arguments are of the parameters' types; their bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

#: bytes of the arrays that kernels were given, each array of a launch once
given_bytes = 0
#: may be set to False where the host's time is of interest
checked = True


def bytes_of(argument: Any, itemsize: int) -> int:
    """Of an array's elements, an axis that is only repeated being one; of a structure see ``bytes_of_table``."""
    if not is_array(argument):
        return bytes_of_table(argument, itemsize)
    size = argument.itemsize if argument.size else 0
    for length, stride in zip(argument.shape, argument.strides, strict=True):
        size *= length if stride else 1
    return int(size)


def bytes_of_table(argument: Any, itemsize: int) -> int:
    """A structure with a field ``size`` has addresses, as uint64, of arrays of as many elements; each counts once."""
    fields = argument.dtype.fields or {}
    if "size" not in fields:
        return 0
    pointers = [argument[name].tolist() for name, (kind, _) in fields.items() if kind.base == "uint64"]
    different = (len({*addresses} - {0}) for addresses in zip(*pointers, strict=True))
    return itemsize * sum(map(mul, different, argument["size"].tolist()))


def is_array(argument: Any) -> bool:
    """Whether it is one of CuPy, and not a number or structure of NumPy."""
    return hasattr(argument, "data") and not isinstance(argument.data, memoryview)


def describe(argument: Any) -> str:
    """As ``describe`` in words.h does; a truth value is a byte."""
    return ("p" if is_array(argument) else "") + str(argument.dtype.str[1:]).replace("b1", "u1")


def memory_of(argument: Any) -> int | None:
    """Which allocation an array lies in."""
    return int(argument.data.mem.ptr) if is_array(argument) else None


class CheckedKernel:
    """A kernel of CuPy, or what CuPy launches in its place, whose arguments are looked at."""

    def __init__(self, kernel: Any, name: str, expected: list[str]) -> None:
        self._kernel, self._name, self._expected = kernel, name, expected

    def __call__(self, grid: Any, block: Any, arguments: Sequence[Any], **options: Any) -> None:
        global given_bytes
        if checked:
            given = [describe(argument) for argument in arguments]
            of_launch = Counter(memory_of(argument) for argument in arguments)
            # an array may stand for one that a kernel leaves alone, if its memory is given elsewhere too
            others = {
                at for at, pair in enumerate(zip(given, self._expected, strict=False)) if pair[0] != pair[1]
            }
            well = len(given) == len(self._expected) and all(
                given[at][0] == self._expected[at][0] == "p" and of_launch[memory_of(arguments[at])] > 1
                for at in others
            )
            assert well, f"{self._name} takes {' '.join(self._expected)}, got {' '.join(given)}"
            items = [argument.itemsize for argument in filter(is_array, arguments)]
            read = [argument for at, argument in enumerate(arguments) if at not in others]
            given_bytes += sum(bytes_of(argument, items[0]) for argument in read)
        self._kernel(grid, block, arguments, **options)

    @property
    def kernel(self) -> CheckedKernel:
        return CheckedKernel(self._kernel.kernel, self._name, self._expected)


def check_launches(cupy: Any, parameters_of: Callable[[Any], str]) -> None:
    """From here on arguments of kernels are compared with their parameters, and counted."""

    class CheckedModule(cupy.RawModule):  # type: ignore[misc]
        def get_function(self, name: str) -> CheckedKernel:
            kernel = super().get_function(name)
            return CheckedKernel(kernel, name, parameters_of(kernel).replace("b1", "u1").split())

    if cupy.RawModule.__name__ != CheckedModule.__name__:
        cupy.RawModule = CheckedModule
