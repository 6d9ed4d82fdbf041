"""What CuPy cannot know of kernels given as sources: whether arguments are of the parameters' types; their bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: bytes of the arrays that kernels were given, each array of a launch once
given_bytes = 0
#: may be set to False where the host's time is of interest
checked = True


def bytes_of(array: Any) -> int:
    """Of its elements, an axis that is only repeated being one."""
    size = array.itemsize if array.size else 0
    for length, stride in zip(array.shape, array.strides, strict=True):
        size *= length if stride else 1
    return int(size)


class CheckedKernel:
    """A kernel of CuPy, or what CuPy launches in its place, whose arguments are looked at."""

    def __init__(self, kernel: Any, name: str, expected: str) -> None:
        self._kernel, self._name, self._expected = kernel, name, expected

    def __call__(self, grid: Any, block: Any, arguments: Sequence[Any], **options: Any) -> None:
        global given_bytes
        if checked:
            arrays = [argument for argument in arguments if hasattr(argument, "__cuda_array_interface__")]
            given = " ".join(
                ("" if isinstance(argument, np.generic) else "p") + argument.dtype.str[1:]
                for argument in arguments
            )
            assert given == self._expected, f"{self._name} takes {self._expected}, got {given}"
            given_bytes += sum(map(bytes_of, arrays))
        self._kernel(grid, block, arguments, **options)

    @property
    def kernel(self) -> CheckedKernel:
        return CheckedKernel(self._kernel.kernel, self._name, self._expected)


def check_launches(cupy: Any, parameters_of: Callable[[Any], str]) -> None:
    """From here on arguments of kernels are compared with their parameters, and counted."""

    class CheckedModule(cupy.RawModule):  # type: ignore[misc]
        def get_function(self, name: str) -> CheckedKernel:
            kernel = super().get_function(name)
            return CheckedKernel(kernel, name, parameters_of(kernel))

    if cupy.RawModule.__name__ != CheckedModule.__name__:
        cupy.RawModule = CheckedModule
