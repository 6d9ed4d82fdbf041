"""Every layer on changed windows gives what it gives on whole mutants."""

from __future__ import annotations

import numpy as np
import pytest
from array_api_compat import array_namespace

from genoml.backend import Backend, get_backend
from genoml.explain.mutants.plan import plan_of
from genoml.explain.mutants.windows import Changed
from genoml.nn import Layer
from genoml.ops.windows import EVERYTHING, Places
from genoml.testing.layers import LAYERS

MAPS = {name: case for name, case in LAYERS.items() if len(case.shape) == 3 and not case.integer}
KINDS = 2


def whole_mutants(x: np.ndarray, values: np.ndarray, places: Places) -> np.ndarray:
    """(n A P, length, channels) of x (n, length, channels) and values (n, A, P, width, channels)."""
    mutants = np.broadcast_to(x[:, None, None], (*values.shape[:3], *x.shape[1:])).copy()
    for place, start in enumerate(places[0]):
        mutants[:, :, place, start : start + places[1]] = values[:, :, place]
    return mutants.reshape(-1, *x.shape[1:])


def difference(layer: Layer, backend: Backend, x: np.ndarray, places: Places) -> float:
    """The largest difference of outputs, of mutants in windows and whole; x is (n, length, channels)."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((len(x), KINDS, len(places[0]), places[1], x.shape[2]))
    rows = backend.asarray(x, "float64")
    whole, outputs = plan_of([layer], x.shape[1], places).trace(rows)
    flat = backend.asarray(values.reshape(-1, places[1], x.shape[2]), "float64")
    found = backend.to_numpy(outputs(Changed(rows, places, KINDS, flat)))

    def plainly(maps: np.ndarray) -> np.ndarray:
        maps = backend.asarray(maps, "float64")
        return backend.to_numpy(layer.vjp(array_namespace(maps).permute_dims(maps, (0, 2, 1)))[0])

    expected = plainly(whole_mutants(x, values, places))
    np.testing.assert_allclose(backend.to_numpy(whole), plainly(x), atol=1e-10)
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("name", MAPS)
def test_windows_of_every_layer_are_those_of_whole_mutants(name: str) -> None:
    case, backend = MAPS[name], get_backend("numpy")
    layer, (n, channels, length) = case.build(backend, "float64"), case.shape
    lengths = [length]
    if layer.reach(length) != EVERYTHING:
        lengths += [4 * length, 4 * length + 1]
    for size in lengths:
        x = np.swapaxes(case.input((n, channels, size)), 1, 2)
        everywhere = tuple(range(size))
        for places in ((everywhere, 1), (everywhere[:-1], 2), ((0,), 1), ((size - 1,), 1), ((size // 2,), 1)):
            assert difference(layer, backend, x, places) < 1e-9
