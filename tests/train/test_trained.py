from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from genoml.data import Augmentation, SequenceData, table_data
from genoml.explain import attention_maps, in_silico_mutagenesis, saliency
from genoml.models import build_model
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.sequence import base_codes, decode, reverse_complement
from genoml.train import (
    BinaryClassification,
    Counts,
    FitOptions,
    MultiClassification,
    Objective,
    Regression,
    Trained,
    fit,
)
from genoml.train.predict import evaluate, predict, predict_frame, predict_outputs, score_predictions

LETTERS = decode(np.random.default_rng(0).integers(0, 4, (40, 20), dtype=np.uint8))
CODES = base_codes(LETTERS)
NUMBERS = np.array([letters.count("G") for letters in LETTERS], np.float32)


def network(outputs: int = 1) -> Sequential:
    return Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, outputs)])


def trained(objective: Objective, targets: np.ndarray, **options: Any) -> Sequential:
    model = network(targets.shape[1])
    data = SequenceData(CODES, targets.astype(np.float32), **options.pop("data", {}))
    fit(model, data, options=FitOptions(epochs=1, objective=objective, **options))
    return model


ONE_STRAND = {"augmentation": Augmentation(reverse_complement=False)}


def regression() -> Sequential:
    return trained(
        Regression(), NUMBERS[:, None], data={"target_names": ("g",)}, ambiguous="iupac", **ONE_STRAND
    )


def classes() -> Sequential:
    return trained(MultiClassification(), np.eye(3)[np.arange(40) % 3])


def test_fit_leaves_on_the_model_what_it_learned_to_read_and_to_say() -> None:
    assert network().trained is None
    found = regression().trained
    assert found == Trained(Regression(task_names=("g",)), False, 20, "DNA", "iupac")
    assert found.task_names == ("g",)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_copy_of_a_model_knows_what_it_was_trained_for(copied: Any) -> None:
    model = regression()
    assert copied(model).trained == model.trained
    assert np.array_equal(predict(copied(model), CODES), predict(model, CODES))


def test_a_model_of_numbers_predicts_numbers_on_the_strand_that_it_was_trained_on() -> None:
    model = regression()
    untrained = network()
    untrained.params = dict(model.params)
    expected = predict_outputs(untrained, CODES, both_strands=False)
    assert np.array_equal(predict(model, CODES), expected)
    assert not np.allclose(predict(model, CODES), predict(model, reverse_complement(CODES)))


def test_a_model_of_classes_gives_their_probabilities_and_is_scored_as_one() -> None:
    model = classes()
    np.testing.assert_allclose(predict(model, CODES).sum(axis=1), 1.0, rtol=1e-6)
    targets = np.eye(3, dtype=np.float32)[np.arange(40) % 3]
    found = evaluate(model, (CODES, targets))
    right = predict(model, CODES).argmax(axis=1) == targets.argmax(axis=1)
    assert found["accuracy"] == right.mean()
    assert (found.keys(), found["n_examples"]) == ({"accuracy", "mcc", "n_examples"}, 40)


def test_a_model_of_numbers_is_scored_by_correlation_and_one_of_labels_by_rank() -> None:
    assert evaluate(regression(), (LETTERS, NUMBERS)).keys() == {"pearson", "spearman", "n_examples"}
    labels = (NUMBERS > 5).astype(np.float32)
    model = trained(BinaryClassification(), labels[:, None])
    assert evaluate(model, (LETTERS, labels)) == score_predictions(predict(model, CODES)[:, 0], labels)


def test_several_labels_are_scored_each_by_its_name() -> None:
    both = np.stack([NUMBERS > 5, NUMBERS > 4], axis=1).astype(np.float32)
    model = trained(BinaryClassification(), both, data={"target_names": ("liver", "lung")})
    assert {"auroc", "auroc_liver", "auroc_lung"} < evaluate(model, (CODES, both)).keys()


def test_a_label_that_is_masked_is_not_scored() -> None:
    labels = (NUMBERS > 5).astype(np.float32)[:, None]
    model = trained(BinaryClassification(), labels)
    mask = (np.arange(40) < 30).astype(np.float32)[:, None]
    found = evaluate(model, SequenceData(CODES, labels, extras={"mask": mask}))
    assert found == evaluate(model, (CODES[:30], labels[:30]))


def test_targets_of_another_number_of_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="the model predicts 1 tasks, and the data have 3"):
        evaluate(network(), (CODES, np.eye(3)[np.arange(40) % 3]))


def test_another_objective_than_that_of_the_training_is_refused() -> None:
    with pytest.raises(ValueError, match=r"trained for Regression.*got objective = BinaryClassification"):
        predict(regression(), CODES, objective=BinaryClassification())
    model = trained(Counts("poisson"), NUMBERS[:, None])
    with pytest.raises(ValueError, match="trained for Counts"):
        evaluate(model, (CODES, NUMBERS), objective=Counts())
    predict(regression(), CODES, objective=Regression(kind="huber"))  # the outputs mean the same


@pytest.mark.parametrize("read", [predict, saliency, in_silico_mutagenesis])
def test_strands_and_letters_read_otherwise_than_in_training_are_said(read: Any) -> None:
    model = regression()
    with pytest.warns(UserWarning, match="trained on one strand, and is read with both_strands = True"):
        read(model, CODES[:2], both_strands=True)
    with pytest.warns(UserWarning, match="trained with ambiguous = 'iupac', and is read with 'zero'"):
        read(model, CODES[:2], ambiguous="zero")
    read(model, CODES[:2], both_strands=False, ambiguous="iupac")
    read(model, CODES[:2], ambiguous="error")  # no letter is read otherwise: there is none


def test_explanations_are_of_the_strands_that_the_model_was_trained_on() -> None:
    model = trained(BinaryClassification(), (NUMBERS > 5)[:, None])
    for explain in (saliency, in_silico_mutagenesis):
        found: Any = explain(model, CODES[:3])
        for part, both in zip(found, explain(model, CODES[:3], both_strands=True), strict=True):
            assert np.array_equal(part, both)
    untrained = network()
    assert np.array_equal(
        in_silico_mutagenesis(untrained, CODES[:3]),
        in_silico_mutagenesis(untrained, CODES[:3], both_strands=False),
    )


def test_a_model_whose_head_is_replaced_is_no_longer_trained() -> None:
    model = regression()
    model[-1] = Dense(6, 2)
    assert model.trained is None


class Column(list):  # type: ignore[type-arg]
    """A column of a data frame, as pandas and polars have it: iterating gives its values."""


class Frame:
    """A data frame, as pandas and polars have it: iterating gives the names of its columns."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self.values = columns

    def __iter__(self) -> Any:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def assign(self, **columns: Any) -> Frame:
        return Frame(**self.values, **columns)


@pytest.mark.parametrize(
    "given",
    [
        LETTERS,
        tuple(LETTERS),
        Column(LETTERS),
        [letters.encode() for letters in LETTERS],
        np.array(LETTERS),
        np.array(LETTERS, dtype=object),
        np.array([list(letters) for letters in LETTERS]),
        [np.array(list(letters)) for letters in LETTERS],
        list(CODES),
    ],
)
def test_sequences_of_any_form_are_trained_on_predicted_scored_and_explained_as_their_codes(
    given: Any,
) -> None:
    model, same = network(), network()
    fit(model, (given, NUMBERS), options=FitOptions(epochs=1, objective=Regression()))
    fit(same, SequenceData(CODES, NUMBERS[:, None]), options=FitOptions(epochs=1, objective=Regression()))
    assert np.array_equal(predict(model, given), predict(same, CODES))
    assert evaluate(model, (given, NUMBERS)) == evaluate(same, (CODES, NUMBERS))
    assert np.array_equal(saliency(model, given[:2]).actual, saliency(same, CODES[:2]).actual)
    assert np.array_equal(in_silico_mutagenesis(model, given[:2]), in_silico_mutagenesis(same, CODES[:2]))


def test_one_sequence_is_predicted_as_a_batch_of_one() -> None:
    model = regression()
    assert np.array_equal(predict(model, LETTERS[0]), predict(model, LETTERS[:1]))


KINDS = [
    (Frame(dna=LETTERS), "a Frame, which gives the names of its columns; pass one column"),
    ({"a": "ACGT"}, "a dict, which gives its keys"),
    ({"ACGT", "TTTT"}, "a set, whose order is random"),
    (frozenset({"ACGT"}), "a frozenset, whose order is random"),
    (7, "got int"),
    (None, "got NoneType"),
    ([1, 2], "got int as sequence 0"),
    (["ACGT", None], "got NoneType as sequence 1"),
    (np.zeros((2, 4, 20)), "float64"),
]


@pytest.mark.parametrize(("given", "words"), KINDS)
def test_what_cannot_be_sequences_is_an_error_that_names_the_kind(given: Any, words: str) -> None:
    model = network()
    for read in (predict, saliency, in_silico_mutagenesis):
        with pytest.raises((TypeError, ValueError), match=words):
            read(model, given)
    with pytest.raises((TypeError, ValueError), match=words):
        evaluate(model, (given, [0.0, 1.0]))
    with pytest.raises((TypeError, ValueError), match=words):
        fit(model, (given, [0.0, 1.0]))


def test_data_that_are_no_pair_are_named() -> None:
    with pytest.raises(
        TypeError, match=r"SequenceData or a pair \(sequences, targets\), got Frame.*table_data"
    ):
        fit(network(), Frame(dna=LETTERS))  # type: ignore[arg-type]


def test_a_data_frame_comes_back_with_a_column_of_scores_a_task() -> None:
    model, frame = regression(), Frame(dna=LETTERS, score_of_old=NUMBERS)
    found = predict_frame(model, frame, sequence="dna")
    assert (found.columns, frame.columns) == (["dna", "score_of_old", "score"], ["dna", "score_of_old"])
    assert np.array_equal(found["score"], predict(model, CODES)[:, 0])
    several = trained(MultiClassification(), np.eye(2)[np.arange(40) % 2], data={"target_names": ("a", "b")})
    assert predict_frame(several, frame, sequence="dna").columns[2:] == ["score_a", "score_b"]


def test_a_data_frame_without_the_column_or_with_a_score_already_is_refused() -> None:
    with pytest.raises(ValueError, match="a column 'sequence' of sequences, got dna"):
        predict_frame(network(), Frame(dna=LETTERS))
    with pytest.raises(ValueError, match="has a column 'score' already"):
        predict_frame(network(), Frame(dna=LETTERS, score=NUMBERS), sequence="dna")
    with pytest.raises(TypeError, match="a data frame of pandas or polars, got list"):
        predict_frame(network(), LETTERS)


def test_letters_shorter_than_those_of_the_training_are_padded_and_scored_one_by_one() -> None:
    model = regression()
    mixed = [LETTERS[0][:9], LETTERS[1], LETTERS[2] + "ACGTA", LETTERS[3][:12]]
    alone = [predict(model, [letters])[0, 0] for letters in mixed]
    np.testing.assert_allclose(predict(model, mixed)[:, 0], alone, rtol=1e-6)
    padded = base_codes([LETTERS[3][:12]], pad="both", length=20)
    assert np.array_equal(predict(model, [LETTERS[3][:12]]), predict(model, padded))
    assert saliency(model, [LETTERS[3][:12]]).actual.shape == (1, 20)


def test_a_sequence_without_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence 1 has no letters"):
        predict(regression(), ["ACGT", ""])


def rna() -> list[str]:
    return [letters.replace("T", "U") for letters in LETTERS]


def test_rna_is_trained_predicted_and_explained_on_one_strand() -> None:
    model = network()
    fit(model, (rna(), NUMBERS > 5), options=FitOptions(epochs=1))
    assert (model.trained.alphabet, model.trained.both_strands) == ("RNA", False)
    one = network()
    fit(one, (CODES, NUMBERS > 5), options=FitOptions(epochs=1, **ONE_STRAND))
    assert np.array_equal(predict(model, rna()), predict(one, CODES))
    assert np.array_equal(in_silico_mutagenesis(model, rna()[:2]), in_silico_mutagenesis(one, CODES[:2]))


def test_rna_is_trained_on_both_strands_if_told_so() -> None:
    model, both = network(), network()
    options = FitOptions(epochs=1, augmentation=Augmentation(reverse_complement=True))
    fit(model, (rna(), NUMBERS > 5), options=options)
    fit(both, (CODES, NUMBERS > 5), options=FitOptions(epochs=1))
    assert model.trained.both_strands
    assert np.array_equal(predict(model, rna()), predict(both, CODES))


def test_a_table_and_two_classes_of_letters_say_whether_they_are_rna() -> None:
    assert table_data({"sequence": rna(), "y": NUMBERS}, targets="y").alphabet == "RNA"
    assert table_data({"sequence": LETTERS, "y": NUMBERS}, targets="y").alphabet == "DNA"
    both = SequenceData.binary(rna()[:3], rna()[3:8])  # type: ignore[arg-type]
    assert (both.alphabet, both.targets.sum(), len(both)) == ("RNA", 3, 8)


def test_attention_maps_take_letters() -> None:
    model = build_model("attention_cnn", {})
    letters = [3 * each for each in LETTERS[:2]]
    found, expected = attention_maps(model, letters), attention_maps(model, base_codes(letters))
    assert found
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
