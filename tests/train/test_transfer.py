from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.data import Augmentation, SequenceData
from genoml.metrics import auroc
from genoml.models import build_model
from genoml.nn import BatchNorm1D, Conv1D, Dense, Ensemble, GlobalMaxPool1D, Layer, Sequential
from genoml.nn.layer import EVALUATION, Pass, Pullback
from genoml.optim import SGD, AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import base_codes
from genoml.train import Callback, FitOptions, fit, take_weights
from genoml.train.predict import predict
from support.planted import planted_data


def network(seed: int = 0, outputs: int = 1) -> Sequential:
    return Sequential(
        {
            "conv": Conv1D(4, 6, 8, bias=False, activation=None),
            "norm": BatchNorm1D(6),
            "pool": GlobalMaxPool1D(),
            "head": Dense(6, outputs),
        },
        seed=seed,
    )


def options(**changes: Any) -> FitOptions:
    return FitOptions(**{"epochs": 3, "batch_size": 16, "optimizer": AdamW(0.03)} | changes)


def arrays(model: Layer) -> dict[str, np.ndarray]:
    return {
        path: np.array(model.backend.to_numpy(value))
        for path, value in [*model.params.items(), *model.state.items()]
    }


def equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[str]:
    return [path for path in first if np.array_equal(first[path], second[path])]


TRUNK = ["conv.weights", "norm.gamma", "norm.beta", "norm.running_mean", "norm.running_var"]


# ---------------------------------------------------------------- weights of another network


def test_weights_are_taken_by_path_and_shape_and_the_rest_is_listed() -> None:
    source, model = network(1, outputs=3), network(2)
    before = arrays(model)
    taken = take_weights(model, source)
    after = arrays(model)
    assert sorted(taken.taken) == sorted(TRUNK)
    assert set(equal(after, arrays(source))) == set(TRUNK)
    assert equal(after, before)[-2:] == ["norm.running_mean", "norm.running_var"]
    assert taken.left == {
        "head.weights": "(6, 1) here, (6, 3) there",
        "head.bias": "(1,) here, (3,) there",
    }
    assert str(taken) == (
        "5 of 7 arrays taken; left as they were: head.weights ((6, 1) here, (6, 3) there), "
        "head.bias ((1,) here, (3,) there)"
    )


def test_arrays_without_a_place_are_listed_and_nothing_is_shared() -> None:
    source = {"conv.weights": np.ones((6, 4, 8)), "tail.weights": np.ones(3)}
    model = network()
    taken = take_weights(model, source)
    assert taken.unused == ("tail.weights",)
    assert "without a place here: tail.weights" in str(taken)
    source["conv.weights"][:] = 7.0
    assert float(np.max(model.backend.to_numpy(model.params["conv.weights"]))) == 1.0


def test_a_network_of_which_nothing_fits_is_refused() -> None:
    with pytest.raises(ValueError, match=r"init: no array of it fits the model; dense.weights \(not there\)"):
        take_weights(Sequential({"dense": Dense(3, 1)}), network())
    with pytest.raises(TypeError, match="init expects a Layer, such as load_run"):
        take_weights(network(), "run")  # type: ignore[arg-type]


def test_weights_that_are_not_finite_are_refused_and_the_model_stays() -> None:
    model = network()
    before = arrays(model)
    with pytest.raises(ValueError, match=r"init: conv.weights holds values that are no finite"):
        take_weights(model, {"head.bias": np.zeros(1), "conv.weights": np.full((6, 4, 8), np.nan)})
    assert len(equal(arrays(model), before)) == len(before)


def test_fit_begins_with_the_weights_of_init_and_says_what_did_not_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = network(5, outputs=2)
    first = network(0)
    history = fit(
        first,
        planted_data(20),
        init=source,
        options=options(epochs=1, freeze=("conv*", "norm*")),
        progress=True,
    )
    assert history.init is not None
    assert list(history.init.left) == ["head.weights", "head.bias"]
    assert set(equal(arrays(first), arrays(source))) == set(TRUNK)
    assert capsys.readouterr().err.startswith("init: 5 of 7 arrays taken; left as they were: head.weights")


# ---------------------------------------------------------------- frozen parameters


@pytest.mark.parametrize("threads", [1, 2])
def test_frozen_parameters_and_statistics_keep_their_bits_in_every_kept_weight(threads: int) -> None:
    model, seen = network(), list[dict[str, np.ndarray]]()
    before = arrays(model)
    fit(
        model,
        planted_data(40),
        validation=planted_data(20, seed=1),
        options=options(
            freeze=("conv*", "norm.*"),
            average_decay=0.9,
            max_weight_norm=0.01,
            max_grad_norm=1.0,
            threads=threads,
        ),
        callback=lambda record: seen.append(arrays(model)),
    )
    for after in [*seen, arrays(model)]:
        assert equal(before, after) == TRUNK


def test_frozen_layers_without_the_batch_norm_let_its_statistics_follow() -> None:
    model = network()
    before = arrays(model)
    fit(model, planted_data(20), options=options(freeze=("conv.weights",)))
    assert equal(before, arrays(model)) == ["conv.weights"]


def test_training_with_frozen_parameters_resumes_bitwise(tmp_path: Path) -> None:
    class Stop:
        def step(self, step: int, loss: float, examples: int) -> None:
            if step == 7:
                raise KeyboardInterrupt

        def epoch(self, record: dict[str, float], improved: bool) -> None:
            pass

    def train(
        folder: str, *, callback: Callback | None = None, resume: bool = False
    ) -> dict[str, np.ndarray]:
        model = network()
        settings = options(freeze=("conv*", "norm*"), learning_rates={"head.bias": 0.3}, average_decay=0.9)
        fit(
            model, planted_data(40), validation=planted_data(20, seed=1), options=settings, init=network(3, 2),
            callback=callback, checkpoints=tmp_path / folder, resume=resume,
        )  # fmt: skip
        return arrays(model)

    whole = train("whole")
    train("stopped", callback=Stop())
    assert len(equal(whole, train("stopped", resume=True))) == len(whole)


def test_a_checkpoint_is_not_taken_up_with_other_frozen_parameters(tmp_path: Path) -> None:
    fit(network(), planted_data(20), options=options(epochs=1), checkpoints=tmp_path)
    with pytest.raises(ValueError, match=r"was begun with freeze = \(\), got \('conv\*'\)"):
        fit(
            network(),
            planted_data(20),
            options=options(epochs=1, freeze=("conv*",)),
            checkpoints=tmp_path,
            resume=True,
        )


def test_a_pattern_that_matches_nothing_or_everything_is_an_error() -> None:
    data = planted_data(20)
    with pytest.raises(
        ValueError, match=r"freeze: 'cnov\*' matches no parameter; there are conv.weights, norm.gamma"
    ):
        fit(network(), data, options=options(freeze=("cnov*",)))
    with pytest.raises(ValueError, match=r"freeze: \* matches every parameter, so that none is trained"):
        fit(network(), data, options=options(freeze=("*",)))
    with pytest.raises(TypeError, match=r"FitOptions expects freeze, a list, got 'conv\*'"):
        options(freeze="conv*")


def test_patterns_of_an_ensemble_may_leave_out_the_member() -> None:
    model = Ensemble([network(0), network(1)])
    before = arrays(model)
    fit(
        model,
        planted_data(20),
        options=options(epochs=1, freeze=("conv*", "1.norm.*"), learning_rates={"head.*": 0.1}),
    )
    assert equal(before, arrays(model)) == [
        "0.conv.weights", "1.conv.weights", "1.norm.gamma", "1.norm.beta", "1.norm.running_mean", "1.norm.running_var",
    ]  # fmt: skip


class Stubborn(Sequential):
    """A container of one's own that does not tell its layers what is frozen."""

    def vjp(self, x: Any, run: Pass = EVALUATION) -> tuple[Any, Pullback]:
        return self[0].vjp(x, run)


def test_a_container_that_hides_what_is_frozen_is_an_error() -> None:
    model = Sequential({"trunk": Stubborn([BatchNorm1D(4)]), "pool": GlobalMaxPool1D(), "head": Dense(4, 1)})
    with pytest.raises(ValueError, match=r"freeze: trunk.0.running_(mean|var) has changed in a step"):
        fit(model, planted_data(20), options=options(freeze=("trunk*",)))


# ---------------------------------------------------------------- learning rates of their own


def test_a_learning_rate_by_pattern_moves_those_parameters_by_it() -> None:
    data, moved = planted_data(20), list[dict[str, np.ndarray]]()
    for rates in ({}, {"head.*": 0.05}):
        model = network()
        before = arrays(model)
        # one step of gradient descent moves each parameter in proportion to its rate
        fit(model, data, options=options(epochs=1, batch_size=40, optimizer=SGD(0.1), learning_rates=rates))
        after = arrays(model)
        moved.append({path: after[path] - before[path] for path in model.params})
    np.testing.assert_array_equal(moved[1]["conv.weights"], moved[0]["conv.weights"])
    np.testing.assert_allclose(moved[1]["head.weights"], 0.5 * moved[0]["head.weights"], rtol=1e-4)


def test_bad_learning_rates_are_refused() -> None:
    data = planted_data(20)
    with pytest.raises(ValueError, match=r"learning_rates: 'haed' matches no parameter"):
        fit(network(), data, options=options(learning_rates={"haed": 0.1}))
    with pytest.raises(ValueError, match=r"learning_rates: every parameter that 'conv\*' matches is frozen"):
        fit(network(), data, options=options(freeze=("conv*",), learning_rates={"conv*": 0.1}))
    with pytest.raises(ValueError, match=r"learning_rates: head.bias matches 'head\*' and '\*.bias'"):
        fit(network(), data, options=options(learning_rates={"head*": 0.1, "*.bias": 0.2}))
    with pytest.raises(ValueError, match=r"FitOptions expects learning_rates\['head\*'\] > 0, got 0"):
        options(learning_rates={"head*": 0})
    with pytest.raises(TypeError, match=r"FitOptions expects learning_rates, a dict, got list"):
        options(learning_rates=[0.1])


# ---------------------------------------------------------------- what it is for

#: weak sites of four factors; each cell type is open where its own score of them is above 0
SITES = base_codes(["TGACTCAT", "GGGCGGAA", "ATTTGCAT", "CACGTGCC"])
FIRST_CELL, SECOND_CELL = (2, -1, -1, 1), (-1, 2, 1, -1)


def regions(count: int, cell: tuple[int, ...], seed: int) -> SequenceData:
    """Regions of 60 bp with each site by chance, up to 2 of its 8 bases changed, and whether the cell is open there."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (count, 60), dtype=np.uint8)
    present = rng.random((count, 4)) < 0.5
    for row, factor in np.argwhere(present):
        site = SITES[factor].copy()
        changed = rng.choice(8, rng.integers(0, 3), replace=False)
        site[changed] = rng.integers(0, 4, len(changed))
        start = 15 * factor + rng.integers(0, 8)
        codes[row, start : start + 8] = site
    return SequenceData(codes, (present @ np.array(cell) > 0)[:, None].astype(np.float32))


def trained(model: Layer, data: SequenceData, epochs: int, **changes: Any) -> Layer:
    settings = FitOptions(
        epochs=epochs, optimizer=AdamW(0.01, weight_decay=0.05),
        schedule=one_cycle(epochs * -(-len(data) // 64)), augmentation=Augmentation(False), **changes,
    )  # fmt: skip
    fit(model, data, options=settings)
    return model


def test_500_sequences_with_a_renewed_head_reach_what_2000_reach_from_nothing() -> None:
    sizes = {
        "filters": 32,
        "kernel_size": 9,
        "pool_size": 4,
        "second_filters": 32,
        "dropout": (0.1, 0.1, 0.2),
    }
    first = trained(build_model("motif_cnn", sizes, seed=1), regions(7000, FIRST_CELL, 1), 6)
    held_out = regions(2000, SECOND_CELL, 99)

    def score(model: Layer) -> float:
        return float(auroc(predict(model, held_out.codes)[:, 0], held_out.targets[:, 0]))

    from_nothing = score(trained(build_model("motif_cnn", sizes), regions(2000, SECOND_CELL, 21), 15))
    few = regions(500, SECOND_CELL, 11)
    first["dense"] = Dense(64, 1, seed=2)  # type: ignore[index]
    transferred = score(trained(first, few, 30, freeze=("scan*",)))
    assert transferred >= from_nothing
    assert transferred > score(trained(build_model("motif_cnn", sizes), few, 30)) + 0.04
