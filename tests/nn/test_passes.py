"""A layer of one's own that looks beyond one example is given whole batches, on threads and ranks as by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace

from genoml import nn
from genoml.backend import Array
from genoml.nn import EVALUATION, Gradient, Layer, Parameter, Pass, State
from genoml.nn.layer import Pullback
from genoml.optim import SGD
from genoml.parallel import ONE_RANK, Ranks, Threads
from genoml.random import Initializer, constant
from genoml.train import FitOptions, fit
from support.planted import planted_data
from support.thread_ranks import as_ranks


@pytest.fixture(autouse=True)
def always_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})


class Centred(Layer):
    """y[n] = scale (x[n] - sum_m w[m] x[m] / sum_m w[m]), w its real positions or 1; counts its calls."""

    scale, scale_grad = Parameter(), Gradient()
    calls = State()
    reads_mask = True

    def initial_params(self) -> dict[str, Initializer]:
        return {"scale": constant((1,), 2.0)}

    def initial_state(self) -> dict[str, Initializer]:
        return {"calls": constant((1,), 0.0)}

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, scale = array_namespace(x), self.scale
        real = run.real_steps(self, x)
        w = (
            xp.ones((x.shape[0], 1, 1), dtype=x.dtype)
            if real is None
            else xp.sum(xp.astype(real, x.dtype), axis=1)[:, None, None]
        )
        w = w / xp.sum(w)
        centred = x - xp.sum(w * x, axis=0)
        if run.training:
            self.calls = self.calls + 1.0

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Any:
            # dL/dx[n] = scale (g[n] - w[n] sum_m g[m])
            grad_x = scale * (grad - w * xp.sum(grad, axis=0)) if need_x else None
            return grad_x, {"scale": xp.reshape(xp.sum(grad * centred), (1,))} if need_params else {}

        return scale * centred, pullback


class SaysSo(Centred):
    """Wrongly."""

    in_parts = True


class Inherits(Centred):
    """Has no ``vjp`` of its own."""


def network(kind: type[Layer] = Centred, *, strands: bool = False) -> Layer:
    place: dict[str, Any] = {"dtype": "float64"}
    inner: list[Layer] = [nn.Conv1D(4, 6, 3, **place), kind(**place), nn.Dropout(0.2, **place)]
    inner += [nn.GlobalMaxPool1D(**place), nn.Dense(6, 1, **place)]
    model: Layer = nn.Sequential(inner, seed=3)
    return nn.Sequential([nn.StrandSymmetric(model)], seed=3) if strands else model


def lone() -> Layer:
    return Centred(dtype="float64")


def found(model: Layer, threads: int, mask: np.ndarray | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 4, 12))
    with Threads(threads) as shared:
        y, back = shared.vjp(model, x, Pass(training=True, step=1, mask=mask))
        grad_x, grads = back(rng.standard_normal(y.shape))
    return {"y": y, "x": grad_x, **grads, **model.state}


@pytest.mark.parametrize("strands", [False, True])
@pytest.mark.parametrize("kind", [Centred, Inherits])
@pytest.mark.parametrize("threads", [2, 3])
def test_a_layer_that_mixes_examples_gives_in_parts_what_it_gives_whole(
    threads: int, kind: type[Layer], strands: bool
) -> None:
    whole = found(network(kind, strands=strands), 1)
    parts = found(network(kind, strands=strands), threads)
    assert whole.keys() == parts.keys()
    for name, expected in whole.items():
        np.testing.assert_allclose(parts[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)


def test_it_is_given_the_mask_of_all_examples() -> None:
    mask = np.arange(4) < np.array([1, 2, 3, 4, 1, 4, 2])[:, None]
    whole, parts = found(lone(), 1, mask), found(lone(), 3, mask)
    for name, expected in whole.items():
        np.testing.assert_allclose(parts[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)
    assert not np.allclose(whole["y"], found(lone(), 3)["y"])


def test_only_a_layer_of_ones_own_is_asked_to_say_that_it_takes_parts() -> None:
    assert nn.Conv1D.in_parts
    assert nn.BatchNorm1D.in_parts
    assert not Centred.in_parts
    assert not Inherits.in_parts
    assert SaysSo.in_parts
    assert not np.allclose(found(network(SaysSo), 2)["y"], found(network(SaysSo), 1)["y"])


def test_an_output_that_has_not_a_row_for_each_example_is_refused() -> None:
    class Pooled(Layer):
        def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
            return x[:1, ...], lambda grad, **_: (grad, {})

    with pytest.raises(ValueError, match=r"Pooled output.*a row for each of x"):
        found(Pooled(dtype="float64"), 2)


def trained(ranks: Ranks = ONE_RANK, threads: int = 1) -> dict[str, np.ndarray]:
    model = network()
    options = FitOptions(epochs=2, batch_size=16, optimizer=SGD(0.1), threads=threads)
    fit(model, planted_data(24), options=options, progress=None, ranks=ranks)
    return {**model.params, **model.state}


def test_threads_and_ranks_train_it_as_one_thread_does() -> None:
    whole, threads = trained(), trained(threads=4)
    for ranks in as_ranks(2, lambda ranks: trained(ranks, 2)):
        for name, expected in whole.items():
            np.testing.assert_allclose(threads[name], expected, rtol=1e-9, err_msg=name)
            np.testing.assert_array_equal(ranks[name], threads[name], err_msg=name)
