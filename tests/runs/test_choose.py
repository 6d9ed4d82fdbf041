from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from genoml.backend import get_backend
from genoml.data import SequenceData, split_random
from genoml.data.splits import split_by_group
from genoml.runs import choose
from genoml.runs.choose import choose_network
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings
from genoml.runs.make_task import make_task
from genoml.runs.score_baselines import POSITIONS, TRAITS, baseline_scores
from genoml.runs.settle_task import refuse_unread
from genoml.sequence.alphabet import PAD_CODE
from support.planted import planted_data

KMERS, ONE_STRAND = "6-mers", "6-mers of one strand"
CONFIG = TrainConfig(epochs=3, threads=1)


def sites(count: int = 400, length: int = 40, seed: int = 0) -> SequenceData:
    """Half of them have their own bases, more often than not, at eight places far from each other."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (count, length), dtype=np.uint8)
    labels = np.arange(count) % 2
    for place in range(2, 40, 5):
        own = (labels == 1) & (rng.random(count) < 0.6)
        codes[own, place] = place % 4
    return SequenceData(codes, labels[:, None].astype(np.float32))


def chosen(
    data: SequenceData, config: TrainConfig = CONFIG
) -> tuple[TrainConfig, dict[str, float], list[str]]:
    lines: list[str] = []
    rest, validation = split_random(data, 0.25, 0)
    return *choose_network(rest, validation, config, get_backend("numpy"), lines.append), lines


def of_scores(monkeypatch: pytest.MonkeyPatch, **scores: float) -> None:
    known = {"traits": TRAITS, "kmers": KMERS, "one": ONE_STRAND, "positions": POSITIONS}
    monkeypatch.setattr(
        choose, "baseline_scores", lambda *_: {known[key]: value for key, value in scores.items()}
    )


def test_sites_at_one_place_get_a_network_that_knows_positions_on_one_strand() -> None:
    config, scores, lines = chosen(sites())
    assert (config.model, config.reverse_complement, config.members) == ("site_cnn", False, 3)
    assert scores[POSITIONS] > 0.85 > max(scores[KMERS], scores[ONE_STRAND])
    assert lines[0].startswith("auto: AUROC of baselines in validation: length and GC alone 0.")
    assert lines[1] == "auto: site_cnn, which knows positions, as they say more than k-mers"
    assert lines[-1] == "auto: 3 members from different initial weights, whose outputs are averaged"


def test_motifs_anywhere_get_a_network_of_motifs_on_both_strands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_FEW", 0)
    config, scores, _ = chosen(planted_data(200, 60))
    assert (config.model, config.members) == ("motif_cnn", 3)
    assert config.for_data(60).reverse_complement
    assert scores[KMERS] > scores[POSITIONS] + 0.1


def test_where_the_baselines_leave_it_open_both_networks_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    of_scores(monkeypatch, traits=0.5, kmers=0.8, one=0.8, positions=0.79)
    config, _, lines = chosen(sites(200))
    tried = [line for line in lines if "after 1 epochs" in line]
    assert [line.split()[1] for line in tried] == ["motif_cnn", "promoter_cnn", "site_cnn"]
    assert lines[4] == f"auto: {config.model}, the best one"
    assert config.members == {"motif_cnn": 2, "promoter_cnn": 5, "site_cnn": 3}[config.model]
    monkeypatch.setattr(choose, "_FEW", 0)
    config, _, lines = chosen(sites(200))
    tried = [line for line in lines if "after 1 epochs" in line]
    assert [line.split()[1] for line in tried] == ["motif_cnn", "site_cnn"]
    assert lines[3] == f"auto: {config.model}, the better one"
    assert config.members == (3 if config.model == "site_cnn" else 2)


def test_one_strand_is_read_where_it_says_clearly_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_FEW", 0)
    of_scores(monkeypatch, traits=0.5, kmers=0.8, one=0.9, positions=0.5)
    config, _, lines = chosen(sites(200))
    assert config.reverse_complement is False
    assert "auto: one strand is read" in lines[2]
    of_scores(monkeypatch, traits=0.5, kmers=0.8, one=0.81, positions=0.5)
    assert chosen(sites(200))[0].reverse_complement is None


def test_what_the_settings_say_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    of_scores(monkeypatch, traits=0.5, kmers=0.8, one=0.95, positions=0.99)
    config, _, lines = chosen(sites(200), msgspec.structs.replace(CONFIG, members=1, reverse_complement=True))
    assert (config.model, config.members, config.reverse_complement) == ("site_cnn", 1, True)
    assert len(lines) == 2


def test_many_sequences_get_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_SMALL", 100)
    of_scores(monkeypatch, traits=0.5, kmers=0.9, one=0.9, positions=0.5)
    assert chosen(sites(200))[0].members == 1


def test_with_few_validation_sequences_baselines_are_compared_in_folds_of_the_training_part() -> None:
    config, scores, lines = chosen(sites(60))
    assert (config.model, scores) == ("site_cnn", {})
    assert config.best_within == pytest.approx(0.25 / 8**0.5)
    assert lines[0] == "auto: 16 validation sequences are too few to choose by"
    assert lines[1].startswith("auto: AUROC of baselines in 5 folds of the training part: length and GC")
    config, scores, lines = chosen(planted_data(30, 60))
    assert (config.model, config.members, scores) == ("promoter_cnn", 5, {})
    assert lines[2] == "auto: promoter_cnn, one layer of motifs, for few sequences"


def test_nothing_is_compared_in_too_few_sequences() -> None:
    config, scores, lines = chosen(sites(30))
    assert (config.model, scores, len(lines)) == ("promoter_cnn", {}, 3)


def test_sequences_of_several_lengths_have_no_positions() -> None:
    data = sites(200)
    codes: Any = np.array(data.codes)
    codes[0, :3] = PAD_CODE
    padded = SequenceData(codes, data.targets, groups=np.array(["a", "b"] * 100, object))
    assert POSITIONS not in baseline_scores(*split_by_group(padded, ["b"]), CONFIG)


def test_the_choice_is_the_same_each_time() -> None:
    assert chosen(sites(200))[:2] == chosen(sites(200))[:2]


def numbers(count: int = 300, length: int = 40) -> SequenceData:
    """Twice the GC content, and some noise."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, (count, length), dtype=np.uint8)
    values = 2.0 * np.isin(codes, (1, 2)).mean(axis=1) + 0.02 * rng.standard_normal(count)
    return SequenceData(codes, values[:, None].astype(np.float32))


@pytest.mark.parametrize("kind", ["regression", "counts", "multilabel", "classes"])
def test_every_task_has_baselines_and_trials_by_its_own_score(kind: str) -> None:
    data = numbers()
    values = data.targets[:, 0]
    above = values > np.median(values)
    targets = {
        "regression": values[:, None],
        "counts": np.round(20 * values)[:, None],
        "multilabel": np.stack([above, ~above], axis=1),
        "classes": np.stack([above, ~above], axis=1),
    }[kind].astype(np.float32)
    settings: Any = {"task": kind}
    config = msgspec.structs.replace(CONFIG, data=DataSettings(**settings))
    rest, validation = split_random(SequenceData(data.codes, targets), 0.25, 0, by_class=False)
    task, _ = make_task(rest, config)
    lines: list[str] = []
    found, scores = choose_network(rest, validation, config, get_backend("numpy"), lines.append, task)
    assert list(scores) == [TRAITS, "5-mers", "5-mers of one strand", POSITIONS]
    assert scores[TRAITS] > 0.8
    label = {"regression": "Pearson's r", "counts": "Pearson's r of log counts", "classes": "accuracy"}
    assert lines[0].startswith(f"auto: {label.get(kind, 'AUROC')} of baselines in validation: {TRAITS} ")
    assert any(line.startswith(f"auto: {found.model}, ") for line in lines)


def test_sequences_too_short_for_motifs_get_a_network_that_reads_them() -> None:
    rest, validation = split_random(
        SequenceData(numbers().codes[:, :9], numbers().targets), 0.25, 0, by_class=False
    )
    config, lines = msgspec.structs.replace(CONFIG, data=DataSettings(task="regression")), list[str]()
    task, _ = make_task(rest, config)
    refuse_unread(config.data, rest, config)
    found, _ = choose_network(rest, validation, config, get_backend("numpy"), lines.append, task)
    assert found.model == "site_cnn"
    assert lines[1] == "auto: site_cnn, as the sequences are short"
