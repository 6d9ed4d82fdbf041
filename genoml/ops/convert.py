"""Host values (lists, NumPy arrays) brought to where the device arrays beside them are."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, is_array_api_obj, to_device
from array_api_compat import device as device_of

from genoml.backend import Array, backend_of, get_backend


def array_like(values: Any, reference: Array, what: str) -> Array:
    """``values`` with the reference's dtype, on its device.

    Labels and weights begin life on the host, so lists, numbers and NumPy arrays are moved; an array of
    another library is not, since that would be a hidden copy between devices.

    Raises
    ------
    TypeError
        If ``values`` is an array of another library than the reference and NumPy.
    """
    xp = array_namespace(reference)
    home = backend_of(reference)
    if home is not None and home.owns(values):
        return xp.astype(values, reference.dtype, copy=False)
    if is_array_api_obj(values) and not get_backend("numpy").owns(values):
        raise TypeError(
            f"{what} expects the array library of the predictions, {xp.__name__}, or host values; "
            f"got {type(values).__module__.split('.')[0]}.{type(values).__name__}"
        )
    if home is not None:
        moved, there = xp.astype(home.asarray(values), reference.dtype, copy=False), device_of(reference)
        return moved if device_of(moved) == there else to_device(moved, there)
    return xp.asarray(values, dtype=reference.dtype, device=device_of(reference))
