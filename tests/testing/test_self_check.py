"""``python -m genoml.testing``: every public layer and loss, figures, and exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from genoml import get_backend, losses, nn, use_backend
from genoml.nn.activations import Activation
from genoml.testing import LIMITS, Figures, has_float64, measure_layer, measure_loss, relative_difference
from genoml.testing.__main__ import line_of, main, run
from genoml.testing.cases import loss_cases
from genoml.testing.layers import LAYERS, activations, attention, basic, graph, motif, profile, recurrent
from genoml_numpy import NumpyBackend
from support.backends import StrictBackend


class Rounding(NumpyBackend):
    """NumPy whose arrays have twelve bits: the sort of backend that a check of an installation is for."""

    name = "rounding"

    def asarray(self, values: Any, dtype: str | None = None) -> np.ndarray:
        array = np.array(values, dtype=dtype)
        return (array * 4096).round() / 4096 if array.dtype.kind == "f" else array


def test_every_public_layer_and_loss_is_checked() -> None:
    classes = {cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, nn.Layer)}
    made: Mapping[str, type] = {name: type(case.make()) for name, case in LAYERS.items()}
    assert classes - {nn.Layer, Activation} == set(made.values())
    words = {name.split()[0].rstrip(",") for name in made}
    assert {kind.__name__ for kind in made.values()} <= words, "a layer's entries begin with its name"
    functions = {
        name
        for name, value in vars(losses).items()
        if inspect.isfunction(value) and {"targets", "reduction"} <= set(inspect.signature(value).parameters)
    }
    assert set(loss_cases()) == functions


def test_no_entry_of_the_registry_hides_another() -> None:
    families = (activations, attention, basic, graph, motif, profile, recurrent)
    assert len(LAYERS) == sum(len(family.LAYERS) for family in families)


def test_all_is_right_on_numpy_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "numpy"]) == 0
    out = capsys.readouterr().out
    count = len(LAYERS) + len(loss_cases())
    assert f"{count} of {count} layers and losses are right on numpy" in out
    assert out.count(" ok\n") == count


def test_without_float64_the_gradients_are_compared_with_numpys(capsys: pytest.CaptureFixture[str]) -> None:
    with use_backend(StrictBackend("no_float64")) as on:
        assert not has_float64(on)
        assert run(on) == 0
    assert "no float64 here" in capsys.readouterr().out


def test_a_backend_with_wrong_numbers_fails_with_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with use_backend(Rounding()) as on:
        assert run(on) > 0
    out = capsys.readouterr().out
    dense = next(line for line in out.splitlines() if line.startswith("Dense"))
    assert "against NumPy" in dense
    assert "allowed 1e-11" in dense


def test_a_backend_that_fails_in_a_layer_is_reported_and_the_rest_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(NumpyBackend):
        name = "broken"
        twins = {"max_pool1d_vjp": lambda *arguments: 1 // 0}  # noqa: RUF012

    with use_backend(Broken()) as on:
        wrong = run(on)
    out = capsys.readouterr().out
    assert 0 < wrong < 12  # those with a pooling of this kind
    assert "ZeroDivisionError" in out
    assert "layers and losses are right on broken" in out


def test_an_unknown_backend_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "abacus"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown backend 'abacus'")


# ---------------------------------------------------------------- figures


def test_figures_are_relative_to_1_and_the_largest_expected() -> None:
    assert relative_difference(np.array([1.0, 2.5]), np.array([1.0, 3.0])) == 0.125
    assert relative_difference(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
    assert relative_difference(np.zeros(2), np.zeros(3)) == np.inf
    assert relative_difference(np.array([np.nan]), np.zeros(1)) == np.inf


def test_a_figure_over_its_limit_is_told_with_its_name() -> None:
    figures = Figures({"x": 1e-3}, {"y": 1.0, "grad_x": 0.0}, None)
    assert figures.gradient == 1e-3
    assert figures.difference == 1.0
    assert figures.failures("float64") == [
        "gradient of x: 1.0e-03, allowed 1e-06",
        "y against NumPy: 1.0e+00, allowed 1e-11",
    ]
    assert "gradient of x" in line_of("Dense", {"float64": figures})
    assert Figures({}, {}, 1e-3).failures("float32") == [
        f"output against the formula: 1.0e-03, allowed {LIMITS.difference['float32']:.0e}"
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_on_numpy_is_measured_against_double_precision(dtype: str) -> None:
    figures = measure_layer(LAYERS["Conv1D"], backend="numpy", dtype=dtype)
    assert set(figures.differences) == {"y", "grad_x", "weights_grad", "bias_grad"}
    if dtype == "float64":
        assert figures.difference == 0.0
        assert set(figures.gradients) == {"x", "weights", "bias"}
        assert 0.0 < figures.gradient < 1e-8  # type: ignore[operator]
    else:
        assert 1e-9 < figures.difference < 1e-6
        assert figures.gradient is None


def test_every_input_of_a_loss_has_its_figures() -> None:
    case = loss_cases()["negative_binomial_loss_with_dispersion"]
    figures = measure_loss(case, backend=get_backend("numpy"))
    assert set(figures.gradients) == {"input 1", "input 2"}
    assert set(figures.differences) == {"value", "gradient of input 1", "gradient of input 2"}
    assert figures.formula is None
    assert figures.failures("float64") == []
