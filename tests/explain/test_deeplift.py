"""DeepLIFT: sums, the paper's equations on a small network, references, both strands, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Array, Backend
from genoml.explain import deeplift, integrated_gradients
from genoml.explain.reveal_cancel import with_reveal_cancel
from genoml.models import MODELS, build_model
from genoml.nn import (
    GELU,
    BatchNorm1D,
    Conv1D,
    Dense,
    Embedding,
    Flatten,
    Graph,
    Layer,
    Node,
    ReLU,
    Sequential,
)
from genoml.nn.layer import EVALUATION, Pass, Pullback
from genoml.sequence import reverse_complement
from support.guard import no_host_read


def codes_of(n: int, length: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def one_hot(codes: np.ndarray) -> np.ndarray:
    return np.where(codes[..., None] < 4, np.eye(5)[np.minimum(codes, 4)][..., :4], 0.0)


def count_kmers(codes: np.ndarray, k: int) -> list[list[str]]:
    """The k-mers of each row, sorted."""
    return [sorted("".join(map(str, row[i : i + k])) for i in range(len(row) - k + 1)) for row in codes]


def network(length: int = 12) -> Layer:
    layers = [Conv1D(4, 3, 5, activation="relu"), Flatten(), Dense(3 * (length - 4), 6, "relu"), Dense(6, 2)]
    return Sequential(layers, seed=2).to("numpy", "float64")


def by_the_paper(model: Layer, x: np.ndarray, r: np.ndarray, task: int) -> np.ndarray:
    """Multipliers (length, 4) of one pair, by equations 3, 9 and 10 of the paper, one number after another."""
    params = {name: model.backend.to_numpy(value) for name, value in model.params.items()}
    w, b = params["0.weights"], params["0.bias"]
    filters, _, width = w.shape
    places = len(x) - width + 1

    def scan(sequence: np.ndarray) -> np.ndarray:
        z = np.zeros((filters, places))
        for f, at in np.ndindex(filters, places):
            z[f, at] = b[f] + np.sum(w[f].T * sequence[at : at + width])
        return z

    def rescale(z: np.ndarray, z_r: np.ndarray) -> np.ndarray:
        return (np.maximum(z, 0) - np.maximum(z_r, 0)) / (z - z_r)

    z, z_r = scan(x), scan(r)
    hidden = [np.maximum(own, 0).reshape(-1) @ params["2.weights"] + params["2.bias"] for own in (z, z_r)]
    m = params["3.weights"][:, task] * rescale(*hidden)
    m_z = (params["2.weights"] @ m).reshape(filters, places)
    found = np.zeros_like(x)
    for f, at in np.ndindex(filters, places):
        if z[f, at] != z_r[f, at]:
            slope = (max(z[f, at], 0) - max(z_r[f, at], 0)) / (z[f, at] - z_r[f, at])
            found[at : at + width] += m_z[f, at] * slope * w[f].T
    return found


def test_multipliers_are_those_of_the_papers_equations() -> None:
    model, codes, references = network(), codes_of(3, 12), codes_of(6, 12, 7).reshape(3, 2, 12)
    for task in (0, 1):
        found = deeplift(model, codes, references=references, task=task)
        for n in range(3):
            x = one_hot(codes[n])
            pairs = [(one_hot(r), by_the_paper(model, x, one_hot(r), task)) for r in references[n]]
            actual = np.mean([np.sum(m * (x - r), axis=1) for r, m in pairs], axis=0)
            hypothetical = np.mean([m - np.sum(m * r, axis=1, keepdims=True) for r, m in pairs], axis=0)
            np.testing.assert_allclose(found.actual[n], actual, atol=1e-12)
            np.testing.assert_allclose(found.hypothetical[n], hypothetical, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"bpnet"}))
def test_contributions_sum_to_the_change_in_every_network(name: str) -> None:
    small = {"deepsea": {"filters": (8, 8, 8), "dense_units": 8, "n_outputs": 2, "length_bp": 300},
             "danq": {"filters": 8, "hidden": 4, "dense_units": 8, "n_outputs": 2, "length_bp": 200},
             "basset": {"filters": (8, 8, 8), "dense_units": 8, "n_outputs": 2, "length_bp": 200},
             "site_cnn": {"length_bp": 300},
        "deepstarr": {"filters": (8, 8, 8, 8), "dense_units": 8}}  # fmt: skip
    model = build_model(name, small.get(name, {}))
    codes = codes_of(2, small.get(name, {}).get("length_bp", 300))
    codes = codes[:, :249] if name == "deepstarr" else codes
    codes[1, 50:60] = 4
    for dtype, limit in (("float32", 1e-4), ("float64", 1e-11)):
        found = deeplift(model.to(dtype=dtype), codes, n_references=3, both_strands=True)
        assert found.error.max() <= limit
        assert found.hypothetical.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found.actual.sum(axis=1), found.delta, atol=10 * limit)


def dense_by_the_paper(w: np.ndarray, b: np.ndarray, x: np.ndarray, r: np.ndarray) -> np.ndarray:
    """RevealCancel of tanh(w x + b) for one pair: section 3.5.3, one output and one input after another."""
    found = np.zeros_like(x)
    for o in range(w.shape[1]):
        terms = w[:, o] * (x - r)
        z, up, down = r @ w[:, o] + b[o], terms[terms > 0].sum(), terms[terms < 0].sum()
        f = np.tanh
        y_up = 0.5 * (f(z + up) - f(z)) + 0.5 * (f(z + down + up) - f(z + down))
        y_down = 0.5 * (f(z + down) - f(z)) + 0.5 * (f(z + up + down) - f(z + up))
        for i in range(len(x)):
            found[i] += terms[i] * (y_up / up if terms[i] > 0 else y_down / down if terms[i] < 0 else 0.0)
    return found


def test_reveal_cancel_is_that_of_the_papers_equations() -> None:
    dense = Dense(32, 3, "tanh")
    model = Sequential([Flatten(), dense, Dense(3, 1)], seed=3).to(dtype="float64")
    model.params["1.bias"] = model.params["1.bias"] + 0.3
    model.params["2.weights"] = model.params["2.weights"] * 0.0 + 1.0
    codes, references = codes_of(3, 8), codes_of(3, 8, 5)[:, None, :]
    found = deeplift(model, codes, references=references, rule="reveal_cancel")
    w, b = (model.backend.to_numpy(model.params[f"1.{name}"]) for name in ("weights", "bias"))
    for n in range(3):
        x, r = (one_hot(c).T.reshape(-1) for c in (codes[n], references[n, 0]))
        expected = dense_by_the_paper(w, b, x, r).reshape(4, 8).sum(axis=0)
        np.testing.assert_allclose(found.actual[n], expected, atol=1e-13)


@pytest.mark.parametrize("rule", ["reveal_cancel", "genomics"])
def test_other_rules_sum_too_through_rows_graphs_and_normalisations(rule: Any) -> None:
    tower = Sequential([Conv1D(6, 6, 3, padding="same", activation=None), BatchNorm1D(6), GELU()])
    graph = Graph([
        Node("scan", Conv1D(4, 6, 5, activation="relu")), Node("tower", tower, "scan"),
        Node("sum", "add", ["tower", "scan"]),
        Node("y", Sequential([Flatten(), Dense(48, 4, "tanh"), Dense(4, 1)]), "sum"),
    ], seed=3).to(dtype="float64")  # fmt: skip
    graph.state["tower.1.running_mean"] = graph.state["tower.1.running_mean"] + 0.2
    codes, references = codes_of(3, 12), codes_of(6, 12, 5).reshape(3, 2, 12)
    found = deeplift(graph, codes, references=references, rule=rule)
    assert found.error.max() < 1e-13
    plain = deeplift(graph, codes, references=references)
    np.testing.assert_allclose(found.delta, plain.delta, atol=1e-13)
    assert not np.allclose(found.actual, plain.actual, atol=1e-3)


def test_nodes_of_a_graph_have_the_rule_that_layers_in_a_row_have() -> None:
    layers = {"conv": Conv1D(4, 6, 5, activation=None), "norm": BatchNorm1D(6), "act": GELU(), "flat": Flatten(),
              "dense": Dense(48, 1)}  # fmt: skip
    row = Sequential(layers, seed=3).to(dtype="float64")
    before = ["input", *list(layers)[:-1]]
    graph = Graph(
        [Node(name, None, source) for name, source in zip(layers, before, strict=True)], row.named_layers
    )
    codes, references = codes_of(2, 12), codes_of(2, 12, 5)[:, None, :]
    found, expected = (
        deeplift(model, codes, references=references, rule="reveal_cancel") for model in (graph, row)
    )
    np.testing.assert_allclose(found.actual, expected.actual, atol=1e-14)
    assert not np.allclose(expected.actual, deeplift(row, codes, references=references).actual, atol=1e-4)


def test_a_network_whose_layers_have_the_rule_reads_nothing_from_the_device(backend: Backend) -> None:
    model = network().to(backend, "float32")
    ruled = with_reveal_cancel(model, dense_only=False)
    x, references = (backend.asarray(one_hot(codes_of(n, 12)).transpose(0, 2, 1), "float32") for n in (2, 6))
    with no_host_read(backend):
        y, y_r, back = ruled.between(x, references)
        multipliers = back(y_r)
    assert (tuple(y.shape), tuple(multipliers.shape)) == ((2, 2), (6, 4, 12))


def test_a_rule_that_no_layer_gets_is_refused() -> None:
    model = Sequential([Conv1D(4, 3, 5, activation="relu"), Flatten(), Dense(24, 1)])
    with pytest.raises(ValueError, match="finds no dense layer with an activation behind it"):
        deeplift(model, codes_of(1, 12), rule="genomics")


@pytest.mark.filterwarnings("ignore:integrated_gradients")
def test_integrated_gradients_sum_as_well_as_their_steps_allow() -> None:
    layers = [Conv1D(4, 3, 5, activation="tanh"), Flatten(), Dense(24, 1)]
    model = Sequential(layers, seed=2).to(dtype="float64")
    codes, references = codes_of(2, 12), codes_of(4, 12, 5).reshape(2, 2, 12)
    errors = [
        integrated_gradients(model, codes, references=references, steps=steps).error.max()
        for steps in (4, 16, 64)
    ]
    assert errors[2] < 1e-4
    assert (
        errors[2] < errors[1] / 8 < errors[0] / 64
    )  # the midpoint rule: error over 16 for 4 times the steps
    linear = Sequential([Flatten(), Dense(48, 1)], seed=2).to(dtype="float64")
    one = integrated_gradients(linear, codes, references=references, steps=1)
    np.testing.assert_allclose(one.actual, deeplift(linear, codes, references=references).actual, atol=1e-14)


def test_references_keep_dinucleotides_and_leave_other_letters_in_place() -> None:
    codes = codes_of(2, 60)
    codes[0, 20:25], codes[1, :3] = 4, 4
    found = deeplift(network(60), codes, n_references=4).references
    assert found is not None
    assert found.shape == (2, 4, 60)
    assert ((found == 4) == (codes == 4)[:, None, :]).all()
    assert (found != codes[:, None, :]).any()
    for row in found[0]:
        for part in (slice(0, 20), slice(25, 60)):
            own, shuffled = (count_kmers(c[None, part], 2) for c in (codes[0], row))
            assert own == shuffled
    again = deeplift(network(60), codes, n_references=4, batch_size=1).references
    assert np.array_equal(found, again)
    triples = deeplift(network(60), codes, n_references=2, references="klet:3", seed=1).references
    assert triples is not None
    assert count_kmers(triples[1, :, 3:], 3) == count_kmers(codes[[1, 1], 3:], 3)


def test_a_letter_without_base_contributes_what_its_lack_changes() -> None:
    codes, references = codes_of(1, 12), codes_of(1, 12, 5)[:, None, :]
    codes[0, 6] = 4
    found = deeplift(network(), codes, references=references)
    assert found.actual[0, 6] != 0.0
    assert found.error.max() < 1e-13


@pytest.mark.parametrize("references", ["zero", "uniform"])
def test_references_that_are_no_sequences(references: str) -> None:
    found = deeplift(network(), codes_of(3, 12), references=references)
    assert found.references is None
    assert found.error.max() < 1e-13


def test_both_strands_are_the_mean_of_each_strands_contributions() -> None:
    model, codes, references = network(), codes_of(2, 12), codes_of(4, 12, 3).reshape(2, 2, 12)
    both = deeplift(model, codes, references=references, both_strands=True)
    one = deeplift(model, codes, references=references, both_strands=False)
    turned = reverse_complement(references.reshape(4, 12)).reshape(2, 2, 12)
    other = deeplift(model, reverse_complement(codes), references=turned, both_strands=False)
    np.testing.assert_allclose(both.actual, 0.5 * (one.actual + other.actual[:, ::-1]), atol=1e-14)
    np.testing.assert_allclose(
        both.hypothetical, 0.5 * (one.hypothetical + other.hypothetical[:, ::-1, ::-1]), atol=1e-14
    )


def test_weights_of_a_task_function_are_those_of_the_sequence() -> None:
    model, codes, references = network(), codes_of(2, 12), codes_of(2, 12, 3)[:, None, :]

    def own(outputs: Array) -> Array:
        return outputs

    found = deeplift(model, codes, references=references, task=own)
    y, y_r = (model.backend.to_numpy(model(one_hot(c).transpose(0, 2, 1))) for c in (codes, references[:, 0]))
    np.testing.assert_allclose(found.delta, np.sum(y * (y - y_r), axis=1), atol=1e-13)
    assert found.error.max() < 1e-13


class Squares(Layer):
    """y = x^2, without a rule."""

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        return x * x, lambda grad, *, need_x=True, need_params=True: (2.0 * x * grad, {})


class WideReLU(ReLU):
    """A subclass with a vjp of its own, which inherits no rule."""

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        return super().vjp(2.0 * x, run)


class OffCentre(BatchNorm1D):
    """A subclass with a vjp of its own, which may not be affine any more."""

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        return super().vjp(x * x, run)


@pytest.mark.parametrize("layer", [Squares(), WideReLU(), OffCentre(3)])
def test_a_layer_without_a_rule_is_named(layer: Layer) -> None:
    model = Sequential({"conv": Conv1D(4, 3, 5), "own": layer, "flat": Flatten(), "out": Dense(24, 1)})
    with pytest.raises(
        NotImplementedError, match=f'"own" {type(layer).__name__} has no rule for attributions'
    ):
        deeplift(model, codes_of(1, 12))


def test_tokens_have_no_differences() -> None:
    with pytest.raises((NotImplementedError, TypeError)):
        deeplift(Sequential([Embedding(4, 3), Flatten(), Dense(36, 1)]), codes_of(1, 12))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"references": codes_of(3, 12)},
            r"references expects uint8 codes \(n, K, length\) = \(3, K, 12\), got",
        ),
        ({"references": codes_of(6, 11).reshape(3, 2, 11)}, r"got uint8 \(3, 2, 11\)"),
        ({"references": np.zeros((3, 0, 12), np.uint8)}, "at least one for each sequence"),
        ({"references": "shuffled"}, "expects 'dinucleotide', 'klet:K', 'zero', 'uniform' or base codes"),
        ({"references": "klet:0"}, "got 'klet:0'"),
        ({"n_references": 0}, "n_references >= 1"),
        ({"task": 2}, "task expects an output from 0 to 1, got 2"),
        ({"batch_size": 0}, "batch_size >= 1"),
        ({"rule": "linear"}, "rule expects rescale, reveal_cancel or genomics"),
    ],
)
def test_wrong_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deeplift(network(), codes_of(3, 12), **options)


def test_references_that_are_the_sequences_are_warned_of() -> None:
    codes = codes_of(2, 12)
    with pytest.warns(UserWarning, match="every reference is its sequence"):
        found = deeplift(network(), codes, references=codes[:, None, :])
    assert not found.actual.any()


class Careless(ReLU):
    """A rule that does not sum."""

    def between(self, x: Array, reference: Array):  # type: ignore[no-untyped-def]
        y, y_r, back = super().between(x, reference)
        return y, y_r, lambda m: 1.5 * back(m)


def test_contributions_that_do_not_sum_are_warned_of() -> None:
    model = Sequential([Conv1D(4, 3, 5, activation=None), Careless(), Flatten(), Dense(24, 1)], seed=1)
    with pytest.warns(UserWarning, match="contributions of sequence [01] miss the change of the output by"):
        deeplift(model, codes_of(2, 12))
