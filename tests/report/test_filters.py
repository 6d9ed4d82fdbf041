"""Filters of a model's first layer beside known motifs; those of an ensemble's members together."""

from __future__ import annotations

import numpy as np

from genoml.io.motifs import jaspar_motifs
from genoml.models import build_model
from genoml.nn import Ensemble
from genoml.nn.layer import Layer
from genoml.report import filter_matches
from genoml.report.filters import known_matches

KNOWN = {motif.symbol: motif for motif in jaspar_motifs()}
NAMES = ["CREB1", "GATA1", "SP1"]


def member(names: list[str], seed: int) -> Layer:
    """A network whose first filters are the log-odds of motifs."""
    model = build_model("promoter_cnn", {"filters": 3, "kernel_size": 11}, seed=seed)
    path = next(name for name in model.params if model.params[name].ndim == 3)
    weights = 0.01 * np.asarray(model.params[path])
    for row, name in enumerate(names):
        counts = np.asarray(KNOWN[name].matrix)[:11] + 1.0
        weights[row, :, : len(counts)] = np.log2(4.0 * counts / counts.sum(axis=1, keepdims=True)).T
    model.params[path] = weights.astype(np.float32)
    return model


def sites() -> np.ndarray:
    """Random bases, each sequence with the consensus of one of the motifs."""
    codes = np.random.default_rng(0).integers(0, 4, (90, 40), dtype=np.uint8)
    for row in range(len(codes)):
        best = np.asarray(KNOWN[NAMES[row % 3]].matrix).argmax(axis=1)[:11]
        codes[row, 12 : 12 + len(best)] = best
    return codes


def test_filters_of_members_that_match_one_motif_are_one_entry_with_their_members() -> None:
    codes = sites()
    alone = filter_matches(member(NAMES[:2], 0), codes, both_strands=False)
    assert all(len(entry) == 3 for entry in alone)
    both = Ensemble([member(NAMES[:2], 0), member(NAMES[1:], 1)])
    found = filter_matches(both, codes, both_strands=False)
    words = [entry[3] for entry in found if len(entry) == 4]
    assert len(words) == len(found)
    shared = [text for text in words if text.startswith("members 1, 2 of 2; that of member ")]
    assert len(shared) == 1, words
    assert {text for text in words if text not in shared} == {"member 1 of 2", "member 2 of 2"}
    strengths = [entry[0].strength for entry in found]
    assert strengths == sorted(strengths, reverse=True)
    assert len(filter_matches(both, codes, limit=2, both_strands=False)) <= 2


def test_filters_of_one_network_that_agree_are_one_entry() -> None:
    found = filter_matches(member(["CREB1", "CREB1", "GATA1"], 0), sites(), both_strands=False)
    assert [entry[3] for entry in found if len(entry) == 4] == ["2 filters agree; the strongest is shown"]
    assert len(found) == 2
    assert {entry[2].symbol for entry in found if entry[2] is not None} >= {"GATA1"}


def test_motifs_of_rna_are_not_compared_with_those_of_dna() -> None:
    motif = np.asarray(KNOWN["CREB1"].matrix, np.float64)
    assert known_matches([motif], None, "RNA") == ([[]], [])
    (matches,), targets = known_matches([motif], None, "DNA")
    assert targets[matches[0].target].symbol == "CREB1"
    (matches,), targets = known_matches([motif], [KNOWN["CREB1"]], "RNA")
    assert len(targets) == len(matches) == 1
