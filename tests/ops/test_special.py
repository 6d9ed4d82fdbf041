"""erf, log-gamma, digamma and Binet's function against SciPy and their series; twins against them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

from genoml.backend import Backend, get_backend
from genoml.ops.special import binet, digamma, digamma_excess, erf, lgamma, squared_error
from support.backends import has_float64, installed_variants
from support.guard import no_host_read

POSITIVE = np.concatenate([np.geomspace(1e-6, 1e6, 20001), np.arange(1, 1500) / 64])
SIGNED = np.concatenate([-np.geomspace(1e-30, 1e30, 4001), [0.0], np.linspace(-7.0, 7.0, 20001)])
OPERATIONS: dict[str, tuple[Any, Any, np.ndarray, dict[str, float]]] = {
    "erf": (erf, special.erf, SIGNED, {"float64": 1e-15, "float32": 3e-7}),
    "lgamma": (lgamma, special.gammaln, POSITIVE, {"float64": 1e-14, "float32": 2e-6}),
    "digamma": (digamma, special.digamma, POSITIVE, {"float64": 5e-15, "float32": 2e-6}),
}
CASES = pytest.mark.parametrize("name", OPERATIONS)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def dtypes(backend: Backend) -> list[str]:
    return ["float64", "float32"] if has_float64(backend) else ["float32"]


@CASES
def test_values_are_those_of_scipy(name: str, backend: Backend) -> None:
    ours, scipys, x, limits = OPERATIONS[name]
    for dtype in dtypes(backend):
        host = x.astype(dtype)
        array = backend.asarray(host, dtype)
        with no_host_read(backend):
            y = ours(array)
        expected = scipys(host.astype(np.float64))
        error = np.abs(backend.to_numpy(y).astype(np.float64) - expected) / (1.0 + np.abs(expected))
        assert error.max() <= limits[dtype]
        assert y.dtype == backend.dtype(dtype)
        assert tuple(y.shape) == host.shape
        np.testing.assert_array_equal(backend.to_numpy(array), host)


@DTYPES
def test_erf_is_exact_relative_to_its_value_near_0(dtype: str) -> None:
    x = np.geomspace(1e-30, 1.0, 2001).astype(dtype)
    limit = 1e-15 if dtype == "float64" else 3e-7
    np.testing.assert_allclose(erf.standard(x), special.erf(x.astype(np.float64)), rtol=limit)
    np.testing.assert_array_equal(erf.standard(-x), -erf.standard(x))


def test_the_edges_of_the_domain_are_the_limits(backend: Backend) -> None:
    x = backend.asarray([0.0, np.inf, -1.5, np.nan], "float32")
    np.testing.assert_array_equal(backend.to_numpy(lgamma(x)), [np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(backend.to_numpy(digamma(x)), [-np.inf, np.inf, np.nan, np.nan])
    ends = backend.asarray([np.inf, -np.inf, 0.0, np.nan], "float32")
    np.testing.assert_array_equal(backend.to_numpy(erf(ends)), [1.0, -1.0, 0.0, np.nan])


@DTYPES
def test_factorials_and_eulers_constant_come_out(dtype: str) -> None:
    n = np.arange(1, 13).astype(dtype)
    expected = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 12.0)))])
    limit = 1e-14 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(lgamma.standard(n), expected, rtol=limit, atol=limit)
    np.testing.assert_allclose(digamma.standard(n[:1]), -np.euler_gamma, rtol=limit)


def test_the_excesses_keep_their_digits_where_differences_would_lose_them(backend: Backend) -> None:
    for dtype in dtypes(backend):
        x = np.geomspace(1e-6, 1e12, 181).astype(dtype)
        array, exact = backend.asarray(x, dtype), x.astype(np.longdouble)
        limit = 5e-14 if dtype == "float64" else 3e-6
        large = x > 100.0
        series = 1 / (12 * exact) - 1 / (360 * exact**3) + 1 / (1260 * exact**5)
        slope = -1 / (2 * exact) - 1 / (12 * exact**2) + 1 / (120 * exact**4) - 1 / (252 * exact**6)
        np.testing.assert_allclose(backend.to_numpy(binet(array))[large], series[large], rtol=limit)
        np.testing.assert_allclose(backend.to_numpy(digamma_excess(array))[large], slope[large], rtol=limit)
        wide, small = exact[~large].astype(np.float64), ~large
        near = special.gammaln(wide) - (wide - 0.5) * np.log(wide) + wide - 0.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(backend.to_numpy(binet(array))[small], near, rtol=limit, atol=limit)
        near = special.digamma(wide) - np.log(wide)
        np.testing.assert_allclose(
            backend.to_numpy(digamma_excess(array))[small], near, rtol=limit, atol=limit
        )


@DTYPES
@pytest.mark.parametrize("divisor", [1.0, 7.0])
def test_squared_errors_are_infinite_beyond_the_dtypes_range(dtype: str, divisor: float) -> None:
    large = float(np.finfo(dtype).max) ** 0.75
    y = np.array([0.0, 1.5, -3.25, 1e-30, large, -large, np.inf, np.nan], dtype)
    t = np.array([0.0, -2.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0], dtype)
    found, expected = squared_error(y, t, divisor), squared_error.standard(y, t, divisor)
    for got, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, right)
    np.testing.assert_array_equal(found[0][4:7], np.inf)


@pytest.mark.parametrize("library", [name for name in ("torch", "jax") if name in installed_variants()])
@pytest.mark.parametrize("layout", ["contiguous", "turned", "broadcast"])
@CASES
def test_a_librarys_own_function_equals_the_standard_version(name: str, layout: str, library: str) -> None:
    backend, rng = get_backend(library), np.random.default_rng(0)
    operation, _, _, limits = OPERATIONS[name]
    for dtype, limit in limits.items():
        host = np.exp(rng.uniform(-13.0, 13.0, (40, 50))) * (rng.uniform(size=(40, 50)) > 0.1)
        x = backend.asarray(host, dtype)
        if layout == "turned":
            x = backend.xp.permute_dims(x, (1, 0))
        elif layout == "broadcast":
            x = backend.xp.broadcast_to(x[:1, :], (40, 50))
        twin, standard = backend.twins[name](x), operation.standard(x)
        assert twin.dtype == standard.dtype == x.dtype
        np.testing.assert_allclose(
            backend.to_numpy(twin), backend.to_numpy(standard), rtol=2 * limit, atol=2 * limit
        )
