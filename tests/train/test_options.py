"""What fit and its options are given: kinds, ranges, and a function as callback."""

from __future__ import annotations

from typing import Any, cast

import pytest

from genoml.models import build_model
from genoml.nn import Layer
from genoml.optim import AdamW
from genoml.train import FitOptions, TensorBoard, fit
from support.planted import planted_data


def small_model() -> Layer:
    return build_model("promoter_cnn", {"filters": 6, "kernel_size": 8}, seed=0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"objective": "regression"},
            r"objective of kind Objective, such as Regression\(\), got 'regression'",
        ),
        ({"optimizer": "adam"}, r"optimizer of kind Optimizer, such as AdamW\(1e-3\), got 'adam'"),
        ({"optimizer": AdamW}, "optimizer .* got the class AdamW"),
        ({"sampler": "balanced"}, "sampler of kind Sampler"),
        ({"augmentation": True}, "augmentation of kind Augmentation, .* got True"),
        ({"schedule": 0.1}, "schedule, a function, got 0.1"),
        ({"penalties": (0.1,)}, r"penalties\[0\], a function, got 0.1"),
        ({"epochs": "3"}, "epochs, a whole number, got '3'"),
        ({"batch_size": 6.4}, "batch_size, a whole number, got 6.4"),
        ({"max_grad_norm": "3"}, "max_grad_norm, a number, got '3'"),
        ({"penalties": print}, "penalties, a list, got builtin"),
    ],
)
def test_an_option_of_another_kind_is_named_with_what_to_write(given: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=f"FitOptions expects {words}"):
        FitOptions(**given)


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("batch_size", 0), ("patience", 0), ("seed", -1)])
def test_a_number_out_of_range_is_refused_before_training(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"FitOptions expects {name} >= "):
        FitOptions(**{name: value})


def test_another_decay_or_rule_for_ambiguous_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="FitOptions expects 0 <= average_decay < 1, got 2"):
        FitOptions(average_decay=2)
    with pytest.raises(ValueError, match="ambiguous 'zero', 'uniform', 'iupac' or 'error', got 'zeroo'"):
        FitOptions(ambiguous="zeroo")


def test_an_argument_of_another_kind_is_named_with_what_to_write() -> None:
    data, model = planted_data(4), small_model()
    given: Any
    for given, words in (
        ({"model": "motif_cnn"}, r"model of kind Layer, such as Sequential\(\[...\]\), got 'motif_cnn'"),
        ({"options": {"epochs": 3}}, r"options of kind FitOptions, such as FitOptions\(epochs=3\), got dict"),
        ({"callback": TensorBoard}, "callback, .* got the class TensorBoard"),
        ({"callback": 3}, "callback, .* got int"),
    ):
        with pytest.raises(TypeError, match=f"^fit expects {words}"):
            fit(**{"model": model, "data": data} | given)
    for given in ({"data": data.codes}, {"validation": data.codes}):
        with pytest.raises(TypeError, match=r"^expects SequenceData or a pair .*, got ndarray"):
            fit(**{"model": model, "data": data} | given)
    with pytest.raises(ValueError, match="progress 'auto', True, False or None, got 'bar'"):
        fit(model, data, progress=cast(Any, "bar"))


def test_a_function_as_callback_is_given_the_record_of_each_epoch() -> None:
    seen: list[dict[str, float]] = []
    history = fit(
        small_model(), planted_data(8), options=FitOptions(epochs=2, batch_size=16), callback=seen.append
    )
    assert seen == history.epochs
