"""What CuPy cannot know of kernels given as sources: whether arguments are of the parameters' types; their bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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


def check_launches(cupy: Any, parameters_of: Callable[[Any], str]) -> None:
    """From here on arguments of kernels are compared with their parameters, and counted."""

    class CheckedModule(cupy.RawModule):  # type: ignore[misc]
        def get_function(self, name: str) -> Any:
            kernel = super().get_function(name)
            expected = parameters_of(kernel)

            def launch(grid: Any, block: Any, arguments: Sequence[Any], **options: Any) -> None:
                global given_bytes
                if checked:
                    arrays = [argument for argument in arguments if isinstance(argument, cupy.ndarray)]
                    given = " ".join(
                        ("p" if isinstance(argument, cupy.ndarray) else "") + argument.dtype.str[1:]
                        for argument in arguments
                    )
                    assert given == expected, f"{name} takes {expected}, got {given}"
                    given_bytes += sum(map(bytes_of, arrays))
                kernel(grid, block, arguments, **options)

            launch.kernel = launch  # type: ignore[attr-defined]  # the driver's own function
            return launch

    if cupy.RawModule.__name__ != CheckedModule.__name__:
        cupy.RawModule = CheckedModule
