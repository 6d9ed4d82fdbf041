from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from genoml.io import Motif, jaspar_motifs, read_meme
from genoml.sequence import PWM, compare_motifs

DATA = Path(__file__).parents[2] / "data" / "motifs"


@pytest.fixture(scope="module")
def known() -> list[Motif]:
    return jaspar_motifs()


def random_motifs(seed: int, widths: list[int]) -> list[Motif]:
    rng = np.random.default_rng(seed)
    return [Motif(f"M{i}", rng.dirichlet([0.5] * 4, width)) for i, width in enumerate(widths)]


def binned(query: np.ndarray, targets: list[Motif], n_bins: int) -> tuple[list[np.ndarray], float]:
    """g in bins of the query against each target and each target's reverse complement."""
    both = [t.probabilities for t in targets] + [t.probabilities[::-1, ::-1] for t in targets]
    distances = [
        np.array([[np.sqrt(((q - c) ** 2).sum()) for c in target] for q in query]) for target in both
    ]
    joined = np.concatenate(distances, axis=1)
    medians = np.median(joined, axis=1, keepdims=True)
    grain = ((medians - joined).max() - (medians - joined).min()) / n_bins
    return [np.rint((medians - d) / grain) for d in distances], grain


# ------------------------------------------------------------ against plain enumeration


def test_scores_offsets_and_p_values_are_those_of_all_column_combinations() -> None:
    """Two query columns: each alignment's null distribution is all pairs of target columns."""
    (query,), targets, n_bins = random_motifs(0, [2]), random_motifs(1, [1, 2, 3]), 40
    (found,) = compare_motifs([query], targets, n_bins=n_bins)
    scores, grain = binned(query.probabilities, targets, n_bins)
    first, second = np.concatenate(scores, axis=1)
    both = np.array([a + b for a, b in itertools.product(first, second)])
    for t, target in enumerate(targets):
        p_strands, best = [], []
        for g in (scores[t], scores[t + len(targets)]):
            spans = {o: [i for i in (0, 1) if 0 <= i + o < target.width] for o in range(-1, target.width)}
            sums = {o: sum(g[i, i + o] for i in rows) for o, rows in spans.items()}
            s = max(sums.values())
            null = {(0,): first, (1,): second, (0, 1): both}
            p_strands.append(1 - np.prod([1 - np.mean(null[tuple(rows)] >= s) for rows in spans.values()]))
            best.append(s)
        p = min(p_strands)
        assert found.p_value[t] == pytest.approx(p * (2 - p), rel=1e-12)
        assert found.score[t] == pytest.approx(max(best) * grain, rel=1e-12)
    np.testing.assert_allclose(found.e_value, found.p_value * 3)


def test_chance_motifs_are_seldom_significant(known: list[Motif]) -> None:
    columns = np.concatenate([motif.probabilities for motif in known])
    rng = np.random.default_rng(5)
    targets = [Motif(f"R{i}", columns[rng.integers(0, len(columns), 10)]) for i in range(400)]
    queries = [known[i] for i in (3, 200, 500)]
    for found in compare_motifs(queries, targets):
        # independence of the offsets and strands is an approximation
        assert 0.005 < np.mean(found.p_value < 0.05) < 0.09


# ------------------------------------------------------------ properties


def test_a_motif_finds_itself_and_its_reverse_complement(known: list[Motif]) -> None:
    ctcf = next(motif for motif in known if motif.symbol == "CTCF")
    turned = Motif("turned", ctcf.probabilities[::-1, ::-1])
    there, back = compare_motifs([ctcf, turned], known)
    place = known.index(ctcf)
    assert int(there.p_value.argmin()) == int(back.p_value.argmin()) == place
    assert (there.offset[place], there.overlap[place], there.strand[place]) == (0, ctcf.width, "+")
    assert (back.offset[place], back.overlap[place], back.strand[place]) == (0, ctcf.width, "-")
    assert there.p_value[place] == pytest.approx(back.p_value[place], rel=0.1)
    assert there.p_value[place] < 1e-15


def test_a_pwm_is_compared_like_its_motif(known: list[Motif]) -> None:
    pwm = PWM.from_motif(known[0])
    (mine,) = compare_motifs([pwm], known[:60])
    (theirs,) = compare_motifs([pwm.to_motif()], known[:60])
    np.testing.assert_array_equal(mine.p_value, theirs.p_value)


def test_a_flat_query_is_like_everything_by_chance(known: list[Motif]) -> None:
    (found,) = compare_motifs(
        [Motif("flat", np.full((4, 4), 0.25))], [Motif("flat too", np.full((3, 4), 0.25))]
    )
    assert found.p_value.tolist() == [1.0]


# ------------------------------------------------------------ Tomtom


def test_p_values_and_ranks_are_those_of_tomtom_within_the_bins(known: list[Motif]) -> None:
    queries = {motif.name: motif for motif in read_meme(DATA / "test.meme")}
    places = {motif.name: i for i, motif in enumerate(known)}
    found = dict(zip(queries, compare_motifs(queries.values(), known), strict=True))
    with open(DATA / "tomtom.memelite0.5.0.test.jaspar2024_vertebrates.tsv") as stream:
        recorded = list(csv.DictReader(stream, delimiter="\t"))
    assert len(recorded) == 120
    for row in recorded:
        mine, theirs = found[row["query"]].p_value[places[row["target"]]], float(row["p-value"])
        # bins of another width: p-values above 1e-10 are within a factor 2, smaller ones within their tails
        assert abs(np.log10(mine / theirs)) < (0.3 if theirs > 1e-10 else 2.5)
    for name, group in itertools.groupby(recorded, key=lambda row: row["query"]):
        best = [row["target"] for row in group]
        ranked = [known[i].name for i in np.argsort(found[name].p_value, kind="stable")[:10]]
        assert ranked[0] == best[0]
        assert len(set(ranked) & set(best)) >= 8


# ------------------------------------------------------------ errors


def test_no_target_and_too_few_bins_are_refused(known: list[Motif]) -> None:
    with pytest.raises(ValueError, match="at least one target motif, got none"):
        compare_motifs(known[:1], [])
    with pytest.raises(ValueError, match="n_bins >= 2, got 1"):
        compare_motifs(known[:1], known, n_bins=1)
