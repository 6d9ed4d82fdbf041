"""Design: goals, methods and ensembles, that constraints hold, and what is refused."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.design import (
    GC,
    Anneal,
    Avoid,
    Beam,
    Constraint,
    Designed,
    Fixed,
    Goal,
    Gradient,
    Insert,
    Keep,
    Maximise,
    Method,
    Minimise,
    MostEdits,
    NoRepeat,
    NoRun,
    Origin,
    Specific,
    Target,
    design,
)
from genoml.design.levels import Levels
from genoml.design.problem import Path
from genoml.design.scorer import Scorer
from genoml.nn import Conv1D, Dense, Flatten, GlobalMaxPool1D, Layer, Sequential
from genoml.sequence import base_codes, decode, gc_content, reverse_complement
from genoml.train import BinaryClassification, CellTypes, Counts, MultiClassification, Profile, Regression
from genoml.train.predict import predict, predict_outputs
from genoml.train.trained import Trained

LENGTH = 30
METHODS: list[str | Method] = [
    "evolve",
    "beam",
    Anneal(),
    Gradient(),
    Insert(["TGACTCA", "GATAAG"]),
]
RULES: list[Constraint] = [
    GC(0.3, 0.7),
    NoRun(4),
    NoRepeat(8),
    Avoid(["BsaI", "GGCC"]),
    MostEdits(8),
    Keep([(0, 3)]),
]


def network(outputs: int = 1, seed: int = 1, *, length: int | None = None) -> Sequential:
    if length is None:
        return Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, outputs)], seed=seed)
    return Sequential([Conv1D(4, 6, 5), Flatten(), Dense(6 * (length - 4), outputs)], seed=seed)


def starts(n: int = 4, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def wrong(found: Designed, constraints: list[Constraint]) -> int:
    origin = Origin(found.start[found.rows], found.rows)
    return int(sum(each.count(found.codes, origin).sum() for each in constraints))


def rounds_of(method: str | Method) -> int:
    return 30 if isinstance(method, Anneal | Gradient) else 6


# ------------------------------------------------------------ methods


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method).split("(")[0])
def test_a_design_is_better_than_its_start_and_keeps_to_the_constraints(
    method: str | Method, backend: Backend
) -> None:
    model = network()
    found = design(model, starts(), constraints=RULES, method=method, rounds=rounds_of(method), width=3)
    assert len(found.codes) + len(found.failed) == 4
    assert len(found.codes) >= 3
    assert wrong(found, RULES) == 0
    np.testing.assert_allclose(found.predictions, predict_outputs(model, found.codes, both_strands=False))
    np.testing.assert_allclose(found.scores, found.predictions[:, 0])
    assert (found.scores >= found.before[found.rows, 0] - 1e-6).all()
    assert (found.history[-1] > found.history[0]).any()
    if not isinstance(method, Gradient):  # whose best sequence may have a lower score and fewer edits
        assert (np.diff(found.history, axis=0) >= -1e-6).all()
    np.testing.assert_allclose(found.history[-1], found.scores, atol=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method).split("(")[0])
def test_the_same_seed_gives_the_same_bits_whatever_else_is_designed(method: str | Method) -> None:
    options = {"constraints": RULES, "method": method, "rounds": rounds_of(method), "width": 3, "seed": 5}
    first, again = (design(network(), starts(), **options) for _ in range(2))
    assert np.array_equal(first.codes, again.codes)
    assert np.array_equal(first.history, again.history)
    alone = design(network(), starts()[:2], **options)
    assert np.array_equal(alone.codes, first.codes[: len(alone.codes)])


def by_trying_each(model: Layer, codes: np.ndarray, constraints: list[Constraint], rounds: int) -> np.ndarray:
    """The best allowed change a round, each candidate computed whole."""
    start = codes.copy()
    for _ in range(rounds):
        every = np.repeat(codes[None], 4 * len(codes), axis=0)
        every[np.arange(len(every)), np.arange(len(every)) // 4] = np.arange(len(every)) % 4
        origin = Origin(np.repeat(start[None], len(every), 0), np.zeros(len(every), np.int64))
        good = sum(each.count(every, origin) for each in constraints) == 0
        scores = np.where(good, predict_outputs(model, every, both_strands=False)[:, 0], -np.inf)
        own = predict_outputs(model, codes[None], both_strands=False)[0, 0]
        if scores.max() <= own + 1e-6:
            break
        codes = every[scores.argmax()]
    return codes


@pytest.mark.parametrize("constraints", [[], [NoRun(3), Avoid(["GGC"]), MostEdits(3)]], ids=["free", "bound"])
def test_evolve_takes_the_best_allowed_change_of_each_round(constraints: list[Constraint]) -> None:
    model, codes = network(length=LENGTH), starts()
    found = design(model, codes, constraints=constraints, rounds=5)
    for row, made in zip(found.rows, found.codes, strict=True):
        if (
            sum(each.count(codes[row : row + 1], Origin.of(codes[row : row + 1])) for each in constraints)
            == 0
        ):
            assert np.array_equal(made, by_trying_each(model, codes[row], constraints, 5))


def test_a_beam_of_one_is_evolve() -> None:
    options = {"constraints": RULES, "rounds": 5}
    evolved = design(network(), starts(), **options)
    assert np.array_equal(design(network(), starts(), method=Beam(), width=1, **options).codes, evolved.codes)


@pytest.mark.parametrize(
    "constraints",
    [[], [GC(0.25, 0.5), NoRun(2), Avoid(["GAC"]), NoRepeat(4), MostEdits(6)]],
    ids=["free", "bound"],
)
def test_a_beam_as_wide_as_all_sequences_finds_what_exhaustive_search_finds(
    constraints: list[Constraint],
) -> None:
    model, start = network(seed=3), base_codes(["ACGTACTT"])
    every = np.array(list(product(range(4), repeat=8)), dtype=np.uint8)
    origin = Origin(np.repeat(start, len(every), 0), np.zeros(len(every), np.int64))
    good = sum(each.count(every, origin) for each in constraints) + np.zeros(len(every)) == 0
    best = predict_outputs(model, every[good], both_strands=False, batch_size=8192)[:, 0].max()
    found = design(model, start, constraints=constraints, method="beam", width=65_536, rounds=9)
    assert found.scores[0] == pytest.approx(best, abs=1e-6)


def test_an_inserted_motif_is_at_the_best_place_and_strand() -> None:
    model, (codes,) = network(length=LENGTH), starts(1)
    motif = base_codes(["TGACTCAG"])[0]
    candidates = np.array(
        [
            np.concatenate([codes[:at], word, codes[at + 8 :]])
            for at in range(LENGTH - 7)
            for word in (motif, reverse_complement(motif))
        ]
    )
    scores = predict_outputs(model, candidates, both_strands=False)[:, 0]
    found = design(model, codes[None], method=Insert(["TGACTCAG"]), rounds=1)
    assert np.array_equal(found.codes[0], candidates[scores.argmax()])
    kept = design(model, codes[None], method=Insert(["TGACTCAG"]), rounds=3, constraints=[Fixed(0, 20)])
    assert np.array_equal(kept.codes[0, :20], codes[:20])
    assert kept.edits[0]


def test_gradient_takes_back_the_edits_that_do_not_bring_what_they_cost() -> None:
    model = network()
    found = design(model, starts(), method=Gradient(penalty=0.02), rounds=40)
    for made, start in zip(found.codes, found.start, strict=True):
        own = predict_outputs(model, made[None], both_strands=False)[0, 0]
        for place in np.flatnonzero(made != start):
            back = made.copy()
            back[place] = start[place]
            assert predict_outputs(model, back[None], both_strands=False)[0, 0] < own - 0.02 + 1e-5


def test_both_strands_count_as_in_training() -> None:
    model = network(length=LENGTH)
    model.trained = Trained(Regression(), True, LENGTH)
    found = design(model, starts(), rounds=4)
    np.testing.assert_allclose(found.scores, predict(model, found.codes)[:, 0], rtol=1e-5)
    other = design(model, reverse_complement(starts()), rounds=4)
    np.testing.assert_allclose(np.sort(other.scores), np.sort(found.scores), rtol=1e-4)
    np.testing.assert_allclose(found.history[-1], found.scores, atol=1e-5)


# ------------------------------------------------------------ goals and ensembles


OBJECTIVES = {
    "outputs": None,
    "binary": BinaryClassification(),
    "classes": MultiClassification(),
    "regression": Regression(mean=(1.0, -2.0, 0.5), scale=(2.0, 0.5, 1.0)),
    "counts": Counts("poisson", log_rate=(0.5, 1.0, 0.0)),
    "cell types": CellTypes(),
}


def trained_for(name: str) -> Layer:
    model, objective = network(3), OBJECTIVES[name]
    if objective is not None:
        model.trained = Trained(objective, False, LENGTH)
    return model


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("method", ["evolve", "gradient"])
def test_predictions_move_as_the_goal_says(name: str, method: str) -> None:
    model = trained_for(name)
    options = {"method": method, "rounds": 25 if method == "gradient" else 3}

    def moved(goal: Goal) -> tuple[np.ndarray, np.ndarray]:
        found = design(model, starts(), goal=goal, **options)
        return found.before, found.predictions

    before, after = moved(Maximise(1))
    assert after[:, 1].mean() > before[:, 1].mean()
    before, after = moved(Minimise(1))
    assert after[:, 1].mean() < before[:, 1].mean()
    wanted = {0: before[0, 0], 2: before[1, 2]}
    before, after = moved(Target(wanted))
    errors = [
        np.abs(each[:, list(wanted)] - list(wanted.values())).sum(axis=1)[2:].mean()
        for each in (before, after)
    ]
    assert errors[1] < errors[0]


def test_specific_widens_the_gap_to_the_highest_of_the_others() -> None:
    found = design(network(3), starts(), goal=Specific(1), rounds=4)

    def gap(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[:, 1] - values[:, [0, 2]].max(axis=1))

    np.testing.assert_allclose(found.scores, gap(found.predictions), atol=1e-6)
    assert (gap(found.predictions) > gap(found.before)).all()
    against = design(network(3), starts(), goal=Specific(1, against=[2]), rounds=4)
    np.testing.assert_allclose(
        against.scores, against.predictions[:, 1] - against.predictions[:, 2], atol=1e-6
    )


def test_reads_of_profiles_are_a_goal() -> None:
    model = Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, 2 * 11)], seed=1)
    model.trained = Trained(
        Profile(2, 10, strands="+-", count_weight=1.0, task_names=("plus", "minus")), True, LENGTH
    )
    for method in ("evolve", "gradient"):
        found = design(model, starts(), goal=Maximise("minus"), method=method, rounds=8)
        assert found.names == ("plus", "minus")
        assert found.predictions.shape == (4, 2)
        np.testing.assert_allclose(
            np.log1p(found.predictions[:, 1]), np.maximum(found.scores, 0.0), atol=1e-5
        )
        assert found.scores.mean() > np.log1p(found.before[:, 1]).mean()


@pytest.mark.parametrize("ensemble", ["mean", "minimum", 1.5])
def test_an_ensemble_is_judged_by_its_mean_its_worst_or_its_spread(ensemble: str | float) -> None:
    models = [network(seed=seed) for seed in (1, 2, 3)]
    for method in ("evolve", "gradient"):
        found = design(models, starts(), ensemble=ensemble, method=method, rounds=20)
        every = np.stack([predict_outputs(each, found.codes, both_strands=False)[:, 0] for each in models])
        mean = every.mean(axis=0)
        expected = {"mean": mean, "minimum": every.min(axis=0)}.get(ensemble, mean - 1.5 * every.std(axis=0))
        np.testing.assert_allclose(found.scores, expected, atol=1e-6)
        np.testing.assert_allclose(found.predictions[:, 0], mean, atol=1e-6)
        assert (found.scores >= found.history[0]).all()


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("ensemble", ["mean", "minimum", 1.5])
def test_the_gradient_of_the_score_is_that_of_differences(name: str, ensemble: str | float) -> None:
    scorer = Scorer.of([trained_for(name)] * 2, Target({0: 0.4, 2: 0.3}), ensemble, starts(2))
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(2, 5, 3))[:, :, : len(scorer.members[0].columns)]
    direction = rng.normal(size=outputs.shape)

    def score(values: np.ndarray) -> np.ndarray:
        return scorer._combined(
            [scorer._score(each, own) for each, own in zip(scorer.members, values, strict=True)]
        )

    def by_outputs(member: Levels, own: np.ndarray, weight: np.ndarray) -> np.ndarray:
        grad = weight[:, None] * scorer.goal.gradient(member.levels(own), scorer.wanted)
        return member.pulled(own, grad)

    scores = np.stack([scorer._score(each, own) for each, own in zip(scorer.members, outputs, strict=True)])
    rows = zip(scorer.members, outputs, scorer._weights(scores), strict=True)
    slope = sum((by_outputs(*row) * way).sum(axis=1) for row, way in zip(rows, direction, strict=True))
    step = 1e-6
    expected = (score(outputs + step * direction) - score(outputs - step * direction)) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------ constraints hold


def test_designs_for_the_bench_hold_in_every_one() -> None:
    rules = [Avoid(["BsaI", "BsmBI", "EcoRI"]), GC(0.35, 0.65), NoRun(6)]
    codes = starts(60, 200)
    codes[:20, 50:56] = base_codes(["GAATTC"])
    codes[20:40, :120] = np.where(codes[20:40, :120] < 2, 0, codes[20:40, :120])  # too few G and C, or runs
    found = design(network(), codes, constraints=rules, rounds=3)
    assert found.failed == ()
    letters = decode(found.codes)
    for text in letters:
        for strand in (text, str(reverse_complement(text))):
            assert not any(site in strand for site in ("GGTCTC", "CGTCTC", "GAATTC"))
        assert not any(base * 7 in text for base in "ACGT")
    gc = gc_content(letters)
    assert ((gc >= 0.35) & (gc <= 0.65)).all()


def test_a_start_that_cannot_be_repaired_has_failed_and_is_not_returned() -> None:
    codes = starts(3)
    codes[1, 4:10] = base_codes(["GAATTC"])
    rules = [Avoid(["EcoRI"]), Fixed(2, 12)]
    found = design(network(), codes, constraints=rules, rounds=2)
    assert found.failed == (1,)
    assert found.rows.tolist() == [0, 2]
    assert found.violations == {
        1: ["Avoid(EcoRI): GAATTC at 4", "Avoid(EcoRI) and Fixed(2, 12) allow no change"]
    }


def test_a_method_that_breaks_a_constraint_has_failed() -> None:
    class Careless(Method):
        def run(self, problem, codes, rows, rounds, width):  # type: ignore[no-untyped-def]
            return Path(np.zeros_like(codes), [np.zeros(len(codes))])

    found = design(network(), starts(), constraints=[NoRun(4)], method=Careless())
    assert found.codes.shape == (0, LENGTH)
    assert found.failed == (0, 1, 2, 3)
    assert "NoRun(4): AAAAA at 0" in found.violations[0][0]


def test_edits_are_named_by_place_and_bases_and_count_from_the_start() -> None:
    codes = base_codes(["ACGT" + "TGAATTCA" + "ACGTGTCA"])
    found = design(network(), codes, constraints=[Avoid(["EcoRI"]), MostEdits(1)], rounds=5)
    (edit,) = found.edits[0]
    place = int(edit[1:-1])
    assert 5 <= place <= 10
    assert edit == f"{decode(codes[0])[place]}{place}{decode(found.codes[0])[place]}"


def test_letters_and_a_length_are_starts() -> None:
    found = design(network(), "ACGTACGTAGCTAG", rounds=1)
    assert str(decode(found.start[0])) == "ACGTACGTAGCTAG"
    drawn = [design(network(), 20, rounds=1, seed=seed).start for seed in (0, 0, 1)]
    assert drawn[0].shape == (1, 20)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


# ------------------------------------------------------------ what is refused


def named() -> Layer:
    model = network(2, length=LENGTH)
    model.trained = Trained(Regression(task_names=("dev", "hk")), False, LENGTH)
    return model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": Maximise("liver")}, "no task is named 'liver'; there are dev, hk"),
        ({"goal": Target({"dev": 1.0, 2: 0.0})}, "no task is named 2; there are dev, hk"),
        ({"goal": Target({"dev": float("nan")})}, "Target expects finite values, got nan"),
        ({"goal": Specific("dev", against=["dev"])}, "another task beside 'dev'"),
        ({"start": starts(1, 20)}, "expects sequences of 30 bp, which the model was trained on, got 20 bp"),
        ({"start": ["ACGTN" * 6]}, "start 0 expects A, C, G and T, got N at position 4"),
        ({"start": starts(1).astype(np.int64)}, "as letters or uint8 codes, got int64"),
        ({"start": 0}, "a start of at least one base"),
        ({"model": []}, "got an empty list"),
        ({"method": "climb"}, "'evolve', 'beam', 'anneal' or 'gradient'"),
        ({"method": Insert(["ACGT" * 8])}, "motifs of at most 30 bases"),
        ({"constraints": [GC(0.4, 0.6, window=40)]}, "a window of at most 30 bp"),
        (
            {"start": ["A" * 30], "constraints": [NoRun(40), GC(0.8, 1.0), Avoid(["S"])]},
            r"contradict each other at the start: GC\(0.8, 1\) and Avoid\(S\) allow no change",
        ),
        (
            {"start": ["A" * 30], "constraints": [Fixed(0, 30), GC(0.8, 1.0)]},
            r"at the start: Fixed\(0, 30\) allows no change",
        ),
    ],
)
def test_what_is_refused(options: dict[str, object], message: str) -> None:
    given = {"model": named(), "start": starts(2), **options}
    with pytest.raises((ValueError, TypeError), match=message):
        design(given.pop("model"), given.pop("start"), **given)


def test_models_of_an_ensemble_have_the_same_tasks() -> None:
    other = network(2, length=LENGTH)
    other.trained = Trained(Regression(task_names=("dev", "brain")), False, LENGTH)
    with pytest.raises(
        ValueError, match=r"same tasks; model 0 has Regression of dev, hk, model 1 .* dev, brain"
    ):
        design([named(), other], starts(2))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("binary", 1.0, "probabilities between 0 and 1"),
        ("counts", 0.0, "rates above 0"),
        ("cell types", -1.0, "above 0"),
    ],
)
def test_a_target_that_no_prediction_reaches_is_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        design(trained_for(name), starts(1), goal=Target({0: value}))


@pytest.mark.parametrize("motifs", ["ACGT", []])
def test_motifs_are_a_list(motifs: object) -> None:
    with pytest.raises(TypeError, match="Insert expects a list of motifs"):
        Insert(motifs)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="motifs of A, C, G and T, got 'ACN'"):
        Insert(["ACN"])
