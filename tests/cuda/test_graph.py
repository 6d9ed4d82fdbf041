"""Steps as CUDA graphs give the bits of plain steps; what a graph cannot hold is refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, BackendError
from genoml.data import SequenceData
from genoml.models import build_model
from genoml.nn.layer import Layer
from genoml.optim.schedules import cosine, warm_up
from genoml.train import FitOptions, Steps
from support.cupy_on_host import counting
from support.models import SMALL, small_length_bp

pytestmark = pytest.mark.backend
BATCH, LAST = 8, 5


@pytest.fixture
def graphs(cuda: Backend) -> Iterator[Any]:
    yield cuda
    cuda.graphs = False  # type: ignore[attr-defined]


def model_of(name: str, backend: Backend) -> Layer:
    own = {key: value for key, value in SMALL[name].items() if key != "dropout"}  # with its dropout
    return build_model(name, own, backend=backend)


def data_of(model: Layer, name: str, n: int = 64) -> SequenceData:
    rng, length = np.random.default_rng(0), small_length_bp(name)
    width = model.vjp(model.backend.asarray(np.zeros((1, 4, length), np.float32)))[0].shape[1]
    codes, targets = rng.integers(0, 4, (n, length), dtype=np.uint8), rng.integers(0, 2, (n, width))
    return SequenceData(codes, targets.astype(np.float32))


def trained(
    name: str, backend: Any, graphs: bool, **options: Any
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Weights, state, moments and losses after 20 steps, of which two have fewer examples."""
    backend.graphs = graphs
    model = model_of(name, backend)
    settings = {"schedule": warm_up(4, cosine(20)), "average_decay": 0.9, "max_grad_norm": 0.5} | options
    steps = Steps(model, data_of(model, name), FitOptions(threads=1, **settings))
    rng = np.random.default_rng(1)
    for step in range(20):
        index = rng.integers(0, 64, LAST if step in (0, 9) else BATCH)
        with counting() as found:
            steps.run(steps.batch(step, index))
        assert found["graphs"] == (graphs and step not in (0, 1, 9))
        assert not found["waits"]
    arrays = dict(model.params) | dict(model.state) | steps.options.optimizer.state
    arrays |= {f"average/{path}": value for path, value in steps.average.weights.arrays.items()}  # type: ignore[union-attr]
    return {path: backend.to_numpy(value) for path, value in arrays.items()}, steps.read_losses()


@pytest.mark.parametrize("name", ["basset", "motif_cnn", "danq"])
def test_graphs_give_the_bits_of_plain_steps(graphs: Any, name: str) -> None:
    (plain, losses), (recorded, same) = (trained(name, graphs, on) for on in (False, True))
    assert losses == same
    assert len(set(losses)) == 20
    assert [path for path in plain if not np.array_equal(plain[path], recorded[path])] == []


def test_a_recorded_step_asks_little_of_the_host_and_memory_does_not_grow(graphs: Any) -> None:
    graphs.graphs = True
    model = model_of("danq", graphs)
    steps, pool, used = Steps(model, data_of(model, "danq"), FitOptions(threads=1)), memory_pool(graphs), []
    for step in range(8):
        with counting() as found:
            steps.run(steps.batch(step, np.arange(BATCH)))
        steps.read_losses()
        used.append(pool.used_bytes())
    assert (found["graphs"], found["products"], found["to_device"], found["to_host"]) == (1, 0, 2, 0)
    assert found["launches"] <= 3
    assert len(set(used[4:])) == 1


def memory_pool(backend: Any) -> Any:
    return backend.cupy.get_default_memory_pool()


def test_what_a_graph_cannot_hold_is_refused_and_leaves_the_model_as_it_was(graphs: Any) -> None:
    graphs.graphs = True
    model = model_of("danq", graphs)
    steps = Steps(model, data_of(model, "danq"), FitOptions(threads=1, ambiguous="error"))
    steps.run(steps.batch(0, np.arange(BATCH)))
    before = dict(model.params)
    with pytest.raises(
        BackendError, match=r"cannot be a CUDA graph: .*D2H transfers are disallowed; run it without"
    ):
        steps.run(steps.batch(1, np.arange(BATCH)))
    assert all(model.params[path] is value for path, value in before.items())
    assert "__matmul__" not in vars(graphs.cupy.ndarray)
    plain = graphs.asarray(np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(graphs.to_numpy(plain @ plain), 2.0)


def test_graphs_are_off_unless_the_environment_or_a_person_asks(
    graphs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENOML_CUDA_GRAPHS", raising=False)
    assert not type(graphs)().graphs
    monkeypatch.setenv("GENOML_CUDA_GRAPHS", "1")
    assert "with CUDA graphs" in type(graphs)().describe()["version"]
