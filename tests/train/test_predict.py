from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import Backend, get_backend
from genoml.models import build_model
from genoml.sequence import base_codes, reverse_complement
from genoml.train.predict import encode_batch, evaluate, predict, predict_outputs, runs_of, score_predictions
from support.planted import planted_data

MODEL = build_model("promoter_cnn", {"filters": 6})
CODES = np.random.default_rng(0).integers(0, 15, (23, 30), dtype=np.uint8)


def test_a_sequence_and_its_reverse_complement_get_the_same_score() -> None:
    assert np.array_equal(predict(MODEL, CODES), predict(MODEL, reverse_complement(CODES)))


def test_both_strands_are_the_mean_of_each() -> None:
    forward = predict_outputs(MODEL, CODES, both_strands=False)
    backward = predict_outputs(MODEL, reverse_complement(CODES), both_strands=False)
    assert not np.allclose(forward, backward)
    np.testing.assert_allclose(predict_outputs(MODEL, CODES), (forward + backward) / 2, rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 23, 1000])
def test_the_batch_size_changes_no_score(batch_size: int) -> None:
    np.testing.assert_allclose(
        predict_outputs(MODEL, CODES, batch_size=batch_size), predict_outputs(MODEL, CODES), atol=1e-6
    )


def test_probabilities_are_the_sigmoid_of_the_logits() -> None:
    np.testing.assert_allclose(
        predict(MODEL, CODES), 1 / (1 + np.exp(-predict_outputs(MODEL, CODES))), rtol=1e-6
    )


def test_predictions_come_to_the_host_from_every_backend(backend: Backend) -> None:
    found = predict(build_model("promoter_cnn", {"filters": 6}, backend=backend), CODES)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, predict(MODEL, CODES), atol=1e-5)


def test_a_batch_is_one_hot_with_the_channels_second() -> None:
    x = encode_batch(base_codes(["ACGTN"]), MODEL.backend, "float32", "uniform")
    expected = np.concatenate([np.eye(4), np.full((4, 1), 0.25)], axis=1)
    assert np.array_equal(x[0], expected.astype(np.float32))


def test_ambiguous_letters_are_read_as_asked() -> None:
    with pytest.raises(ValueError, match="ambiguous letter"):
        predict(MODEL, CODES, ambiguous="error")
    assert not np.allclose(predict(MODEL, CODES), predict(MODEL, CODES, ambiguous="iupac"))


def test_no_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one sequence"):
        predict(MODEL, CODES[:0])


def test_a_model_that_gives_no_number_is_refused_without_a_warning() -> None:
    model = build_model("promoter_cnn", {"filters": 6})
    model.params["dense.weights"] = model.params["dense.weights"] * np.float32(np.inf)
    with pytest.raises(ValueError, match=r"gives no number \(NaN\) for 23 of 23 sequences"):
        predict(model, CODES)


def test_evaluation_scores_the_first_task() -> None:
    data = planted_data(30)
    found = evaluate(MODEL, data)
    assert found == score_predictions(predict(MODEL, data.codes)[:, 0], data.targets[:, 0])
    assert list(found) == ["auroc", "aupr", "f1", "n_positives", "n_negatives"]
    assert found["n_positives"] == found["n_negatives"] == 30


def test_scores_of_a_hand_made_example() -> None:
    found = score_predictions(np.array([0.9, 0.4, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert found == pytest.approx(
        {"auroc": 0.75, "aupr": (1 + 2 / 3) / 2, "f1": 0.5, "n_positives": 2, "n_negatives": 2}
    )


def test_one_hot_in_the_place_of_codes_is_refused() -> None:
    model = build_model("promoter_cnn", {"filters": 4, "kernel_size": 6}, seed=0)
    expected = r"expects letters or uint8 base codes \(n, length\), got int8 \(2, 40, 4\)"
    with pytest.raises(TypeError, match=expected):
        predict(model, np.zeros((2, 40, 4), np.int8))


def test_runs_of_a_prediction_are_even_bounded_and_do_not_depend_on_threads() -> None:
    host = get_backend("numpy")

    def sizes(count: int, length: int, batch_size: int = 256) -> list[int]:
        runs = runs_of(np.zeros((count, length), np.uint8), batch_size, host)
        covered = [row for run in runs for row in range(count)[run]]
        assert covered == list(range(count))
        return [run.stop - run.start for run in runs]

    assert sizes(64, 200) == [32, 32]  # two threads have work
    assert sizes(256, 200) == [64] * 4
    assert sizes(7, 200, batch_size=2) == [1, 2, 2, 2]
    assert sizes(8, 2114) == [4, 4]
    assert sizes(8, 1 << 15) == [2, 2, 2, 2]  # long sequences
    assert sizes(1, 1 << 20) == [1]
