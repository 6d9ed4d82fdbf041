"""The record of a discovered motif: its core, and its letters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.sites import LONG, SHORT, motif_of


def test_a_trimmed_motif_keeps_the_places_of_its_seqlets_on_both_strands():
    motif = motif_of(*SHORT, "pos_0", flank=3, seqlets=2)
    motif = replace(motif, start=np.array([10, 10]), strand=np.array([1, -1], np.int8))
    core = motif.trimmed()
    assert (core.width, core.pattern) == (7, "TGACTCA")
    # the first and last letter are weak, so 4 positions go on either side
    assert core.start.tolist() == [14, 14]
    lopsided = replace(motif, contributions=np.pad(motif.contributions[3:], ((0, 3), (0, 0)))).trimmed()
    assert lopsided.start.tolist() == [11, 10 + 15 - 8]


def test_the_pattern_has_the_letters_of_the_motifs_sign():
    negative = motif_of(LONG[0], -LONG[1], "neg_0", flank=1)
    assert negative.pattern == "NCCACCAGGGGGCGN"


@pytest.mark.parametrize("values", [0.0, np.nan])
def test_a_motif_without_contributions_is_named(values):
    motif = motif_of(*LONG, "pos_7")
    with pytest.raises(ValueError, match="motif pos_7 expects finite contributions"):
        replace(motif, contributions=np.full((19, 4), values)).core()


def test_seqlets_that_hang_over_an_end_are_cut_there():
    motif = replace(motif_of(*SHORT, "pos_0", flank=0, seqlets=4), start=np.array([-3, 5, 25, 40]))
    start, end, inside = motif.places(30)
    assert (start.tolist(), end.tolist(), inside.tolist()) == ([0, 5, 25], [6, 14, 30], [0, 1, 2])
