"""Every layer has a rule of attributions, and the check of it finds a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from genoml import get_backend
from genoml.nn import AveragePool1D, ReLU
from genoml.nn.layer import Layer
from genoml.ops.secants import SLOPES
from genoml.testing import LayerCase
from genoml.testing.layers import LAYERS
from genoml.testing.secants import check_secants, has_rule

NUMPY = get_backend("numpy")


def test_every_layer_that_reads_numbers_has_a_rule() -> None:
    assert [name for name, case in LAYERS.items() if not has_rule(case)] == ["Embedding", "Embedding and GRU"]


class Gradient(ReLU):
    """The pullback at x in place of the mean slope: what a layer that is taken as linear would do."""

    def between(self, x, reference):
        _, back = self.vjp(np.repeat(x, len(reference) // max(len(x), 1), axis=0))
        return self.vjp(x)[0], self.vjp(reference)[0], lambda m: back(m)[0]


class Twice(AveragePool1D):
    """Says that it is affine, and is not."""

    affine = True

    def vjp(self, x, run=None):
        y, back = super().vjp(x)
        return y * y, lambda grad, *, need_x=True, need_params=True: back(2.0 * y * grad, need_x=need_x)


class ElsewhereWrong(ReLU):
    """Sums, but is not the gradient where both are one: what it gives has no limit there."""

    def between(self, x, reference):
        y, y_r, back = super().between(x, reference)
        same = np.repeat(x, len(reference) // max(len(x), 1), axis=0) == reference
        return y, y_r, lambda m: np.where(same, 3.0 * m, back(m))


@pytest.mark.parametrize("kind", [Gradient, Twice, ElsewhereWrong])
def test_a_wrong_rule_is_found(kind: type[Layer]) -> None:
    case = LayerCase((lambda: kind(3, 1)) if kind is Twice else kind, (2, 4, 12))
    with pytest.raises(AssertionError, match=r"multipliers (miss|differ)|at r = x"):
        check_secants(case, NUMPY, "float64", 5e-13)


@pytest.mark.parametrize("name", sorted(SLOPES))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_mean_slopes_lie_between_the_slopes_near_and_far(name: str, dtype: str) -> None:
    """(f(x) - f(r)) / (x - r) in extended precision, from differences of 1e-12 to 1e3, at small and large x."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(4000) * 10.0 ** rng.integers(-2, 2, 4000)).astype(dtype)
    d = (rng.standard_normal(4000) * 10.0 ** rng.integers(-12, 3, 4000)).astype(dtype)
    r = (x - d).astype(dtype)
    keep = x != r
    x, r = x[keep], r[keep]
    slope = SLOPES[name](NUMPY.asarray(x, dtype), NUMPY.asarray(r, dtype)).astype(np.float64)
    a, b = x.astype(np.longdouble), r.astype(np.longdouble)
    far = np.abs(a - b) > 1e-3
    expected = np.array([_value(name, p) - _value(name, q) for p, q in zip(a, b, strict=True)]) / (a - b)
    np.testing.assert_allclose(
        slope[far],
        expected[far].astype(np.float64),
        atol={"float64": 1e-11, "float32": 2e-5}[dtype],
        rtol=1e-5,
    )
    assert (np.abs(slope) < 1.2).all()


def _value(name: str, z: np.longdouble) -> np.longdouble:
    """The function of one number, in extended precision where NumPy has it."""
    from math import erf

    exp = np.exp(-np.abs(z))
    logistic = 1 / (1 + exp) if z >= 0 else exp / (1 + exp)
    values = {
        "relu": np.maximum(z, 0), "leaky_relu": z if z > 0 else z / 100, "tanh": np.tanh(z), "sigmoid": logistic,
        "elu": z if z > 0 else np.expm1(np.minimum(z, 0)), "silu": z * logistic,
        "softplus": np.maximum(z, 0) + np.log1p(exp), "gelu": z * (1 + erf(float(z) * 0.5**0.5)) / 2,
        "gelu_tanh": z * (1 + np.tanh(np.sqrt(np.longdouble(2) / np.pi) * (z + 0.044715 * z**3))) / 2,
    }  # fmt: skip
    return np.longdouble(values[name])
