"""Hits beside those of memelite's FIMO, recorded in tests/data/motifs."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from genoml.io import Motif, read_fasta, read_meme
from genoml.sequence import PWM, MotifScanner, base_codes
from genoml.sequence.motifs.scanner import window_scores
from genoml.sequence.motifs.score_distribution import ScoreDistribution
from genoml.sequence.motifs.score_tables import reverse_table

DATA = Path(__file__).parents[2] / "data" / "motifs"
EPS, P_VALUE, UNIFORM = 1e-4, 1e-3, np.full(4, 0.25)

Place = tuple[str, str, int, str]


@pytest.fixture(scope="module")
def motifs() -> list[Motif]:
    return read_meme(DATA / "test.meme")


@pytest.fixture(scope="module")
def sequences() -> dict[str, str]:
    """With any letter but A, C, G, T as N, which is how memelite takes it (there is a Z)."""
    records = read_fasta(DATA / "test.fa", letters=None)
    return {record.id: re.sub("[^ACGT]", "N", record.sequence.upper()) for record in records}


@pytest.fixture(scope="module")
def fimo() -> dict[Place, tuple[float, float]]:
    with open(DATA / "fimo.memelite0.5.0.test.thresh1e-3.tsv") as stream:
        return {
            (row["motif_name"], row["sequence_name"], int(row["start"]), row["strand"]): (
                float(row["score"]),
                float(row["p-value"]),
            )
            for row in csv.DictReader(stream, delimiter="\t")
        }


def fimo_by_hand(motifs: list[Motif], sequences: dict[str, str]) -> dict[Place, tuple[float, float]]:
    """memelite's rules: bins of 0.1 bits, probabilities that sum to 1.0004, an N that scores 0."""
    found = {}
    for motif in motifs:
        log_odds = np.log2(motif.matrix + EPS) + 2.0
        table = np.concatenate([log_odds, np.zeros((motif.width, 12))], axis=1)
        distribution = ScoreDistribution(log_odds, UNIFORM, granularity=0.1)
        limit_bin = distribution.threshold_bin(P_VALUE)
        assert limit_bin is not None
        for name, letters in sequences.items():
            codes = base_codes([letters])[0].astype(np.intp)
            for strand in "+-":
                scores = window_scores(table if strand == "+" else reverse_table(table), codes)
                places = np.flatnonzero(scores > np.float32(limit_bin * 0.1))
                p = distribution.p_value(np.trunc(scores[places] / 0.1))
                found |= {
                    (motif.name, name, place, strand): (score, p_value)
                    for place, score, p_value in zip(
                        places.tolist(), scores[places].tolist(), p.tolist(), strict=True
                    )
                }
    return found


def test_with_fimos_rules_every_hit_score_and_p_value_is_fimos(
    motifs: list[Motif], sequences: dict[str, str], fimo: dict[Place, tuple[float, float]]
) -> None:
    assert len(fimo) == 306
    mine = fimo_by_hand(motifs, sequences)
    assert set(mine) == set(fimo)
    np.testing.assert_allclose([mine[place] for place in fimo], list(fimo.values()), rtol=1e-9, atol=1e-9)


def test_hits_are_fimos_but_for_its_windows_over_n_and_its_coarse_bins(
    motifs: list[Motif], sequences: dict[str, str], fimo: dict[Place, tuple[float, float]]
) -> None:
    bank = [PWM.from_counts(motif.matrix, pseudocount=EPS, name=motif.name) for motif in motifs]
    hits = MotifScanner(bank, p_value=P_VALUE).scan(list(sequences.values()))
    names, widths = list(sequences), {pwm.name: pwm.width for pwm in bank}
    columns = (hits.motif, hits.sequence, hits.start, hits.strand, hits.score, hits.p_value)
    mine = {
        (bank[motif].name, names[row], start, strand): (score, p)
        for motif, row, start, strand, score, p in zip(*(column.tolist() for column in columns), strict=True)
    }

    def clean(place: Place) -> bool:
        return "N" not in sequences[place[1]][place[2] : place[2] + widths[place[0]]]

    # FIMO's that are not here all lie over an N, which scores 0 there and as the worst base here
    assert all(not clean(place) for place in set(fimo) - set(mine))
    # those only here are rarer than 1e-3 by less than a bin of 0.1 bits is wide
    only_here = set(mine) - set(fimo)
    assert len(only_here) == 5
    assert all(0.9e-3 < mine[place][1] <= 1e-3 for place in only_here)
    shared = [place for place in set(mine) & set(fimo) if clean(place)]
    assert len(shared) == sum(map(clean, fimo))
    for place in shared:
        matrix = next(motif.matrix for motif in motifs if motif.name == place[0])
        # here a row sums to 1, there to its sum and 4 eps
        constant = float(np.log2((matrix + EPS).sum(axis=1)).sum())
        assert fimo[place][0] == pytest.approx(mine[place][0] + constant, abs=1e-9)
        assert fimo[place][1] == pytest.approx(mine[place][1], rel=0.35)
