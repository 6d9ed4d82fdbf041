"""The sparse fit: its optimum, its duality gap, and its bound of the step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from genoml.explain.discovery import fit


def problems(n: int = 5, m: int = 7, length: int = 30) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    atoms = rng.normal(size=(n, m, length))
    atoms[:, 1] = atoms[:, 0] + 0.3 * rng.normal(size=(n, length))  # alike
    atoms[2, 4:] = 0  # a problem with fewer
    g = atoms[:, 0] - atoms[:, 2] + 2 * atoms[:, 3] + 0.1 * rng.normal(size=(n, length))
    arrays = (atoms, g, rng.uniform(0.5, 3, size=(n, m)))
    return [each.astype(np.float32) for each in arrays]


def value(atoms: np.ndarray, g: np.ndarray, penalty: np.ndarray, h: np.ndarray) -> float:
    return float(0.5 * ((g - h @ atoms) ** 2).sum() + penalty @ h)


def test_the_value_is_the_least_one_within_the_gap(backend):
    arrays = problems()
    h, gaps = fit.fit_sparse(*arrays, gap=1e-4, most_steps=5000, backend=backend)
    assert (h >= 0).all()
    assert (gaps <= 1e-4).all()
    for row, (atoms, g, penalty) in enumerate(zip(*(a.astype(np.float64) for a in arrays), strict=True)):
        best = minimize(
            lambda x, a=atoms, b=g, p=penalty: value(a, b, p, x),
            np.zeros(7),
            bounds=[(0, None)] * 7,
            tol=1e-12,
        )
        excess = value(atoms, g, penalty, h[row]) - best.fun
        assert -1e-6 < excess / (0.5 * (g**2).sum()) <= gaps[row] + 1e-6


def test_the_gap_is_never_below_the_distance_from_the_least_value(backend):
    arrays = problems()
    solved, _ = fit.fit_sparse(*arrays, gap=1e-6, most_steps=5000, backend=backend)
    rng = np.random.default_rng(1)
    device = [backend.asarray(each) for each in arrays]
    for scale in (0.0, 0.01, 0.3, 3.0):
        h = np.maximum(solved + scale * rng.normal(size=solved.shape), 0).astype(np.float32)
        gaps = backend.to_numpy(fit.duality_gap(*device, backend.asarray(h)))
        for row, (atoms, g, penalty) in enumerate(zip(*(a.astype(np.float64) for a in arrays), strict=True)):
            least = value(atoms, g, penalty, solved[row])
            excess = (value(atoms, g, penalty, h[row].astype(np.float64)) - least) / (0.5 * (g**2).sum())
            assert gaps[row] >= excess - 1e-5
            assert scale or gaps[row] < 1e-5


def test_problems_that_need_more_steps_go_on_alone_and_end_as_they_do_together(backend):
    arrays = problems()
    easy = [np.concatenate([each, each[:1], each[:1]]) for each in arrays]
    easy[2][-2:] = 100.0  # nothing pays
    h, gaps = fit.fit_sparse(*easy, gap=1e-5, most_steps=5000, backend=backend)
    assert not h[-2:].any()
    assert (gaps <= 1e-5).all()
    alone, _ = fit.fit_sparse(*arrays, gap=1e-5, most_steps=5000, backend=backend)
    np.testing.assert_allclose(h[:-2], alone, atol=2e-2)


@pytest.mark.parametrize("steps", [1, 10, 17])
def test_what_is_not_solved_in_time_comes_back_with_its_gap(steps, backend):
    h, gaps = fit.fit_sparse(*problems(), gap=0.0, most_steps=steps, backend=backend)
    assert np.isfinite(h).all()
    assert (gaps > 0).any()


def test_the_bound_of_the_step_is_near_the_largest_eigenvalue_and_never_below(backend):
    atoms = np.abs(problems()[0])
    bound = backend.to_numpy(fit._largest_eigenvalue(backend.asarray(atoms)))[:, 0]
    largest = np.linalg.eigvalsh(atoms @ atoms.transpose(0, 2, 1))[:, -1]
    assert (bound >= largest * (1 - 1e-5)).all()
    assert (bound <= largest * 1.1).all()
