"""``fit``, ``predict`` and ``evaluate`` of profile networks, on reads that lie around a planted motif."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, use_backend
from genoml.data import Augmentation, ProfileData, SequenceData, profile_data, split_by_group
from genoml.models import bias_factorised, build_model
from genoml.nn.layer import Layer
from genoml.optim import AdamW
from genoml.runs import load_run, save_run
from genoml.sequence import decode
from genoml.sequence.strand import reverse_complement
from genoml.train import Checkpoints, FitOptions, Profile, fit
from genoml.train.predict import encode_batch, evaluate, predict, predict_outputs
from support.profiles import Planted, planted_profiles

LENGTH, PROFILE = 84, 40
SIZES = {
    "profile_length_bp": PROFILE, "filters": 8, "kernel_size": 11, "dilated_layers": 2, "profile_kernel_size": 9,
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted_profiles(tmp_path_factory.mktemp("planted"), 60)


def data_of(planted: Planted, **more: Any) -> ProfileData:
    return profile_data(
        planted.genome, planted.sites, [planted.plus, planted.minus], strands="+-", length_bp=LENGTH,
        profile_bp=PROFILE, outlier_quantile=None, **more,
    )  # fmt: skip


def options(**changes: Any) -> FitOptions:
    given: dict[str, Any] = {
        "epochs": 3, "batch_size": 20, "optimizer": AdamW(0.01), "objective": Profile(2, PROFILE),
        "augmentation": Augmentation(shift_bp=8),
    }  # fmt: skip
    return FitOptions(**(given | changes))


def network(**more: Any) -> Layer:
    return build_model("bpnet", SIZES | {"tracks": 2} | more)


def test_a_network_learns_where_the_reads_lie(planted: Planted) -> None:
    rest, held_out = split_by_group(data_of(planted), ["chr2"])
    model = network()
    history = fit(model, rest, validation=held_out, options=options(epochs=25, optimizer=AdamW(0.02)))
    scores = evaluate(model, held_out)
    assert history.best is not None
    assert scores["profile_jsd"] == pytest.approx(history.best["validation_profile_jsd"], rel=1e-5)
    assert scores["profile_jsd"] < 0.75 * scores["mean_profile_jsd"]
    assert scores["counts_pearson"] > 0.3
    assert scores["n_examples"] == 60
    reads = predict(model, held_out.codes)
    assert reads.shape == (60, 2, PROFILE)
    assert np.corrcoef(reads.sum(axis=(1, 2)), held_out.totals.sum(axis=1))[0, 1] > 0.3


def test_the_weight_of_the_counts_is_that_of_the_training_data(planted: Planted) -> None:
    data = data_of(planted)
    model = network()
    fit(model, data, options=options(epochs=1))
    assert model.trained.objective.count_weight == pytest.approx(data.totals.mean() / 10)
    assert model.trained.objective.strands == "+-"
    with pytest.raises(ValueError, match=r"expects genoml.data.ProfileData, .*, got SequenceData"):
        fit(model, SequenceData(data.codes, np.zeros((len(data), 2), np.float32)), options=options())
    with pytest.raises(ValueError, match=r"Profile has strands '\.\.', and the data '\+-'"):
        fit(model, data, options=options(objective=Profile(2, PROFILE, strands="..")))


def test_a_prediction_is_the_same_for_both_strands(planted: Planted) -> None:
    data = data_of(planted, control=[planted.minus, planted.plus])
    model = network(control_tracks=2)
    fit(model, data, options=options(epochs=1))
    codes, control = np.asarray(data.codes), np.asarray(data.control)
    other = replace(data, codes=reverse_complement(codes), control=control[:, ::-1, ::-1])
    plain, turned = predict_outputs(model, data), predict_outputs(model, other)
    np.testing.assert_allclose(model.trained.objective.turned(turned), plain, atol=1e-5)
    without = replace(data, control=np.zeros_like(control))
    assert not np.allclose(plain, predict_outputs(model, without))
    np.testing.assert_array_equal(predict_outputs(model, without), predict_outputs(model, codes))


def test_lazy_and_prefetched_reading_changes_no_bit(planted: Planted, backend: Backend) -> None:
    def trained(prefetch: int) -> dict[str, np.ndarray]:
        with use_backend(backend):
            model = network(control_tracks=1)
        data = data_of(planted, control=planted.minus)
        fit(model, data, options=options(epochs=1, prefetch=prefetch))
        return {name: backend.to_numpy(value) for name, value in model.params.items()}

    one, other = trained(0), trained(2)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_training_on_profiles_is_resumed_to_the_same_bits(planted: Planted, tmp_path: Path) -> None:
    rest, held_out = split_by_group(data_of(planted, control=planted.minus), ["chr2"])
    whole = network(control_tracks=1)
    fit(whole, rest, validation=held_out, options=options())

    def stop(record: dict[str, float]) -> None:
        if record["epoch"] == 1:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fit(
            network(control_tracks=1), rest, validation=held_out, options=options(),
            checkpoints=Checkpoints(tmp_path, every_steps=1), callback=stop,
        )  # fmt: skip
    resumed = network(control_tracks=1)
    fit(resumed, rest, validation=held_out, options=options(), checkpoints=tmp_path, resume=True)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(value, resumed.params[name])


def test_a_frozen_bias_model_stays_as_it_is_to_the_last_bit(planted: Planted) -> None:
    data = data_of(planted)
    bias = network(filters=4)
    fit(bias, data, options=options(epochs=1))
    before = {name: np.array(value) for name, value in bias.params.items()}
    codes = np.asarray(data.codes)[:5]
    model = bias_factorised(network(), bias, 2)
    fit(model, data, options=options(average_decay=0.9, epochs=2))
    for name, value in before.items():
        np.testing.assert_array_equal(value, model.state[f"bias.params.{name}"])
    assert not any(name.startswith("bias") for name in model.params)
    x = encode_batch(codes, model.backend, "float32", "zero")
    parts = [np.asarray(each(x)) for each in (model, model["network"], bias)]
    logits = 2 * PROFILE
    np.testing.assert_allclose(parts[0][:, :logits], (parts[1] + parts[2])[:, :logits], atol=1e-5)
    np.testing.assert_allclose(
        parts[0][:, logits:], np.logaddexp(parts[1][:, logits:], parts[2][:, logits:]), rtol=1e-5
    )


def test_a_run_folder_keeps_a_profile_network_with_its_bias(planted: Planted, tmp_path: Path) -> None:
    data = data_of(planted)
    model = bias_factorised(network(), network(filters=4), 2)
    fit(model, data, options=options(epochs=1))
    save_run(model, tmp_path / "run")
    run = load_run(tmp_path / "run")
    letters = decode(np.asarray(data.codes)[:4])
    np.testing.assert_array_equal(run.predict(letters), predict(model, letters))
    assert run.objective == model.trained.objective
