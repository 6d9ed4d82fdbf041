"""A context in which reading a device array on the host, or waiting for the device, raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genoml.backend import Backend
from support import cupy_on_host

_READS = (
    "__float__", "__bool__", "__int__", "__index__", "__complex__",
    "__array__", "__buffer__", "__dlpack__", "__iter__", "item", "tolist", "get",
)  # fmt: skip


@contextmanager
def no_host_read(backend: Backend) -> Iterator[None]:
    """Make every way to read a device array on the host an error, where the library's class allows that.

    On CuPy on the CPU, waits for the device and copies to the host are counted, whoever makes them.
    """
    if backend.name == "cupy" and cupy_on_host.is_on():
        with cupy_on_host.counting() as found:
            yield
        waits, copies = found["waits"], found["to_host"]
        assert not waits + copies, f"a device array was read on the host: {waits} waits, {copies} copies"
        return
    if not backend.name.startswith("strict"):
        yield
        return
    kind = type(backend.xp.empty(0, device=backend.device))
    kept = {name: getattr(kind, name) for name in _READS if hasattr(kind, name)}

    def refuse(name: str):
        def method(self: object, *args: object, **options: object) -> object:
            raise AssertionError(f"a device array was read on the host, by {name}")

        return method

    try:
        for name in kept:
            setattr(kind, name, refuse(name))
        yield
    finally:
        for name, method in kept.items():
            setattr(kind, name, method)
