from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas
import pytest

from genoml import load_run, read_h5ad, save_run
from genoml.data import SequenceData, cell_type_data, split_by_group
from genoml.data.augment import Augmentation
from genoml.io import write_fasta
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.sequence import base_codes, decode
from genoml.train import CellTypes, FitOptions, fit
from genoml.train.predict import evaluate, predict

MOTIFS = base_codes(["TGACTCAT", "GGGCGGAA", "CACGTGCC"])
TYPES = ("T", "B", "NK")


def planted(path: Path, count: int = 600, length: int = 40) -> list[str]:
    """An AnnData file of regions that are open in the cell types whose motif they have; their sequences."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (count, length), dtype=np.uint8)
    present = rng.random((count, 3)) < 0.4
    for row, kind in np.argwhere(present):
        start = 12 * kind + rng.integers(0, 5)
        codes[row, start : start + 8] = MOTIFS[kind]
    values = (0.2 + present * rng.uniform(1.0, 3.0, (count, 1))).astype(np.float32)
    letters = list(decode(codes))
    places = [f"chr{1 + i % 5}:{100 * (i // 5)}-{100 * (i // 5) + length}" for i in range(count)]
    var = pandas.DataFrame({"sequence": letters}, index=places)
    anndata.AnnData(X=values.T, obs=pandas.DataFrame(index=list(TYPES)), var=var).write_h5ad(path)
    return letters


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    objective, z, t = CellTypes(10.0, 0.5), rng.normal(size=(6, 4)), rng.random((6, 4))
    _, grad = objective.loss(z, t)
    direction = rng.normal(size=z.shape)
    ends = [float(objective.loss(z + h * direction, t)[0]) for h in (1e-6, -1e-6)]
    assert np.sum(np.asarray(grad) * direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def test_a_network_learns_which_cell_types_a_region_is_open_in(tmp_path: Path) -> None:
    planted(tmp_path / "regions.h5ad")
    data = cell_type_data(read_h5ad(tmp_path / "regions.h5ad"), sequence="sequence")
    assert data.target_names == TYPES
    rest, held_out = split_by_group(data, ["chr5"])
    model = build_model("site_cnn", {"length_bp": 40, "n_outputs": 3, "filters": 16, "second_filters": 8})
    options = FitOptions(
        epochs=25,
        optimizer=AdamW(0.01),
        objective=CellTypes(multiplier=1.0),
        augmentation=Augmentation(False),
    )
    fit(model, rest, validation=held_out, options=options)
    scores = evaluate(model, held_out)
    assert scores["pearson_T"] > 0.7
    assert scores["pearson_across"] > 0.8
    assert scores["top_cell_type"] > 0.7
    assert {"pearson", "spearman", "pearson_B", "pearson_NK", "gini"} <= scores.keys()
    predicted = predict(model, held_out.codes)
    assert predicted.min() >= 0.0
    save_run(model, tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.objective.task_names == TYPES
    np.testing.assert_allclose(run.predict(list(decode(held_out.codes[:3]))), predicted[:3], rtol=1e-5)


def test_the_same_regions_are_read_from_a_genome(tmp_path: Path) -> None:
    letters = planted(tmp_path / "regions.h5ad", count=40)
    matrix = read_h5ad(tmp_path / "regions.h5ad")
    chromosomes = {f"chr{1 + i}": ["N" * 60] * 8 for i in range(5)}
    for i, sequence in enumerate(letters):
        chromosomes[f"chr{1 + i % 5}"][i // 5] = sequence + "N" * 60
    write_fasta(tmp_path / "genome.fa", [(name, "".join(parts)) for name, parts in chromosomes.items()])
    data = cell_type_data(matrix, tmp_path / "genome.fa")
    assert list(decode(data.codes[:])) == letters
    np.testing.assert_array_equal(data.targets, matrix.values)
    assert isinstance(data, SequenceData)
    assert data.target_names == TYPES


def test_sequences_come_from_a_genome_or_a_column(tmp_path: Path) -> None:
    planted(tmp_path / "regions.h5ad", count=10)
    matrix = read_h5ad(tmp_path / "regions.h5ad")
    with pytest.raises(ValueError, match="cell_type_data expects a genome, or sequence, the column of var"):
        cell_type_data(matrix)
    with pytest.raises(ValueError, match="var has no column 'seq' of sequences; columns: sequence"):
        cell_type_data(matrix, sequence="seq")
