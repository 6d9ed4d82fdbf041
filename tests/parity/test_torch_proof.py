"""A row of the proof sheet, measured whole."""

from __future__ import annotations

import pytest

from genoml import nn
from genoml.testing import LayerCase
from genoml.testing.layers import LAYERS
from proof.entry import Entry, Section
from proof.losses import loss_entry
from proof.measure import NUMPY_COLUMNS, measure
from proof.networks import layer_entry, network_entry
from proof.optimisers import limit_entry, optimiser_entry, schedule_entry
from proof.tolerances import failures
from support.losses import LOSSES
from support.optimizers import OPTIMIZERS


@pytest.mark.parametrize(
    "entry",
    [
        layer_entry("Conv1D", LAYERS["Conv1D"]),
        layer_entry("Embedding", LAYERS["Embedding"]),
        loss_entry("excess zeros", LOSSES["excess zeros"]),
        network_entry("deepbind"),
        network_entry("promoter_cnn"),
        optimiser_entry("Adam", OPTIMIZERS["Adam"]),
        limit_entry("limit_norms"),
        schedule_entry("one_cycle"),
    ],
    ids=lambda entry: entry.name,
)
def test_a_sound_entry_has_every_figure_and_is_within_every_limit(entry: Entry) -> None:
    one = Section("One", "", (entry,), frozenset(), frozenset())
    table = measure([one], ["numpy", "strict-nofloat64"])
    cells = table["One"][entry.name]
    assert failures(table) == []
    assert set(cells) == {*NUMPY_COLUMNS, "numpy", "strict-nofloat64"}
    if entry.on is not None:
        assert cells["numpy"]["float64"] == 0.0  # type: ignore[index]
        assert set(cells["strict-nofloat64"]) == {"float32"}


def test_a_layer_that_has_no_counterpart_is_shown_without_a_figure() -> None:
    class Own(nn.ReLU):
        pass

    assert layer_entry("Own", LayerCase(Own, (2, 3))).torch() == ("none in PyTorch: Own", "-")
