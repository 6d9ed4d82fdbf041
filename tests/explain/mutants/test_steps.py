"""What changed positions add to a convolution, against a plain loop over positions and taps."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.explain.mutants.steps import convolve_changes


def loop(
    delta: np.ndarray, kernel: np.ndarray, start: int, count: int, stride: int, dilation: int
) -> np.ndarray:
    y = np.zeros((len(delta), count, kernel.shape[2]))
    for i in range(count):
        for a in range(delta.shape[1]):
            for k in range(len(kernel)):
                if a + (len(kernel) - 1 - k) * dilation == start + i * stride:
                    y[:, i] += delta[:, a] @ kernel[k]
    return y


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(-6, 12),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_changes_add_what_a_loop_adds(
    width: int, size: int, start: int, count: int, stride: int, dilation: int
) -> None:
    rng = np.random.default_rng(0)
    delta, kernel = rng.normal(size=(3, width, 4)), rng.normal(size=(size, 4, 2))
    found = convolve_changes(delta, kernel, start, count, stride, dilation)
    np.testing.assert_allclose(found, loop(delta, kernel, start, count, stride, dilation), atol=1e-12)
