from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io import FastqRecord, FormatError, summarise, write_fasta, write_fastq

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@settings(max_examples=30, deadline=None)
@given(LENGTHS)
def test_lengths_are_summed_up_exactly(tmp_path_factory, lengths):
    path = tmp_path_factory.mktemp("summary") / "a.fa"
    write_fasta(path, [(f"r{n}", "A" * length) for n, length in enumerate(lengths)])
    summary = summarise(path)
    assert (summary.n_records, summary.total_bp) == (len(lengths), sum(lengths))
    assert (summary.min_bp, summary.max_bp) == (min(lengths), max(lengths))
    assert summary.mean_bp == pytest.approx(statistics.mean(lengths))
    assert summary.median_bp == statistics.median(lengths)
    ordered = sorted(lengths, reverse=True)
    held = np.cumsum(ordered)
    assert summary.n50_bp == ordered[int(np.argmax(held >= sum(lengths) / 2))]


def test_composition_counts_lower_case_and_rna(tmp_path):
    write_fasta(tmp_path / "a.fa", [("a", "GCgcAUauNNRy"), ("b", "TTTT")])
    summary = summarise(tmp_path / "a.fa")
    assert summary.gc_fraction == pytest.approx(4 / 12)
    assert summary.ambiguous_bp == 4
    assert (summary.format, summary.encoding) == ("FASTA", None)
    assert math.isnan(summary.mean_quality)


def test_gc_of_nothing_but_ambiguous_bases_is_unknown(tmp_path):
    write_fasta(tmp_path / "a.fa", [("a", "NNN")])
    assert math.isnan(summarise(tmp_path / "a.fa").gc_fraction)


@pytest.mark.parametrize("encoding", ["phred33", "phred64", "solexa"])
def test_qualities_are_those_of_mean_error_probabilities(encoding, tmp_path):
    dtype = np.int8 if encoding == "solexa" else np.uint8
    scores = [np.array([40, 10, 2], dtype), np.array([20], dtype), np.array([], dtype)]
    records = [FastqRecord(f"r{n}", "A" * len(q), q, encoding) for n, q in enumerate(scores)]
    write_fastq(tmp_path / "a.fq", records, encoding=encoding)
    summary = summarise(tmp_path / "a.fq", encoding=encoding)
    errors = [record.error_probabilities for record in records]
    assert summary.mean_quality == pytest.approx(-10 * math.log10(np.concatenate(errors).mean()))
    positions = [(errors[0][0] + errors[1][0]) / 2, errors[0][1], errors[0][2]]
    np.testing.assert_allclose(summary.position_qualities, -10 * np.log10(positions))
    assert (summary.encoding, summary.encoding_sure, summary.min_bp) == (encoding, True, 0)


def test_a_guess_that_is_not_certain_is_said(tmp_path):
    write_fastq(tmp_path / "a.fq", [("r", "AC", np.array([40, 40]))])
    summary = summarise(tmp_path / "a.fq")
    assert (summary.encoding, summary.encoding_sure) == ("phred33", False)


def test_qualities_are_kept_for_the_first_thousand_positions(tmp_path):
    write_fastq(tmp_path / "a.fq", [("r", "A" * 1500, np.full(1500, 30))])
    summary = summarise(tmp_path / "a.fq", encoding="phred33")
    assert summary.position_qualities.shape == (1000,)
    assert summary.mean_quality == pytest.approx(30)


def test_protein_is_summed_up_when_asked_for(tmp_path):
    write_fasta(tmp_path / "a.fa", [("a", "MKVLE")])
    assert summarise(tmp_path / "a.fa", letters="protein").total_bp == 5
    with pytest.raises(FormatError, match="'L' is not a nucleotide letter"):
        summarise(tmp_path / "a.fa")
