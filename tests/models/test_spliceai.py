from __future__ import annotations

import numpy as np
import pytest

from genoml.models import spliceai


@pytest.mark.parametrize("context_bp", [80, 400, 2000, 10000])
def test_an_output_sees_its_context(context_bp: int) -> None:
    reach = spliceai(context_bp=context_bp, filters=1).reach(context_bp + 7)
    assert reach is not None
    assert (reach.span, reach.outputs(context_bp + 7)) == (context_bp + 1, 7)


def test_the_published_size() -> None:
    model = spliceai()
    numbers = [sum(value.size for value in table.values()) for table in (model.params, model.state)]
    assert numbers == [696_739, 2_048]


def test_outputs_are_those_of_the_padded_network_whose_ends_are_cut_off() -> None:
    model = spliceai(context_bp=400, filters=3, seed=2).to(dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 4, 411))

    def conv(h: np.ndarray, path: str) -> np.ndarray:
        weights, bias = model.params[f"{path}.weights"], model.params[f"{path}.bias"]
        width, step = weights.shape[2], 4 if path.startswith("block2") else 1
        half = (width - 1) * step // 2
        padded = np.pad(h, ((0, 0), (0, 0), (half, half)))
        taps = [weights[:, :, k] @ padded[:, :, k * step :][:, :, : h.shape[2]] for k in range(width)]
        return np.sum(taps, axis=0) + bias[:, None]

    h = conv(x, "conv")
    skips = conv(h, "skip0")
    for group in (1, 2):
        for number in range(1, 5):
            f = h
            for i in (1, 2):  # running statistics are 0 and 1
                f = conv(np.maximum(f / np.sqrt(1.001), 0), f"block{group}_{number}.conv{i}")
            h = h + f
        skips = skips + conv(h, f"skip{group}")
    np.testing.assert_allclose(model(x), conv(skips, "sites")[:, :, 200:-200], atol=1e-10)


def test_another_context_is_refused() -> None:
    with pytest.raises(ValueError, match="spliceai expects context_bp of 80, 400, 2000, 10000, got 100"):
        spliceai(context_bp=100)
