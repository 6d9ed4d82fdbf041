"""A training step reads nothing from the device: every network, optimiser, schedule and objective.

On array-api-strict, whose arrays lie on a device that is not the host, queued as on a GPU, every way to read one
raises. With ``--backend cupy-on-host`` it is CuPy itself, and what it waits for and copies is counted. The loop may
read once in sixteen steps, and after the last.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from genoml import backend as backends
from genoml import nn, train
from genoml.backend import Backend, use_backend
from genoml.data import Augmentation, ProfileData, SequenceData
from genoml.models import MODELS, build_model
from genoml.nn.layer import Layer
from genoml.optim import AdamW
from genoml.train import (
    ASYNCHRONOUS_INTERVAL,
    BinaryClassification,
    CellTypes,
    Counts,
    FitOptions,
    MultiClassification,
    Objective,
    Profile,
    Regression,
    Steps,
    Trainer,
)
from genoml_cupy import CupyBackend
from support.backends import StrictBackend
from support.guard import no_host_read
from support.models import SMALL, small_length_bp
from support.optimizers import OPTIMIZERS
from support.schedules import SCHEDULES


class Queued(Backend):
    """A backend whose operations are queued; it counts what is read."""

    asynchronous = True
    reads = 0

    def to_numpy(self, array: Any) -> np.ndarray:
        self.reads += 1
        return super().to_numpy(array)


class QueuedStrict(Queued, StrictBackend):
    """Strict on another device."""


class QueuedCupy(Queued, CupyBackend):
    """CuPy on the CPU."""


class QueuedGraphs(QueuedCupy):
    """CuPy whose steps are CUDA graphs from the second on."""

    def __init__(self) -> None:
        super().__init__()
        self.graphs = True


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """``use_backend`` remembers its backend by name, and the next tests are to get their own."""
    monkeypatch.setattr(backends, "_instances", dict(backends._instances))
    monkeypatch.setattr(backends, "_by_type", {})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "queued" in metafunc.fixturenames:
        on_cupy = "cupy-on-host" in (metafunc.config.getoption("--backend") or ())
        cupy = {"cupy-on-host": QueuedCupy, "graphs": QueuedGraphs}
        kinds = [pytest.param(kind, marks=pytest.mark.backend, id=name) for name, kind in cupy.items()]
        metafunc.parametrize("queued", kinds if on_cupy else [pytest.param(QueuedStrict, id="strict")])


def data_for(model: Layer, length: int, objective: Objective, n: int = 6) -> SequenceData:
    """Random sequences, and targets that the objective is defined for."""
    rng, width = np.random.default_rng(0), model.vjp(_zeros(model, length))[0].shape[1]
    if isinstance(objective, Counts):
        parts = {
            "poisson": 1,
            "negative_binomial": 2 if objective.dispersion is None else 1,
            "zero_inflated": 3,
        }
        targets = rng.poisson(3.0, (n, width // parts[objective.distribution])).astype(np.float32)
    elif isinstance(objective, Profile):
        profiles = rng.poisson(2.0, (n, objective.tracks, objective.length_bp)).astype(np.float32)
        return ProfileData(rng.integers(0, 4, (n, length)).astype(np.uint8), profiles, strands="+-")
    elif isinstance(objective, MultiClassification):
        targets = np.eye(width, dtype=np.float32)[rng.integers(0, width, n)]
    else:
        targets = rng.integers(0, 2, (n, width)).astype(np.float32)
    extras = {"sample_weight": np.ones(n, np.float32)}
    return SequenceData(rng.integers(0, 4, (n, length)).astype(np.uint8), targets, extras=extras)


def _zeros(model: Layer, length: int) -> Any:
    return model.backend.asarray(np.zeros((1, 4, length), np.float32))


def run_without_reads(
    queued: type[Queued],
    name: str,
    steps: int = 2,
    objective: Objective | None = None,
    outputs: int | None = None,
    **options: Any,
) -> Steps:
    """Some training steps with everything refused that reads the device."""
    backend = queued()
    with use_backend(backend):
        own = {key: value for key, value in SMALL[name].items() if key != "dropout"}  # with its dropout
        model = build_model(name, own | ({} if outputs is None else {"n_outputs": outputs}), backend=backend)
        aim = objective or Regression()
        data = data_for(model, small_length_bp(name), aim)
        settings: dict[str, Any] = {
            "optimizer": AdamW(1e-3), "augmentation": Augmentation(reverse_complement=True, shift_bp=1),
            "max_grad_norm": 0.5, "max_weight_norm": 3.0, "average_decay": 0.9, "threads": 1,
        }  # fmt: skip
        of_model = Steps(model, data, FitOptions(objective=aim, **(settings | options)))
        before = {path: backend.to_numpy(value) for path, value in model.params.items()}
        backend.reads = 0
        for step in range(steps):
            batch = of_model.batch(step, np.arange(3))
            with no_host_read(backend):
                of_model.run(batch)
        assert backend.reads == 0
        assert len(of_model.read_losses()) == steps
        assert backend.reads == 1
        after = {path: backend.to_numpy(value) for path, value in model.params.items()}
        assert any(not np.array_equal(before[path], after[path]) for path in before)
    return of_model


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_every_network_reads_nothing(name: str, queued: type[Queued]) -> None:
    run_without_reads(queued, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_of_every_optimiser_reads_nothing(name: str, queued: type[Queued]) -> None:
    run_without_reads(queued, "promoter_cnn", optimizer=OPTIMIZERS[name].make())


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_followed_without_a_read(name: str, queued: type[Queued]) -> None:
    run_without_reads(queued, "promoter_cnn", schedule=SCHEDULES[name]())


#: objectives, and the number of outputs of deepbind; None is bpnet, whose outputs are a profile's
OBJECTIVES: dict[str, tuple[Objective, int | None]] = {
    "binary": (BinaryClassification(), 2),
    "focal": (BinaryClassification(focal_gamma=2.0), 2),
    "classes": (MultiClassification(label_smoothing=0.1), 3),
    "squared": (Regression(), 2),
    "huber": (Regression(kind="huber"), 2),
    "poisson": (Counts(distribution="poisson"), 2),
    "negative binomial": (Counts(), 4),
    "negative binomial, fixed dispersion": (Counts(dispersion=0.5), 2),
    "zero-inflated": (Counts(distribution="zero_inflated"), 3),
    "cell types": (CellTypes(), 3),
    "profile": (Profile(tracks=2, length_bp=7, count_weight=1.0), None),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_computed_without_a_read(name: str, queued: type[Queued]) -> None:
    objective, outputs = OBJECTIVES[name]
    if outputs is None:  # profiles in memory cannot be shifted
        turned = Augmentation(reverse_complement=True)
        run_without_reads(queued, "bpnet", objective=objective, augmentation=turned)
    else:
        run_without_reads(queued, "deepbind", objective=objective, outputs=outputs)


def test_every_objective_is_among_them() -> None:
    kinds = {value for value in vars(train).values() if isinstance(value, type)}
    known = {kind for kind in kinds if issubclass(kind, Objective) and kind is not Objective}
    assert known == {type(objective) for objective, _ in OBJECTIVES.values()}


def test_a_penalty_reads_nothing(queued: type[Queued]) -> None:
    def shrink(model: Layer) -> tuple[Any, dict[str, Any]]:
        weights, xp = model.params["conv.weights"], model.backend.xp
        return xp.sum(weights * weights), {"conv.weights": 2.0 * weights}

    run_without_reads(queued, "promoter_cnn", penalties=(shrink,))


@pytest.mark.parametrize("name", ["motif_cnn", "promoter_cnn"])
def test_an_epoch_reads_the_device_once_in_sixteen_steps_and_after_the_last(
    name: str, queued: type[Queued]
) -> None:
    backend = queued()
    with use_backend(backend):
        model = build_model(name, SMALL[name], backend=backend)
        n = 2 * ASYNCHRONOUS_INTERVAL + 3
        rng = np.random.default_rng(0)
        data = SequenceData(
            rng.integers(0, 4, (n, small_length_bp(name))).astype(np.uint8),
            rng.integers(0, 2, (n, 1)).astype(np.float32),
        )
        trainer = Trainer(model, data, None, FitOptions(batch_size=1, epochs=1, threads=1))
        reads: list[int] = []
        trainer.steps.read_losses = partial(_noting, trainer.steps.read_losses, reads, trainer)  # type: ignore[method-assign]
        trainer.steps.run = partial(_guarded, trainer.steps.run, backend)  # type: ignore[method-assign]
        trainer.run()
    assert reads == [ASYNCHRONOUS_INTERVAL, 2 * ASYNCHRONOUS_INTERVAL, n]


def _noting(read: Any, reads: list[int], trainer: Trainer) -> list[float]:
    reads.append(trainer.steps.step)
    return read()  # type: ignore[no-any-return]


def _guarded(step: Any, backend: Backend, batch: Any) -> None:
    with no_host_read(backend):
        step(batch)


def test_the_guard_sees_a_read(queued: type[Queued]) -> None:
    backend = queued()
    x = backend.asarray(np.ones(3, np.float32))
    on_cupy = (lambda: backend.xp.clip(x, 0.0, 1.0), lambda: x[x > 0.0])
    for read in (
        *(on_cupy if backend.name == "cupy" else ()),
        lambda: float(backend.xp.sum(x)),
        lambda: bool(backend.xp.any(x > 0)),
        lambda: backend.to_numpy(x),
    ):
        with (
            pytest.raises(AssertionError, match="a device array was read on the host"),
            no_host_read(backend),
        ):
            read()


@pytest.mark.parametrize(
    "layer", [nn.Conv1D(4, 6, 5), nn.Conv1D(4, 6, 5, stride=2), nn.Conv1D(4, 6, 5, dilation=3)]
)
def test_a_convolution_multiplies_matrices_alone(layer: nn.Conv1D, monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy copies the operands of a batched product, and TF32 reaches products of two matrices only."""
    backend, seen = QueuedStrict(), set()
    kind = type(backend.xp.empty(0))
    plain = kind.__matmul__
    monkeypatch.setattr(kind, "__matmul__", lambda a, b: seen.add((a.ndim, b.ndim)) or plain(a, b))
    moved = layer.to(backend=backend)
    y, pullback = moved.vjp(backend.asarray(np.random.default_rng(0).standard_normal((2, 4, 30)), "float32"))
    pullback(y)
    assert seen == {(2, 2)}
