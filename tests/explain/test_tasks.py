"""Explaining profile networks: their counts, the shape of their profiles, and what holds for both strands."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import Backend, use_backend
from genoml.explain import count_task, in_silico_mutagenesis, profile_task, saliency
from genoml.models import build_model, split_profile
from genoml.nn.layer import Layer
from genoml.ops.activations import softmax
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.testing import has_float64
from genoml.train import Profile
from genoml.train.trained import Trained

SIZES = {
    "tracks": 2, "profile_length_bp": 20, "filters": 4, "kernel_size": 5, "dilated_layers": 1, "profile_kernel_size": 5,
}  # fmt: skip
CODES = np.random.default_rng(0).integers(0, 4, (3, 40), dtype=np.uint8)
TASKS = [count_task(tracks=2), count_task(1, tracks=2), profile_task(tracks=2), profile_task(0, tracks=2)]


def network(*, both_strands: bool = False, dtype: str = "float64") -> Layer:
    model = build_model("bpnet", SIZES).to(dtype=dtype)
    model.trained = Trained(Profile(2, 20, 1.0, "+-"), both_strands, 40)
    return model


def outputs_of(model: Layer, codes: np.ndarray) -> np.ndarray:
    x = one_hot(codes, dtype=model.dtype, backend=model.backend)
    rows = model.backend.xp.permute_dims(x, (0, 2, 1))
    return np.asarray(model.backend.to_numpy(model.vjp(rows)[0]))


def test_the_shape_of_a_profile_is_its_weighted_logits() -> None:
    outputs = outputs_of(network(), CODES)
    logits, log_counts = split_profile(outputs, 2)
    p = np.asarray(softmax(logits, axis=2))
    expected = (p * (logits - logits.mean(axis=2, keepdims=True))).sum(axis=2)
    for task, value in zip(
        TASKS, (log_counts.mean(1), log_counts[:, 1], expected.mean(1), expected[:, 0]), strict=True
    ):
        np.testing.assert_allclose((task(outputs) * outputs).sum(axis=1), value)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("both", [False, True])
def test_a_mutation_changes_what_is_explained_with_the_weights_of_the_sequence(
    task: object, both: bool, backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    with use_backend(backend):
        model = network(both_strands=both, dtype=dtype)
    found = in_silico_mutagenesis(model, CODES, task=task)
    strands = [CODES, reverse_complement(CODES)] if both else [CODES]
    objective = model.trained.objective
    expected = np.zeros(found.shape)
    for number, codes in enumerate(strands):
        turn = objective.turned if number else lambda outputs: outputs
        own = turn(outputs_of(model, codes))
        weights = task(own)  # type: ignore[operator]
        for place in (0, 17, 39):
            for base in range(4):
                mutant = CODES.copy()
                mutant[:, place] = base
                mutant = reverse_complement(mutant) if number else mutant
                change = (turn(outputs_of(model, mutant)) - own) * weights
                expected[:, place, base] += change.sum(axis=1) / len(strands)
    for place in (0, 17, 39):
        limit = {"float64": 1e-10, "float32": 1e-5}[dtype]
        np.testing.assert_allclose(found[:, place], expected[:, place], atol=limit)


def test_both_strands_are_explained_alike() -> None:
    model = network(both_strands=True)
    for task, opposite in (
        (TASKS[1], count_task(0, tracks=2)),
        (TASKS[3], profile_task(1, tracks=2)),
        (7, 2 * 20 - 8),
    ):
        here = saliency(model, CODES, task=task).actual
        there = saliency(model, reverse_complement(CODES), task=opposite).actual
        np.testing.assert_allclose(here, there[:, ::-1], atol=1e-12)


def test_the_counts_of_all_tracks_are_explained_where_nothing_else_is_asked_for() -> None:
    model = network()
    default, counts = saliency(model, CODES), saliency(model, CODES, task=count_task(tracks=2))
    np.testing.assert_array_equal(default.actual, counts.actual)
    mutated = [in_silico_mutagenesis(model, CODES, **task) for task in ({}, {"task": count_task(tracks=2)})]
    np.testing.assert_array_equal(mutated[0], mutated[1])
    model.trained = None
    assert not np.allclose(saliency(model, CODES).actual, counts.actual), "output 0"


def test_a_track_that_is_not_there_and_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expects a track from 0 to 1, got 2"):
        count_task(2, tracks=2)
    with pytest.raises(ValueError, match=r"task expects weights \(\d, 42\), got \(\d, 40\)"):
        saliency(network(), CODES, task=lambda outputs: outputs[:, :40])
    with pytest.raises(ValueError, match="split_profile"):
        saliency(network(), CODES, task=profile_task(tracks=5))
