"""The page about variants: contributions of the bases around each, for both alleles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.explain import saliency
from genoml.genome import GenomeStore
from genoml.io import open_vcf
from genoml.models import build_model
from genoml.report import write_variant_report
from genoml.report.variants import variant_views
from genoml.runs import save_run
from genoml.sequence import base_codes
from genoml.train import Profile
from genoml.variants import score_file
from support.calls import LENGTH, letters_of, small_genome, small_model, some_variants, vcf_text


@pytest.fixture
def genome(tmp_path: Path) -> GenomeStore:
    return small_genome(tmp_path)


def test_a_variant_has_the_contributions_of_both_alleles(genome: GenomeStore, tmp_path: Path) -> None:
    run = save_run(small_model(2), tmp_path / "run", length_bp=LENGTH)
    rows = some_variants(genome, 8)
    (tmp_path / "calls.vcf").write_text(vcf_text(rows))
    summary = score_file(run, genome, open_vcf(tmp_path / "calls.vcf"), tmp_path / "scores.tsv")
    views = variant_views(run, genome, summary.strongest[:8], LENGTH)
    assert len(views) == 8
    for view, row in zip(views, summary.strongest, strict=False):
        assert view.name == f"chr1:{row['pos'] + 1} {row['ref']}>{row['alt']}"
        assert view.alleles_bp == (len(row["ref"]), len(row["alt"]))
        (before, own), (after, other) = view.reference, view.alternative
        assert before[-view.start :].startswith(row["ref"])
        assert after[-view.start :].startswith(row["alt"])
        first = row["pos"] + view.start
        assert before == letters_of(genome, "chr1", first, first + LENGTH)
        column = max(row["effect"], key=lambda name: abs(row["effect"][name]))
        task = int(column.removeprefix("effect_"))
        for letters, found in ((before, own), (after, other)):
            expected = saliency(run.model, base_codes([letters]), task=task).actual[0]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        assert view.note.startswith(f"effect {task} {row['effect'][column]:+.3g}; predicted ")


def test_a_page_about_profiles_explains_their_counts(genome: GenomeStore, tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"profile_length_bp": 20, "filters": 4, "kernel_size": 5, "dilated_layers": 1}
    model = build_model("bpnet", {**sizes, "profile_kernel_size": 5, "tracks": 2}, seed=1)
    run = save_run(model, tmp_path / "run", length_bp=LENGTH, objective=Profile(2, 20, strands="+-"))
    (tmp_path / "calls.vcf").write_text(vcf_text(some_variants(genome, 4)))
    summary = score_file(run, genome, open_vcf(tmp_path / "calls.vcf"), tmp_path / "scores.tsv")
    page = write_variant_report(run, genome, summary, tmp_path / "page.html", top=2).read_text()
    assert page.count("<h3>chr1:") == 2
    assert "4 records, 4 alternative alleles: 4 ok." in page
