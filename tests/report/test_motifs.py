"""Motifs found in contributions, on a page: their core, and why there are none."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.models import build_model
from genoml.report.motifs import _CORE, found_motifs
from genoml.runs.explained import THE_OUTPUT


def test_flanks_that_contribute_little_are_left_out_on_either_strand() -> None:
    contributions = np.zeros((10, 4))
    contributions[3:7, 1] = [1.0, 0.1, 0.4, 0.5]
    contributions[8, 2] = 0.1
    strand, start = np.array([1, -1], np.int8), np.array([20, 40])
    motif = DiscoveredMotif(
        "pos_0", 1, np.full((10, 4), 0.25), contributions, contributions, start, start, strand
    )
    core = motif.trimmed(_CORE)
    assert core.width == 4
    assert np.array_equal(core.contributions, contributions[3:7])
    # of the reverse strand the motif's last position is the first of the sequence
    assert core.start.tolist() == [23, 43]
    assert len(core.probabilities) == len(core.hypothetical) == 4


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((99, 60), "that takes 100 sequences or more, and here are 99"),
        ((200, 41), "that takes sequences of 42 bp or more, not 41"),
    ],
)
def test_a_note_says_why_no_motifs_are_looked_for(shape: tuple[int, int], words: str) -> None:
    codes = np.random.default_rng(0).integers(0, 4, shape, dtype=np.uint8)
    motifs, note = found_motifs(build_model("promoter_cnn"), codes, THE_OUTPUT)
    assert motifs == []
    assert words in note
