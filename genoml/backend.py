"""Backends: which array library a model lives on, and how arrays get there and back.

A backend is a small object that knows one array library: its Array API namespace, the device that arrays
are made on, how NumPy arrays cross to it and return, and the few operations that it runs faster than the
standard version (its twins). Backends are found through the entry point group ``genoml.backends``, so a
package outside genoml can add one.

``get_backend()`` answers, in this order: the innermost ``use_backend`` block or call, the environment
variable ``GENOML_BACKEND``, ``"numpy"``. Nothing is resolved at import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from difflib import get_close_matches
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Backend", "BackendError", "get_backend", "use_backend"]

ENTRY_POINT_GROUP = "genoml.backends"

R = TypeVar("R")
#: An array of any library that follows the Array API standard. The standard publishes no type for it.
Array: TypeAlias = Any


class BackendError(RuntimeError):
    """A backend that was asked for by name is unknown or cannot be used here."""


class Backend:
    """One array library on one device. Subclasses live in packages of their own, under ``backends/``.

    Attributes
    ----------
    name : str
        The flag that selects it.
    xp : module
        The Array API namespace, from array-api-compat where the library needs one.
    device : object
        What ``device=`` takes in that namespace.
    """

    name: ClassVar[str]
    #: whether operations are queued, so that reading a value waits for all of them
    asynchronous: ClassVar[bool] = False

    def __init__(self) -> None:
        self.xp: Any = None
        self.device: Any = None

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """Operation name -> this backend's own version of it; empty where the standard version serves."""
        return {}

    def load_twins(self) -> None:
        """Load the twins now, so that no two threads do so at once and Ctrl-C does not cut it short."""
        _ = self.twins

    def owns(self, array: object) -> bool:
        """Whether the array belongs to this library (on whatever device)."""
        raise NotImplementedError(f"{type(self).__name__} must define owns(array)")

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """Move host values (NumPy array, list, number) to the device, with a dtype named as in NumPy."""
        raise NotImplementedError(f"{type(self).__name__} must define asarray(values, dtype)")

    def to_numpy(self, array: Array) -> np.ndarray:
        """Copy or view a device array as a NumPy array; this waits for the device."""
        raise NotImplementedError(f"{type(self).__name__} must define to_numpy(array)")

    def copy_from_numpy(self, host: np.ndarray) -> Array:
        """A host array's numbers on the device, in memory of their own, with its dtype."""
        return self.asarray(np.array(host), str(host.dtype))

    def repeated(self, function: Callable[..., Any], model: Any) -> Callable[..., Any]:
        """``function(rows, step)``, a pass through a model, for many calls: here the function itself.

        A backend may give back another one that does the same with less work for the host.
        """
        return function

    def sums(self, ranks: R) -> R:
        """The processes of a training, see genoml.parallel: here themselves, whose arrays meet on the host.

        A backend may give back others, whose sums stay on their devices.
        """
        return ranks

    def synchronize(self) -> None:
        """Wait until the work that was queued on the device is done."""

    @property
    def threads(self) -> int:
        """Threads among which a batch is shared out; 1 where the library or the device does so itself."""
        return 1

    @property
    def devices(self) -> Sequence[str]:
        """The devices that processes can be given one each, as names for ``CUDA_VISIBLE_DEVICES``; by default none."""
        return ()

    def computing(self) -> AbstractContextManager[Any]:
        """Entered around training and prediction: settings of the library that only long work wants."""
        return nullcontext()

    def describe(self) -> dict[str, str]:
        """``device`` and ``version``, for people and for a run's record."""
        return {"device": str(self.device), "version": str(getattr(self.xp, "__version__", "unknown"))}

    def dtype(self, name: str) -> Any:
        """The dtype object of this namespace with NumPy's name, e.g. ``"float32"``."""
        found = getattr(self.xp, name, None)
        if found is None:
            raise ValueError(f"backend {self.name} has no dtype {name!r}")
        return found

    def check(self, array: object, what: str) -> None:
        """Raise TypeError unless ``array`` is of this library and on this device."""
        if not self.owns(array):
            move = f"move it with get_backend({self.name!r}).asarray(...)"
            hint = "encode letters with genoml.batch_encode(...)" if _is_text(array) else move
            raise TypeError(
                f"{what} is on backend {self.name} and expects its arrays, got {_describe_type(array)}; {hint}"
            )
        found = self.device_of(array)
        if self.device is not None and found != self.device:
            raise ValueError(f"{what} is on device {self.device}, got an array on device {found}")

    def device_of(self, array: Array) -> Any:
        """The device an array lies on, comparable with ``self.device``."""
        return array.device

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} on {self.device}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # copies of a model stay where it is

    def __reduce__(self) -> tuple[Callable[[str], Backend], tuple[str]]:
        return _unpickled, (self.name,)


def _is_text(array: object) -> bool:
    return isinstance(array, str) or (
        isinstance(array, list | tuple) and isinstance(next(iter(array), None), str)
    )


def _describe_type(array: object) -> str:
    module = type(array).__module__.split(".")[0]
    return f"{module}.{type(array).__name__}" if module != "builtins" else type(array).__name__


# ---------------------------------------------------------------- discovery

_default: ContextVar[Backend | None] = ContextVar("genoml_backend", default=None)
_instances: dict[str, Backend] = {}
_by_type: dict[type, Backend | None] = {}


def backend_entry_points() -> dict[str, EntryPoint]:
    """Every installed backend by its flag, not yet imported."""
    from importlib.metadata import entry_points  # a sixth of the time that importing genoml takes

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _load(name: str) -> Backend:
    points = backend_entry_points()
    if name not in points:
        known = ", ".join(sorted(points)) or "none (is genoml-xp installed?)"
        near = get_close_matches(name, points, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise BackendError(f"unknown backend {name!r}; {hint}installed backends: {known}")
    try:
        backend = points[name].load()()
    except BackendError:
        raise
    except Exception as error:  # someone else's package may fail in any way
        why = str(error) or type(error).__name__
        raise BackendError(f"backend {name!r} cannot be loaded: {why}") from error
    if not isinstance(backend, Backend):
        raise BackendError(f"entry point {name!r} gives {type(backend).__name__}, expected a genoml Backend")
    found = getattr(backend, "name", None)
    if found != name:
        raise BackendError(f"entry point {name!r} gives a backend named {found!r}; the two must be the same")
    return backend


def _instance(name: str) -> Backend:
    if name not in _instances:
        _remember(_load(name))
    return _instances[name]


def _remember(backend: Backend) -> None:
    _instances[backend.name] = backend
    _by_type.clear()


def backend_of(array: object) -> Backend | None:
    """The backend in use whose library made ``array``, or None: the default one, else decided once a type."""
    chosen = _default.get()
    if chosen is not None and chosen.owns(array):
        return chosen
    kind = type(array)
    if kind not in _by_type:
        candidates = [_instance("numpy")] if isinstance(array, np.ndarray) else list(_instances.values())
        _by_type[kind] = next((backend for backend in candidates if backend.owns(array)), None)
    return _by_type[kind]


def _unpickled(name: str) -> Backend:
    """The backend of something that was pickled, by its name."""
    try:
        return get_backend(name)
    except BackendError as error:
        raise BackendError(
            f"this was pickled on backend {name!r}, which cannot be used here: {error}. Where it can be used, call "
            f"model.to('numpy') before pickling, or save_weights"
        ) from error


# ---------------------------------------------------------------- the default


def get_backend(backend: str | Backend | None = None) -> Backend:
    """The backend with this name; without a name, the default one.

    Raises
    ------
    BackendError
        If the name is unknown or its library or device is missing; the message says how to get it.
    """
    if isinstance(backend, Backend):
        return backend
    if backend is None:
        chosen = _default.get()
        if chosen is not None:
            return chosen
        backend = os.environ.get("GENOML_BACKEND") or "numpy"
    return _instance(backend)


class use_backend:  # noqa: N801 - reads as a verb, as a call and as a context manager
    """Set the default backend: ``use_backend("cupy")``, or ``with use_backend("cupy"): ...``.

    As a plain call it stays in force for the rest of the thread or task; as a context manager the former
    default returns at the end of the block. Takes a name or a Backend object.

    Raises
    ------
    BackendError
        At once, if the backend is unknown or not usable here.
    """

    def __init__(self, backend: str | Backend) -> None:
        self.backend = get_backend(backend)
        if isinstance(backend, Backend):
            _remember(backend)
        self._token: Token[Backend | None] = _default.set(self.backend)

    def __enter__(self) -> Backend:
        return self.backend

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _default.reset(self._token)
