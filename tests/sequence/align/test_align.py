"""Alignments against other programs' scores, Biopython's aligner, and their own score read off."""

from __future__ import annotations

import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from Bio.Align import PairwiseAligner, substitution_matrices
from hypothesis import example, given, settings
from hypothesis import strategies as st

import genoml
from genoml.io import read_fasta
from genoml.sequence import SubstitutionMatrix, align, align_scores
from genoml.sequence.align import dynamic_programme
from genoml.sequence.codes import flat_codes
from support.alignments import score_of, table_score

REFERENCE = Path(__file__).parents[2] / "data" / "alignment"
MODES = {"nw": "global", "sg": "semiglobal", "sw": "local"}
MATRICES = ("BLOSUM45", "BLOSUM62", "BLOSUM80", "NUC.4.4", "PAM250", "PAM30")

gap_costs = st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda g: (g[0] + g[1], g[1]))
dna = st.text("ACGTN", max_size=30)
protein = st.text("ARNDCQEGHILKMFPSTWYVBZX", max_size=30)
rules = st.sampled_from(
    [("global", "both"), ("local", "both"), ("semiglobal", "both"), ("semiglobal", "a"), ("semiglobal", "b")]
)


@cache
def reference() -> list[tuple[str, str, str, float, float, dict[str, int]]]:
    """a, b, matrix, gap_open, gap_extend, and the score in each mode."""
    sequences = {
        record.id: record.sequence
        for kind, letters in (("dna", "nucleotide"), ("protein", "protein"))
        for record in read_fasta(REFERENCE / f"seqs.{kind}.fa", letters=letters)
    }
    header, *lines = (REFERENCE / "parasail_biopython_scores.tsv").read_text().splitlines()
    found = []
    for line in lines:
        row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
        scores = {mode: int(row[column]) for column, mode in MODES.items()}
        pair = sequences[row["a"]], sequences[row["b"]]
        found.append((*pair, row["matrix"], float(row["gap_first"]), float(row["gap_next"]), scores))
    return found


@pytest.mark.parametrize("mode", MODES.values())
def test_206_scores_equal_those_of_parasail_and_biopython(mode: str) -> None:
    rows = reference()
    assert len(rows) == 206
    expected = [scores[mode] for *_, scores in rows]
    found = [
        align(a, b, mode, matrix=matrix, gap_open=first, gap_extend=following).score
        for a, b, matrix, first, following, _ in rows
    ]
    assert found == expected


@pytest.mark.parametrize("mode", MODES.values())
def test_206_scores_of_batches_equal_those_of_parasail_and_biopython(mode: str) -> None:
    expected, found = [], []
    for costs in {row[2:5] for row in reference()}:
        rows = [row for row in reference() if row[2:5] == costs]
        expected += [scores[mode] for *_, scores in rows]
        options = dict(zip(("matrix", "gap_open", "gap_extend"), costs, strict=True))
        queries, targets = [row[0] for row in rows], [row[1] for row in rows]
        found += align_scores(queries, targets, mode, **options, backend="numpy").tolist()
    assert len(found) == 206
    assert found == expected


@pytest.mark.parametrize("name", MATRICES)
def test_shipped_matrices_equal_those_of_biopython(name: str) -> None:
    expected = substitution_matrices.load(name)
    ours = SubstitutionMatrix.load(name)
    assert ours.letters == str(expected.alphabet)
    np.testing.assert_array_equal(ours.scores, np.asarray(expected))


def biopython_aligner(matrix: str, mode: str, gap_open: float, gap_extend: float) -> PairwiseAligner:
    aligner = PairwiseAligner(
        mode="local" if mode == "local" else "global",
        substitution_matrix=substitution_matrices.load(matrix),
        open_gap_score=-gap_open,
        extend_gap_score=-gap_extend,
    )
    if mode == "semiglobal":
        aligner.end_gap_score = 0.0
    return aligner


@pytest.mark.parametrize("mode", MODES.values())
@pytest.mark.parametrize(("matrix", "letters"), [("NUC.4.4", dna), ("BLOSUM62", protein), ("PAM30", protein)])
def test_random_pairs_score_as_in_biopython(matrix: str, letters: st.SearchStrategy[str], mode: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(letters.filter(len), letters.filter(len), gap_costs)
    def check(a: str, b: str, costs: tuple[int, int]) -> None:
        expected = biopython_aligner(matrix, mode, *costs).score(a, b)
        found = align(a, b, mode, matrix=matrix, gap_open=costs[0], gap_extend=costs[1])
        assert found.score == expected

    check()


@pytest.mark.parametrize("mode", MODES.values())
def test_long_related_sequences_score_as_in_biopython(mode: str) -> None:
    rng = np.random.default_rng(3)
    a = "".join(rng.choice(list("ACGT"), 700))
    kept = rng.random(700) > 0.1
    b = "".join(letter for letter, keep in zip(a, kept, strict=True) if keep)[:400] + a[450:] + "ACGT" * 20
    expected = biopython_aligner("NUC.4.4", mode, 10, 0.5).score(a, b)
    found = align(a, b, mode, matrix="EDNAFULL", gap_open=10, gap_extend=0.5)
    assert found.score == expected
    nuc44 = substitution_matrices.load("NUC.4.4")
    assert score_of(found, a, b, lambda x, y: nuc44[x, y], 10, 0.5) == expected


@settings(max_examples=150, deadline=None)
@given(dna, dna, gap_costs, rules, st.sampled_from([(1, -1), (2, -3), (1, 0), (0, -1), (0.5, -0.25)]))
@example("", "", (2, 1), ("global", "both"), (1, -1))
@example("", "ACG", (2, 1), ("semiglobal", "a"), (1, -1))
def test_every_traceback_scores_as_it_says(
    a: str, b: str, costs: tuple[int, int], rule: tuple[str, str], numbers: tuple[float, float]
) -> None:
    mode, overhang = rule

    def pair(x: str, y: str) -> float:
        return numbers[0] if x == y else numbers[1]

    found = align(a, b, mode, matrix=numbers, gap_open=costs[0], gap_extend=costs[1], overhang=overhang)
    assert found.score == table_score(a, b, pair, *costs, mode, overhang)
    assert score_of(found, a, b, pair, *costs) == found.score
    whole = {
        "a": (found.start_a, found.end_a) == (0, len(a)),
        "b": (found.start_b, found.end_b) == (0, len(b)),
    }
    must_be_whole = {"global": "ab", "local": ""}.get(mode, {"a": "b", "b": "a"}.get(overhang, ""))
    assert all(whole[name] for name in must_be_whole)


@pytest.mark.parametrize("mode", MODES.values())
def test_a_table_held_block_by_block_gives_the_same(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    a = "".join(rng.choice(list("ACGT"), 90))
    pairs = [(a, a[:20] + a[60:] + "TTTT"), (a[:30] + a[70:], a), (a, "ACGT" * 20), (a[40:], a)]
    expected = [align(*pair, mode) for pair in pairs]
    monkeypatch.setattr(dynamic_programme, "_BLOCK_CELLS", 1)
    for pair, whole in zip(pairs, expected, strict=True):
        found = align(*pair, mode)
        assert (found.score, found.cigar, found.start_a) == (whole.score, whole.cigar, whole.start_a)


def test_numbers_too_large_for_32_bits_are_kept_exactly() -> None:
    large = align("ACGT" * 50, "ACGT" * 50, matrix=(1e6 - 1, -1e6), gap_open=1e6, gap_extend=1e6)
    assert large.score == 200 * (10**6 - 1)
    assert align("ACGTT" * 400, "ACGT" * 500, matrix=(999.999, -1000), gap_open=1e6, gap_extend=0).score < 2e6


def test_what_an_alignment_says_of_itself() -> None:
    found = align("TTACGTACG", "ACGACGAA", "semiglobal", gap_open=6, gap_extend=1)
    assert (found.start_a, found.end_a, found.start_b, found.end_b) == (2, 9, 0, 6)
    assert (found.aligned_a, found.aligned_b, found.cigar) == ("ACGTACG", "ACG-ACG", "3=1I3=")
    assert (found.score, len(found), found.identities, found.positives, found.gaps) == (24, 7, 6, 6, 1)
    assert found.identity == pytest.approx(6 / 7)
    assert (found.length_a, found.length_b) == (9, 8)
    assert str(found) == (
        "# a (9 letters, 2-9 aligned) with b (8 letters, 0-6 aligned)\n"
        "# semiglobal, matrix NUC.4.4, a gap of n costs 6 + (n - 1) x 1\n"
        "# score 24, identity 6/7 (85.7 %), positive 6/7 (85.7 %), gaps 1/7 (14.3 %)\n"
        "\n"
        "a 3 ACGTACG 9\n"
        "    ||| |||\n"
        "b 1 ACG-ACG 6"
    )
    blocks = found.format("query_1", "t", width=4).splitlines()[4:]
    assert blocks == ["query_1 3 ACGT 6", "          |||", "t       1 ACG- 3", "", "query_1 7 ACG 9",
                      "          |||", "t       4 ACG 6"]  # fmt: skip
    with pytest.raises(ValueError, match="width expects 1 or more, got 0"):
        found.format(width=0)


def test_a_similar_pair_is_marked_and_counted_as_positive() -> None:
    found = align("MKVLIA", "MRVLWA", matrix="BLOSUM62")
    assert (found.midline, found.positives, found.identities) == ("|:||.|", 5, 4)
    assert found.cigar == "1=1X2=1X1="


def test_a_local_alignment_without_a_positive_pair_is_empty() -> None:
    found = align("AAAA", "CCCC", "local")
    assert (found.score, found.cigar, found.aligned_a, len(found), found.identity) == (0, "", "", 0, 0.0)
    assert "score 0, identity 0/0 (0.0 %)" in str(found)


@pytest.mark.parametrize(
    ("mode", "a", "b", "score", "cigar"),
    [
        ("global", "", "", 0, ""),
        ("global", "ACG", "", -12, "3I"),
        ("global", "", "A", -10, "1D"),
        ("local", "ACG", "", 0, ""),
        ("semiglobal", "", "ACG", 0, ""),
    ],
)
def test_empty_sequences(mode: str, a: str, b: str, score: int, cigar: str) -> None:
    found = align(a, b, mode)
    assert (found.score, found.cigar) == (score, cigar)


def test_case_u_bytes_and_base_codes_do_not_matter() -> None:
    expected = align("ACGTTGCA", "ACGTGCA")
    for a in ("acgtTGCA", "ACGUUGCA", b"ACGTTGCA", flat_codes(["ACGTTGCA"]).codes):
        found = align(a, "ACGTGCA")
        assert (found.score, found.cigar, found.identities) == (expected.score, expected.cigar, 7)
    assert align("acgu", "ACGT").aligned_a == "acgu"


def test_the_matrix_is_chosen_by_the_letters() -> None:
    assert align("ACGTNACGTN", "acgu").matrix == "NUC.4.4"
    assert align("MKVLEF", "ACGT").matrix == "BLOSUM62"
    with pytest.raises(
        ValueError, match=r"cannot tell nucleotides from amino acids.*only 3 of 6 are A C G T U N"
    ):
        align("MKR", "AAG")
    assert align("MKR", "AAG", matrix="BLOSUM62").matrix == "BLOSUM62"


def test_gap_costs_have_defaults_for_some_matrices() -> None:
    assert (align("ACGT", "ACT").gap_open, align("ACGT", "ACT").gap_extend) == (10, 1)
    assert align("MEV", "MV").gap_open == 11
    assert align("MEV", "MV", gap_extend=3).gap_extend == 3
    with pytest.raises(ValueError, match="no default for matrix BLOSUM45, whose scale may be any; give both"):
        align("MEV", "MV", matrix="BLOSUM45", gap_open=3)


@pytest.mark.parametrize(
    ("a", "options", "message"),
    [
        ("ACEGT", {"matrix": "NUC.4.4"}, "a has 'E' at position 2; .* for proteins pass matrix='BLOSUM62'"),
        ("AC-GT", {}, "a has '-' at position 2; .*; remove the gaps"),
        ("MEU", {}, r"a has 'U' at position 2; .* write selenocysteine \(U\)"),
        ("ACé", {}, r"a has '\?' at position 2"),
        (b"AC\xff", {}, "a has byte 0xff at position 2"),
        ("A", {"mode": "glocal"}, "mode expects 'global', 'local' or 'semiglobal', got 'glocal'"),
        ("A", {"overhang": "a"}, "overhang='a' expects mode='semiglobal', got mode='global'"),
        ("A", {"overhang": "c", "mode": "semiglobal"}, "overhang expects 'both', 'a' or 'b', got 'c'"),
        ("A", {"matrix": "BLOSUM99"}, "matrix expects one of BLOSUM45, .*got 'BLOSUM99'"),
        ("A", {"gap_open": 1, "gap_extend": 2}, "0 <= gap_extend <= gap_open .*got gap_open=1, gap_extend=2"),
        ("A", {"gap_open": -1, "gap_extend": -1}, "they are subtracted"),
        ("A", {"gap_open": float("nan")}, "got gap_open=nan"),
        ("A", {"gap_open": float("inf")}, "got gap_open=inf"),
        ("A", {"gap_open": 5.00001}, "at most three decimals, got 5.00001"),
        ("A", {"matrix": {"AA": 1, "AC": -1}, "gap_open": 1, "gap_extend": 1}, "no score for C against C"),
        ("A", {"matrix": {"AAA": 1}}, "pairs of letters such as .*got 'AAA'"),
        ("A", {"matrix": np.zeros((5, 5))}, r"scores \(4, 4\) for letters ACGT, got \(5, 5\)"),
        ("A", {"matrix": np.full((4, 4), np.nan)}, "finite scores"),
    ],
)
def test_refusals_say_what_was_expected(a: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        align(a, "ACGT", **options)


@pytest.mark.parametrize(
    ("a", "matrix", "message"),
    [
        (3, None, "expects str, bytes or a one-dimensional uint8 array of base codes, got int"),
        ("A", 5, r"a name, a SubstitutionMatrix, \(match, mismatch\)"),
        ("A", object(), "an array .4, 4. in the order A C G T, got object"),
    ],
)
def test_other_kinds_are_refused(a: object, matrix: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        align(a, "ACGT", matrix=matrix)  # type: ignore[arg-type]


def test_a_record_in_place_of_its_sequence_is_refused_with_a_hint() -> None:
    record = next(read_fasta(REFERENCE / "seqs.dna.fa"))
    with pytest.raises(TypeError, match=r"got FastaRecord; pass its \.sequence"):
        align(record, "ACGT")  # type: ignore[arg-type]


def test_a_matrix_may_be_a_dict_an_array_or_biopythons() -> None:
    pairs = {(x, y): 2.0 if x == y else -1.0 for x in "ACGT" for y in "ACGT" if x <= y}
    costs = {"gap_open": 3, "gap_extend": 1}
    expected = align("ACGTTA", "ACTTA", matrix=(2, -1), **costs).score
    scores = np.full((4, 4), -1) + 3 * np.eye(4, dtype=int)
    letters = {f"{x}{y}": score for (x, y), score in pairs.items()}
    for matrix in (pairs, letters, scores, SubstitutionMatrix("TGCA", scores)):
        assert align("ACGTTA", "ACTTA", matrix=matrix, **costs).score == expected
    theirs = substitution_matrices.load("BLOSUM62")
    assert align("MEV", "MV", matrix=theirs, **costs).score == align("MEV", "MV", **costs).score


def test_a_matrix_need_not_be_symmetric() -> None:
    scores = np.array([[1, 5], [-5, 1]])
    matrix = SubstitutionMatrix("AC", scores)
    assert align("AA", "CCC", "local", matrix=matrix, gap_open=9, gap_extend=9).score == 10
    assert align("CCC", "AA", "local", matrix=matrix, gap_open=9, gap_extend=9).score == 0


def test_absurd_sizes_are_refused_before_memory_is_taken() -> None:
    with pytest.raises(ValueError, match=r"aligning 3000000 with 4000000 letters needs \d+\.\d GB of memory"):
        align("A" * 3_000_000, "C" * 4_000_000)
    with pytest.raises(ValueError, match=r"more than max_memory_gb=0\.0001"):
        align("A" * 1000, "A" * 1000, max_memory_gb=1e-4)


def test_the_memory_it_says_is_what_it_takes() -> None:
    a, b = "ACGT" * 400, "ACGT" * 1000
    needed = dynamic_programme.bytes_needed(1600, 4000, 15, 10**5)
    tracemalloc.start()
    align(a, b, "local")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.7 * needed < peak < 1.1 * needed + 1e5


def test_align_is_exported() -> None:
    assert genoml.align is align
    assert genoml.align_scores is align_scores
