"""Check of a layer's receptive field, ``Layer.reach``."""

from __future__ import annotations

import numpy as np

from genoml.backend import Backend
from genoml.ops.windows import EVERYTHING, Reach, slices
from genoml.testing.cases import LayerCase
from genoml.testing.gradients import expect
from genoml.testing.measure import LIMITS, relative_difference


def check_reach(case: LayerCase, on: Backend, dtype: str) -> None:
    """No change reaches further than ``layer.reach`` says, and a slice of the input gives the outputs that it holds.

    In evaluation, of inputs (batch, channels, length); a layer that says nothing, or that it sees everything, passes.
    """
    layer, x = case.build(on, dtype), case.input()
    reach = layer.reach(x.shape[2]) if x.ndim == 3 else None
    if reach is None or reach == EVERYTHING:
        return

    def evaluate(values: np.ndarray) -> np.ndarray:
        return on.to_numpy(layer.vjp(case.place(on, values, dtype))[0])

    y, length = evaluate(x), x.shape[2]
    expect(y.shape[2] == reach.outputs(length), f"{reach} leaves {reach.outputs(length)}, got {y.shape[2]}")
    for place in range(length):
        other = x.copy()
        other[:, :, place] += 0.5
        changed = np.flatnonzero((evaluate(other) != y).any(axis=(0, 1)))
        first, stop = reach.seen_by(place, place + 1)
        expect(set(changed) <= set(range(first, stop)), f"position {place} changes {changed}, said {reach}")
    for start in range(y.shape[2]):
        expected = y[:, :, start : start + 1]
        if reach.copies:
            got = x[:, :, start - reach.before : start - reach.before + 1].astype(y.dtype)
        else:
            firsts, size = slices(((start,), 1), reach, length)
            first = firsts[0]
            if _before(layer.reach(size)) != reach.before:
                continue  # the layer depends on the length, and is not computed on slices
            at = start - first // reach.stride
            got = evaluate(x[:, :, first : first + size])[:, :, at : at + 1]
        difference = relative_difference(got, expected)
        expect(
            difference <= LIMITS.difference[dtype], f"output {start} of a slice differs by {difference:.3g}"
        )


def _before(reach: Reach | None) -> int | None:
    return None if reach is None else reach.before
