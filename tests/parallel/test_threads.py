"""A batch in parts, one a thread, gives what the whole batch gives."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Array, Backend
from genoml.explain import saliency
from genoml.nn.layer import Grads, Layer, Pullback
from genoml.ops import arrays
from genoml.optim import AdamW
from genoml.parallel import ALONE, Meeting, Part, Threads, even_ranges
from genoml.parallel.parts import Shares
from genoml.train import FitOptions, fit
from genoml.train.predict import predict_outputs
from genoml_numpy import NumpyBackend
from genoml_numpy.twins import products
from support.models import SMALL, small_input, small_length_bp, small_model
from support.planted import planted_data
from support.subprocesses import output_of


def run(model: Layer, x: Array, threads: int) -> dict[str, np.ndarray]:
    """Output, gradients and state of a training step."""
    to_numpy, rng = model.backend.to_numpy, np.random.default_rng(2)
    with Threads(threads, least_input=1, least_work=1) as shared:
        y, pullback = shared.vjp(model, x, nn.Pass(training=True, step=3))
        cotangent = model.backend.asarray(rng.standard_normal(tuple(y.shape)), model.dtype)
        grad_x, grads = pullback(cotangent)
    found = {"y": to_numpy(y), "x": to_numpy(grad_x)} | {name: to_numpy(g) for name, g in grads.items()}
    return found | {f"state {name}": to_numpy(value) for name, value in model.state.items()}


def assert_same(model: Any, x: Array, threads: int) -> None:
    whole, parts = run(model(), x, 1), run(model(), x, threads)
    assert whole.keys() == parts.keys()
    for name, expected in whole.items():
        np.testing.assert_allclose(parts[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", SMALL)
def test_every_network_gives_the_same_in_parts(name: str, threads: int) -> None:
    assert_same(lambda: small_model(name, "numpy"), small_input(name, batch=7), threads)


def layers(**options: Any) -> list[Layer]:
    place = {"dtype": "float64", **options}
    return [
        nn.Conv1D(4, 6, 3, **place),
        nn.BatchNorm1D(6, **place),
        nn.Dropout(0.3, **place),
        nn.SpatialDropout1D(0.3, **place),
        nn.MaxPool1D(2, **place),
        nn.Flatten(**place),
        nn.Dropout(0.4, **place),
        nn.Dense(6 * 5, 3, **place),
        nn.BatchNorm1D(3, **place),
    ]


@pytest.mark.parametrize("threads", [2, 5])
def test_dropout_and_batch_statistics_are_those_of_the_whole_batch(threads: int, backend: Backend) -> None:
    if "no_float64" in str(backend.device):
        place: dict[str, Any] = {"dtype": "float32", "backend": backend}
        whole, parts = (
            run(nn.Sequential(layers(**place)), backend.asarray(small("float32")), count)
            for count in (1, threads)
        )
        for name, expected in whole.items():
            np.testing.assert_allclose(parts[name], expected, rtol=1e-3, atol=1e-4, err_msg=name)
    else:
        x = backend.asarray(small("float64"))
        assert_same(lambda: nn.Sequential(layers(backend=backend)), x, threads)


def small(dtype: str) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 4, 12)).astype(dtype)


def test_both_strands_of_a_symmetric_model_keep_their_masks() -> None:
    def model() -> Layer:
        return nn.StrandSymmetric(nn.Sequential(layers(backend="numpy")))

    assert_same(model, small("float64"), 2)


def test_parts_are_even_and_cover_the_batch() -> None:
    assert even_ranges(7, 3) == [(0, 2), (2, 4), (4, 7)]
    model = nn.Dense(5, 3)  # 18 parameters
    with Threads(4, least_input=10, least_work=180) as shared:
        assert shared.parts_of(model, np.zeros((8, 5))) == 4
        assert shared.parts_of(model, np.zeros((8, 2))) == 1
        assert shared.parts_of(model, np.zeros((3, 50))) == 3
        assert shared.parts_of(model, np.zeros((0, 50))) == 1
    with Threads(4, least_input=1, least_work=400) as shared:
        assert shared.parts_of(model, np.zeros((8, 5))) == 1
        assert shared.parts_of(model, np.zeros((8, 6))) == 2
        assert shared.parts_of(nn.Dense(50, 3), np.zeros((8, 5))) == 4


class FailsInPart(nn.ReLU):
    """Raises for the part that holds a marked example."""

    def vjp(self, x: Array, run: nn.Pass = nn.EVALUATION) -> tuple[Array, Pullback]:
        if (x == 7.0).any():
            raise ArithmeticError("marked")
        return super().vjp(x, run)


@pytest.mark.parametrize("marked", [0, 4])
def test_an_error_in_one_part_reaches_the_caller_and_leaves_nobody_waiting(marked: int) -> None:
    x = np.ones((6, 3), np.float32)
    x[marked] = 7.0
    model = nn.Sequential([FailsInPart(), nn.BatchNorm1D(3)])
    before = threading.active_count()
    with (
        Threads(3, least_input=1, least_work=1) as shared,
        np.errstate(all="ignore"),
        pytest.raises(ArithmeticError, match="marked"),
    ):
        shared.vjp(model, x, nn.Pass(training=True))
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_is_bitwise_the_same_for_the_same_number_of_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.parallel.threads.LEAST_INPUT", 1)
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})

    def weights(count: int) -> dict[str, np.ndarray]:
        model = small_model("motif_cnn", "numpy", "float32")
        fit(model, planted_data(40), options=FitOptions(epochs=2, batch_size=16, threads=count))
        return {name: np.array(value) for name, value in model.params.items()}

    first, second, whole = weights(threads), weights(threads), weights(1)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
        np.testing.assert_allclose(value, whole[name], atol=2e-5)


@pytest.mark.parametrize("name", ["danq", "motif_cnn", "attention_cnn", "bpnet"])
def test_predictions_do_not_depend_on_the_number_of_threads(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(name, "numpy", "float32")
    codes = np.random.default_rng(0).integers(0, 4, (75, small_length_bp(name)), dtype=np.uint8)
    for run in (64, 7):
        monkeypatch.setattr("genoml.train.predict._RUN", run)
        one = predict_outputs(model, codes, threads=1)
        for threads in (2, 3):
            np.testing.assert_array_equal(predict_outputs(model, codes, threads=threads), one)


def test_the_environment_sets_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOML_THREADS", "3")
    assert NumpyBackend().threads == 3
    monkeypatch.delenv("GENOML_THREADS")
    assert NumpyBackend().threads >= 1
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv("GENOML_THREADS", wrong)
        with pytest.raises(ValueError, match=f"GENOML_THREADS expects a number of at least 1, got '{wrong}'"):
            _ = NumpyBackend().threads


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="threads expects a number of at least 1, got 0"):
        Threads(0)


def test_the_gradient_of_large_dense_weights_is_made_once() -> None:
    def model() -> Layer:
        place = {"dtype": "float64"}
        return nn.Sequential([nn.Flatten(**place), nn.Dense(800, 400, **place), nn.Dense(400, 2, **place)])

    x = np.random.default_rng(0).standard_normal((5, 4, 200))
    assert model().layers[1].weights.size >= products._LEAST  # type: ignore[attr-defined]
    for threads in (2, 3):
        assert_same(model, x, threads)


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_parts_that_read_large_weights_together_compute_what_each_would(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def model() -> Layer:
        place = {"dtype": "float64"}
        return nn.Sequential([nn.Flatten(**place), nn.Dense(80, 7, "relu", **place), nn.Dense(7, 2, **place)])

    monkeypatch.setattr(arrays, "LEAST_SHARED", 1)
    assert_same(model, np.random.default_rng(0).standard_normal((5, 4, 20)), threads)


def test_shares_of_a_gradient_made_once_are_true_shares_for_whoever_reads_them() -> None:
    class Tied(nn.Sequential):
        """Both layers have the same weights, whose gradient is the sum of the two."""

        def vjp(self, x: Array, run: nn.Pass = nn.EVALUATION) -> tuple[Array, Pullback]:
            y, back = super().vjp(x, run)

            def pullback(grad: Array, **needs: bool) -> Grads:
                grad_x, grads = back(grad, **needs)
                both = grads["0.weights"] + grads["1.weights"]
                return grad_x, {
                    "0.weights": both,
                    "1.weights": 0.0 * both,
                    **{name: value for name, value in grads.items() if name.endswith("bias")},
                }

            return y, pullback

    x = np.random.default_rng(0).standard_normal((5, 600))
    place = {"dtype": "float64"}
    for threads in (2, 3):
        assert_same(lambda: Tied([nn.Dense(600, 600, **place), nn.Dense(600, 600, **place)]), x, threads)


def test_a_mask_is_cut_with_its_batch() -> None:
    model, x = nn.LSTM(3, 4, dtype="float64"), np.random.default_rng(0).standard_normal((4, 5, 3))
    mask = np.arange(5)[None, :] < np.array([5, 2, 1, 4])[:, None]
    with Threads(2, least_input=1, least_work=1) as shared:
        y, _ = shared.vjp(model, x, nn.Pass(mask=mask))
    np.testing.assert_allclose(y, model(x, mask=mask), rtol=1e-12)


def test_a_part_knows_its_rows_of_the_whole_batch() -> None:
    part = Part(1, ((2, 5),), 7, Meeting(2))
    assert (part.whole_size(3), part.rows(3), part.is_first) == (7, ((2, 5),), False)
    twice = part.twice()
    assert (twice.whole_size(6), twice.rows(6)) == (14, ((2, 5), (9, 12)))
    whole = Part()
    assert (whole.whole_size(3), whole.rows(3), whole.is_first) == (3, ((0, 3),), True)
    assert (whole.twice().whole_size(6), whole.twice().rows(6)) == (6, ((0, 6),))
    np.testing.assert_array_equal(whole.whole_sum(np.ones(2)), [1.0, 1.0])


def test_what_can_be_divided_is_shared_out_among_idle_threads() -> None:
    met = threading.Barrier(3, timeout=10)
    found: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        met.wait()  # all three at once, or not at all
        found.append((start, stop))

    with Threads(3) as shared:
        shared.workers.share_out(work, 10, least=2)
    assert sorted(found) == even_ranges(10, 3)


def test_nothing_is_shared_out_without_idle_threads_or_below_the_least() -> None:
    found: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        found.append((start, stop))

    ALONE.share_out(work, 10)
    with Threads(3) as shared:
        shared.workers.share_out(work, 10, least=6)
        # the helpers have no helpers: they would wait for one another
        shared.workers.share_out(lambda *_: shared.workers.share_out(work, 7), 3)
    assert found == [(0, 10), (0, 10), (0, 7), (0, 7), (0, 7)]


def test_a_failure_in_an_idle_thread_reaches_the_caller() -> None:
    def work(start: int, stop: int) -> None:
        if start:
            raise ArithmeticError("in a helper")

    with Threads(2) as shared:
        for _ in range(2):  # the threads are free again after a failure
            with pytest.raises(ArithmeticError, match="in a helper"):
                shared.workers.share_out(work, 2)


def test_one_long_sequence_is_attended_to_head_by_head_on_all_threads() -> None:
    layer = nn.SelfAttention(16, 4, dtype="float64")
    x = np.random.default_rng(0).standard_normal((1, 300, 16))
    assert_same(lambda: layer, x, 3)


def test_an_update_of_adam_is_the_same_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    param, grad = rng.standard_normal((2, 700, 800)).astype(np.float32)
    found = []
    for threads in (1, 2, 3):
        params, optimizer = {"weights": param}, AdamW(0.1, weight_decay=0.1)
        with Threads(threads) as shared:
            for _ in range(2):
                optimizer.update(params, {"weights": grad}, workers=shared.workers)
        found.append(params["weights"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


class Interrupted(BaseException):
    """What may come at any moment, as Ctrl-C does."""


@pytest.mark.parametrize("begun", [0, 1])
def test_an_exception_while_parts_are_handed_out_leaves_nobody_waiting(
    begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Sequential([nn.Dense(3, 3), nn.BatchNorm1D(3)])
    begin, seen = Shares.begin, list[int]()

    def interrupted(shares: Any, *arguments: Any) -> None:
        if len(seen) == begun:
            raise Interrupted
        seen.append(1)
        begin(shares, *arguments)

    before = threading.active_count()
    with Threads(4, least_input=1, least_work=1) as shared:
        with monkeypatch.context() as patch:
            patch.setattr(Shares, "begin", interrupted)
            with pytest.raises(Interrupted):
                shared.vjp(model, np.ones((8, 3), np.float32), nn.Pass(training=True))
            seen.clear()
            with pytest.raises(Interrupted):
                shared.workers.share_out(lambda *_: None, 8)
        # and the threads are free again
        shared.vjp(model, np.ones((8, 3), np.float32), nn.Pass(training=True))
        found: list[tuple[int, int]] = []
        shared.workers.share_out(lambda *each: found.append(each), 8)
    assert len(found) == 4
    assert threading.active_count() == before


def test_parts_cannot_be_handed_out_once_the_threads_have_ended() -> None:
    model = nn.Sequential([nn.Dense(3, 3), nn.BatchNorm1D(3)])
    with Threads(3, least_input=1, least_work=1) as shared:
        pass
    with pytest.raises(RuntimeError, match="after shutdown"):
        shared.vjp(model, np.ones((8, 3), np.float32), nn.Pass(training=True))


def in_eight_threads(work: Any) -> list[Any]:
    """What the work gives in each of eight threads that begin it together."""
    together = threading.Barrier(8)

    def begin() -> Any:
        together.wait(60)
        return work()

    with ThreadPoolExecutor(8) as pool:
        return [each.result(timeout=120) for each in [pool.submit(begin) for _ in range(8)]]


@pytest.mark.parametrize("name", ["motif_cnn", "danq", "attention_cnn"])
def test_one_model_gives_eight_threads_at_once_the_same_numbers(name: str) -> None:
    x, codes = small_input(name, batch=6).astype(np.float32), planted_data(40, 30).codes

    def work(model: Layer) -> list[np.ndarray]:
        y, pullback = model.vjp(x)
        grad_x, grads = pullback(np.ones_like(y))
        predicted = predict_outputs(model, codes, threads=2)
        return [model(x), y, grad_x, *grads.values(), predicted, *saliency(model, codes)]

    expected = work(small_model(name, "numpy", "float32"))
    fresh = small_model(name, "numpy", "float32")  # whose parameters are drawn by all of them
    for found in in_eight_threads(lambda: work(fresh)):
        for value, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(value, other)


def test_eight_threads_share_one_pool_of_threads() -> None:
    place = {"dtype": "float64"}
    model = nn.Sequential(
        [nn.Dense(700, 500, **place), nn.BatchNorm1D(500, **place), nn.Dense(500, 2, **place)]
    )
    x = np.random.default_rng(0).standard_normal((9, 700))
    with Threads(3, least_input=1, least_work=1) as shared:

        def work() -> list[np.ndarray]:
            y, pullback = shared.vjp(model, x, nn.Pass(training=True))
            shared.workers.share_out(lambda *_: None, 8)
            return [y, *pullback(np.ones_like(y))[1].values()]

        expected = work()
        for found in in_eight_threads(lambda: [work() for _ in range(5)][-1]):
            for value, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(value, other)


def test_a_forked_process_begins_threads_of_its_own() -> None:
    code = """
        import os, threading
        import numpy as np
        from genoml import nn
        from genoml.parallel import Threads

        model = nn.Sequential([nn.Dense(3, 3), nn.BatchNorm1D(3)])
        x = np.arange(24, dtype=np.float32).reshape(8, 3)
        with Threads(3, least_input=1, least_work=1) as shared:
            def work():
                y, pullback = shared.vjp(model, x, nn.Pass(training=True))
                found = []
                shared.workers.share_out(lambda a, b: found.append(b - a), 9)
                assert len(found) == 3
                return y.tobytes() + pullback(np.ones_like(y))[1]["0.weights"].tobytes()

            expected = work()
            held = shared.workers._taken, shared.workers.queueing
            with held[0], held[1]:  # as another thread may at that moment
                child = os.fork()
            if not child:
                with model.backend.computing():
                    same = work() == expected
                shared.__exit__(None, None, None)
                os._exit(0 if same else 3)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), work() == expected)
        with Threads(2) as other:
            other.workers.share_out(lambda a, b: None, 2)
            if not (child := os.fork()):
                raise SystemExit(4)  # through the end of the block, and of Python
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert output_of(code) == "0 True\n4"
