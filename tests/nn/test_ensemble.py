from __future__ import annotations

import numpy as np
import pytest

from genoml.data import Augmentation
from genoml.explain import in_silico_mutagenesis, saliency
from genoml.models import build_model
from genoml.nn import Conv1D, Dense, Ensemble, GlobalMaxPool1D, Layer, Sequential
from genoml.optim import AdamW
from genoml.sequence import decode
from genoml.train import FitOptions, fit
from genoml.train.objectives import MultiClassification
from genoml.train.predict import predict_outputs
from support.planted import planted_data


def members(count: int = 3) -> list[Layer]:
    found = [
        build_model("promoter_cnn", {"filters": 6, "kernel_size": 8}, seed=seed) for seed in range(count)
    ]
    for member in found:
        member.draw()  # an ensemble would give it a path and seed of its own
    return found


def options(**changes: object) -> FitOptions:
    plain = {"epochs": 2, "batch_size": 16, "optimizer": AdamW(0.03), "augmentation": Augmentation(False)}
    return FitOptions(**plain | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 2])
def test_every_member_is_trained_as_it_would_be_alone(threads: int) -> None:
    data = planted_data(40)
    together = Ensemble(members())
    history = fit(together, data, options=options(threads=threads, average_decay=0.9, max_weight_norm=3.0))
    losses = []
    for number, alone in enumerate(members()):
        seen = fit(alone, data, options=options(average_decay=0.9, max_weight_norm=3.0))
        losses.append(seen.epochs[-1]["loss"])
        for path, value in together[number].params.items():
            np.testing.assert_allclose(value, alone.params[path], rtol=2e-4, atol=2e-6)
    assert history.epochs[-1]["loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_members_in_place_differ_by_their_paths() -> None:
    same = Ensemble([Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D()]) for _ in range(2)], seed=3)
    assert not np.array_equal(same.params["0.0.weights"], same.params["1.0.weights"])


def test_prediction_and_explanation_go_by_the_mean_of_the_outputs() -> None:
    data = planted_data(10)
    model = Ensemble(members())
    outputs = np.mean([predict_outputs(member, data.codes) for member in model], axis=0)
    np.testing.assert_allclose(predict_outputs(model, data.codes), outputs, rtol=1e-5)
    codes = data.codes[:3]
    own = np.mean([saliency(member, codes).actual for member in model], axis=0)
    np.testing.assert_allclose(saliency(model, codes).actual, own, rtol=1e-4, atol=1e-6)
    own = np.mean([in_silico_mutagenesis(member, codes) for member in model], axis=0)
    np.testing.assert_allclose(in_silico_mutagenesis(model, codes), own, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(in_silico_mutagenesis(model, codes, windows=False), own, rtol=1e-4, atol=1e-6)


def test_an_ensemble_learns_classes_from_the_softmax_of_each_member() -> None:
    data = planted_data(20)
    both = (list(decode(data.codes)), np.concatenate([data.targets, 1 - data.targets], axis=1))
    model = Ensemble([Sequential([Conv1D(4, 6, 8), GlobalMaxPool1D(), Dense(6, 2)]) for _ in range(2)])
    history = fit(model, both, options=options(epochs=8, objective=MultiClassification()))
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]


def test_members_of_other_outputs_are_refused() -> None:
    model = Ensemble([Sequential([Conv1D(4, n, 3), GlobalMaxPool1D()]) for n in (1, 2)])
    with pytest.raises(ValueError, match=r"Ensemble expects members that give \(batch, outputs\), got"):
        model(np.zeros((2, 4, 9), np.float32))
