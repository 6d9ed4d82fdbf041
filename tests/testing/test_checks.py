"""The checkers catch what they are for: each planted fault fails its check, the sound layer passes all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml import get_backend, testing
from genoml.backend import Backend, use_backend
from genoml.losses import binary_cross_entropy_with_logits
from genoml.nn.layer import EVALUATION, Gradient, Layer, Parameter, Pass, State, expect_shape
from genoml.random import constant, normal
from genoml.testing import LayerCase, check_gradients, check_layer, check_loss
from support.backends import StrictBackend
from support.guard import no_host_read

NUMPY = get_backend("numpy")


class Scale(Layer):
    """y = x * weights: a sound layer, from which each faulty one differs in one thing."""

    weights, weights_grad = Parameter(), Gradient()

    def initial_params(self) -> Any:
        return {"weights": normal((3,), 1.0)}

    def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
        expect_shape("Scale", x, x.ndim == 2 and x.shape[1] == 3, "(batch, 3)")
        weights = self.weights

        def pullback(grad: Any, *, need_x: bool = True, need_params: bool = True) -> Any:
            grads = {"weights": array_namespace(x).sum(grad * x, axis=0)} if need_params else {}
            return (grad * weights if need_x else None), grads

        return x * weights, pullback


def altered(
    change_y: Callable[..., Any] = lambda layer, x, y: y,
    change_pullback: Callable[..., Any] = lambda layer, x, grad, need_x, result: result,
) -> type[Scale]:
    """Scale with another output or another pullback."""

    class Faulty(Scale):
        def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
            y, back = super().vjp(x, run)

            def pullback(grad: Any, *, need_x: bool = True, need_params: bool = True) -> Any:
                return change_pullback(
                    self, x, grad, need_x, back(grad, need_x=need_x, need_params=need_params)
                )

            return change_y(self, x, y), pullback

    return Faulty


def case_of(layer: type[Layer] | Callable[[], Layer], **changes: Any) -> LayerCase:
    settings: dict[str, Any] = {
        "shape": (4, 3),
        "edges": [(0, 3), (1, 3)],
        "errors": [((4, 2), "Scale expects (batch, 3), got (4, 2)")],
        "reference": lambda arrays, x: x * arrays["weights"],
    }
    return LayerCase(layer, **(settings | changes))


@contextmanager
def strict() -> Iterator[Backend]:
    with use_backend(StrictBackend()) as backend:
        yield backend


def refused(case: LayerCase, message: str, backend: Backend = NUMPY, **options: Any) -> None:
    with pytest.raises(AssertionError, match=message):
        check_layer(case, backend=backend, **options)


def test_the_sound_layer_passes_everywhere(backend: Backend) -> None:
    float64 = "no_float64" not in str(backend.device)
    check_layer(case_of(Scale), backend=backend, float64=float64, no_host_read=lambda: no_host_read(backend))


# ---------------------------------------------------------------- wrong numbers


def test_a_wrong_forward_is_caught() -> None:
    refused(case_of(altered(lambda layer, x, y: y * 1.0001)), "forward against the reference")


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.0001, 2.0])
def test_a_wrong_gradient_of_the_input_is_caught(factor: float) -> None:
    faulty = altered(
        change_pullback=lambda layer, x, grad, need_x, r: (r[0] * factor if need_x else None, r[1])
    )
    refused(case_of(faulty), "gradient of x: pullback gives")


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.0001, 2.0])
def test_a_wrong_gradient_of_a_parameter_is_caught(factor: float) -> None:
    faulty = altered(
        change_pullback=lambda layer, x, grad, need_x, r: (r[0], {"weights": r[1]["weights"] * factor})
    )
    refused(case_of(faulty), "gradient of weights: pullback gives")


def test_one_wrong_entry_of_a_gradient_is_caught() -> None:
    def change(layer: Layer, x: Any, grad: Any, need_x: bool, result: Any) -> Any:
        bump = np.zeros(x.shape)
        bump[-1, -1] = 1e-3
        return (result[0] + bump if need_x else None), result[1]

    refused(case_of(altered(change_pullback=change)), "gradient of x")


def test_a_missing_gradient_of_a_parameter_is_caught() -> None:
    faulty = altered(change_pullback=lambda layer, x, grad, need_x, r: (r[0], {}))
    refused(case_of(faulty), r"gradients of \['x'\], expected \['weights', 'x'\]")


def test_a_gradient_of_another_shape_is_caught() -> None:
    faulty = altered(change_pullback=lambda layer, x, grad, need_x, r: (r[0], {"weights": (grad * x)}))
    refused(case_of(faulty), r"gradient of weights has shape \(4, 3\), not \(3,\)")


class Softmax(Layer):
    """A backward that is right where the cotangent is constant along the row: there both vanish."""

    right: ClassVar[bool]

    def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
        expect_shape("Softmax", x, x.ndim == 2, "(batch, classes)")
        xp = array_namespace(x)
        e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
        y = e / xp.sum(e, axis=1, keepdims=True)

        def pullback(grad: Any, *, need_x: bool = True, need_params: bool = True) -> Any:
            inner = xp.sum(grad * y, axis=1, keepdims=True)
            wrong = grad - xp.mean(grad, axis=1, keepdims=True)
            return (y * (grad - inner if self.right else wrong) if need_x else None), {}

        return y, pullback


class WrongSoftmax(Softmax):
    right = False


class RightSoftmax(Softmax):
    right = True


def test_a_softmax_that_is_right_for_a_cotangent_of_ones_only_is_caught() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3))
    layer = WrongSoftmax(dtype="float64", backend=NUMPY)
    grad_x, _ = layer.vjp(x)[1](np.ones((4, 3)))
    np.testing.assert_allclose(grad_x, 0.0, atol=1e-15)  # and so are the differences: the fault does not show
    with pytest.raises(AssertionError, match="gradient of x"):
        check_gradients(layer, x)
    check_gradients(RightSoftmax(dtype="float64", backend=NUMPY), x)


# ---------------------------------------------------------------- bad manners


def test_a_pullback_that_forgets_need_x_is_caught() -> None:
    faulty = altered(change_pullback=lambda layer, x, grad, need_x, r: (grad * layer.weights, r[1]))
    refused(case_of(faulty), "computes the input's gradient although need_x is False")


def test_a_layer_that_writes_to_its_input_is_caught() -> None:
    def change(layer: Layer, x: Any, y: Any) -> Any:
        x[:] = np.maximum(x, 0.0)
        return y

    with pytest.raises(AssertionError, match="the input was changed"):
        testing.check_pure(
            case_of(altered(change)), NUMPY, "float64", no_host_read=lambda: no_host_read(NUMPY)
        )


def test_a_pullback_that_writes_to_its_gradient_is_caught() -> None:
    def change(layer: Layer, x: Any, grad: Any, need_x: bool, result: Any) -> Any:
        grad *= 1.0 + 1e-9
        return result

    refused(
        case_of(altered(change_pullback=change)), "the output's gradient was changed|called twice differs"
    )


def test_a_forward_that_writes_to_a_parameter_is_caught() -> None:
    def change(layer: Any, x: Any, y: Any) -> Any:
        layer.weights = layer.weights * (1.0 + 1e-9)
        return y

    with pytest.raises(AssertionError, match="parameter weights was changed"):
        testing.check_pure(case_of(altered(change)), NUMPY, "float64", lambda: no_host_read(NUMPY))


def test_a_pullback_that_serves_once_is_caught() -> None:
    counter = itertools.count()
    faulty = altered(
        change_pullback=lambda layer, x, grad, need_x, r: (r[0] + next(counter) if need_x else None, r[1])
    )
    with pytest.raises(AssertionError, match="a pullback called twice differs"):
        testing.check_pure(case_of(faulty), NUMPY, "float64", lambda: no_host_read(NUMPY))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x[0, 0]),
        lambda x: bool(x[0, 0] > 0),
        lambda x: int(x[0, 0]),
        lambda x: np.from_dlpack(x),
        lambda x: np.asarray(x),
        lambda x: list(x[0, :]),
    ],
    ids=["float", "bool", "int", "dlpack", "asarray", "iteration"],
)
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_read_on_the_host_is_caught(read: Callable[[Any], Any], where: str) -> None:
    def in_forward(layer: Layer, x: Any, y: Any) -> Any:
        read(x)
        return y

    def in_backward(layer: Layer, x: Any, grad: Any, need_x: bool, result: Any) -> Any:
        read(grad)
        return result

    faulty = altered(in_forward) if where == "forward" else altered(change_pullback=in_backward)
    with use_backend(StrictBackend("CPU_DEVICE")) as backend:
        guard = lambda: no_host_read(backend)  # noqa: E731
        with pytest.raises(AssertionError, match="read on the host"):
            testing.check_pure(case_of(faulty), backend, "float64", guard)
        testing.check_pure(case_of(Scale), backend, "float64", guard)


def test_the_guard_ends_with_its_block() -> None:
    with strict() as backend:
        array = backend.asarray([2.5])
        with pytest.raises(AssertionError), no_host_read(backend):
            float(array[0])
        assert float(array[0]) == 2.5


def test_a_layer_that_draws_other_numbers_each_time_is_caught() -> None:
    rng = np.random.default_rng()
    faulty = altered(lambda layer, x, y: y + 1e-13 * rng.standard_normal(y.shape))
    with pytest.raises(AssertionError, match="two runs differ"):
        testing.check_same_numbers(case_of(faulty), NUMPY, "float64")


def test_a_backend_with_other_numbers_is_caught() -> None:
    class Off(type(NUMPY)):  # type: ignore[misc]
        name = "off"

        def asarray(self, values: Any, dtype: str | None = None) -> Any:
            return np.asarray(values, dtype) * (1.0 + 1e-6)

    with pytest.raises(AssertionError, match="against NumPy: differs by"):
        testing.check_same_numbers(case_of(Scale), Off(), "float64")


# ---------------------------------------------------------------- dtypes, edges, errors, files


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("what", ["output", "gradient of x", "gradient of weights"])
def test_a_layer_that_loses_its_dtype_is_caught(what: str, dtype: Any) -> None:
    def change(layer: Layer, x: Any, grad: Any, need_x: bool, result: Any) -> Any:
        grad_x, grads = result
        if what == "gradient of x" and need_x:
            grad_x = grad_x.astype(dtype)
        if what == "gradient of weights":
            grads = {"weights": grads["weights"].astype(dtype)}
        return grad_x, grads

    if what == "output":
        faulty = altered(lambda layer, x, y: y.astype(dtype))
    else:
        faulty = altered(change_pullback=change)
    # whichever way it goes: always single precision, or always double
    with pytest.raises(AssertionError, match=r"expected float|differs by|pullback gives"):
        check_layer(case_of(faulty), backend=NUMPY)
    wanted = "float64" if dtype is np.float32 else "float32"
    with pytest.raises(AssertionError, match=f"{what} is float.*expected {wanted}"):
        testing.check_dtypes(case_of(faulty), NUMPY, wanted)


def test_a_state_that_loses_its_dtype_is_caught() -> None:
    class Counting(Scale):
        seen = State()

        def initial_state(self) -> Any:
            return {"seen": constant((3,), 0.0)}

        def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
            if run.training:
                self.seen = self.seen + np.ones(3, np.float64)
            return super().vjp(x, run)

    with pytest.raises(AssertionError, match="seen is float64, expected float32"):
        check_layer(case_of(Counting), backend=NUMPY)


def test_an_edge_that_gives_nan_is_caught() -> None:
    faulty = altered(lambda layer, x, y: y if x.shape[0] > 1 else y * np.nan)
    refused(case_of(faulty), r"input \(1, 3\): y is not finite")


def test_a_layer_that_depends_on_the_memory_layout_is_caught() -> None:
    faulty = altered(lambda layer, x, y: y if x.flags.c_contiguous else y + 1.0)
    refused(case_of(faulty), "of a non-contiguous input")


def test_a_pullback_that_depends_on_the_memory_layout_is_caught() -> None:
    def change(layer: Layer, x: Any, grad: Any, need_x: bool, result: Any) -> Any:
        return (result[0] if 0 not in grad.strides or not need_x else result[0] * 2.0), result[1]

    refused(case_of(altered(change_pullback=change)), "gradient of a broadcast cotangent")


class Unchecked(Scale):
    """Takes whatever broadcasts."""

    def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
        weights = self.weights
        back = lambda grad, *, need_x=True, need_params=True: (  # noqa: E731
            grad * weights if need_x else None,
            {"weights": np.sum(grad * x, axis=0)} if need_params else {},
        )
        return x * weights, back


def test_a_layer_that_takes_a_wrong_shape_is_caught() -> None:
    refused(case_of(Unchecked, errors=[((4, 1), "expects")]), r"input \(4, 1\) was accepted")


def test_a_message_without_what_was_expected_is_caught() -> None:
    refused(case_of(Scale, errors=[((4, 2), "expects (batch, 5)")]), "lacks 'expects")


def test_a_layer_that_takes_integers_is_caught() -> None:
    class Lenient(Scale):
        def check_dtype(self, x: Any) -> None:
            pass

    refused(case_of(Lenient), "an input of ndarray with the wrong kind was accepted")


def test_a_layer_that_keeps_something_out_of_its_file_is_caught() -> None:
    numbers = itertools.count()

    class Hidden(Scale):
        def __init__(self) -> None:
            super().__init__()
            self.secret = float(next(numbers))

        def __call__(self, x: Any, **options: Any) -> Any:
            return super().__call__(x, **options) + self.secret

    with pytest.raises(AssertionError, match="the loaded layer gives another output"):
        testing.check_saved(case_of(Hidden), NUMPY, "float64")


def test_a_checked_layer_is_left_as_it_was() -> None:
    case = case_of(Scale)
    layer = case.build(NUMPY, "float64")
    before = {name: value.copy() for name, value in layer.params.items()}
    check_gradients(layer, case.input())
    for name, value in before.items():
        np.testing.assert_array_equal(layer.params[name], value)


# ---------------------------------------------------------------- losses


LOGITS, LABELS = np.array([[0.3], [-1.2], [2.0]]), np.array([[1.0], [0.0], [1.0]])


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.0001, 3.0])
def test_a_loss_with_a_wrong_gradient_is_caught(factor: float) -> None:
    def wrong(predictions: Any, targets: Any) -> Any:
        value, grad = binary_cross_entropy_with_logits(predictions, targets)
        return value, grad * factor

    with pytest.raises(AssertionError, match="the loss gives gradient"):
        check_loss(wrong, LOGITS, LABELS)
    check_loss(binary_cross_entropy_with_logits, LOGITS, LABELS)


def test_a_loss_that_forgets_the_mean_is_caught() -> None:
    def wrong(predictions: Any, targets: Any) -> Any:
        value, _ = binary_cross_entropy_with_logits(predictions, targets)
        return value, binary_cross_entropy_with_logits(predictions, targets, reduction="sum")[1]

    with pytest.raises(AssertionError, match="the loss gives gradient"):
        check_loss(wrong, LOGITS, LABELS)


def test_a_loss_gradient_of_another_shape_is_caught() -> None:
    def wrong(predictions: Any, targets: Any) -> Any:
        value, grad = binary_cross_entropy_with_logits(predictions, targets)
        return value, grad[:, 0]

    with pytest.raises(AssertionError, match=r"gradient has shape \(3,\), not \(3, 1\)"):
        check_loss(wrong, LOGITS, LABELS)


# ---------------------------------------------------------------- layers that read integers


class Table(Layer):
    """y = weights[x]: sound, and altered by ``change``."""

    weights, weights_grad = Parameter(), Gradient()
    change = staticmethod(lambda grad, result: result)

    def initial_params(self) -> Any:
        return {"weights": normal((5, 2), 1.0)}

    def check_dtype(self, x: Any) -> None:
        if not array_namespace(x).isdtype(x.dtype, "integral"):
            raise TypeError(f"Table expects integers, got {x.dtype}")

    def vjp(self, x: Any, run: Pass = EVALUATION) -> Any:
        expect_shape("Table", x, x.ndim == 1, "(batch,)")
        xp, weights = array_namespace(x), self.weights
        hits = xp.astype(x[:, None] == xp.arange(5, dtype=x.dtype, device=device_of(x)), weights.dtype)

        def pullback(grad: Any, *, need_x: bool = True, need_params: bool = True) -> Any:
            return self.change(
                grad, (None, {"weights": xp.matrix_transpose(hits) @ grad} if need_params else {})
            )

        return hits @ weights, pullback


TOKENS: dict[str, Any] = {
    "shape": (4,),
    "edges": [(0,), (1,)],
    "errors": [((4, 2), "Table expects (batch,), got (4, 2)")],
    "reference": lambda arrays, x: arrays["weights"][x],
    "sample": lambda rng, shape: rng.integers(0, 5, shape),
    "integer": True,
}


def table(change: Callable[..., Any]) -> type[Layer]:
    return type("Table", (Table,), {"change": staticmethod(change)})


def test_a_sound_layer_that_reads_integers_passes_everywhere(backend: Backend) -> None:
    float64 = "no_float64" not in str(backend.device)
    case = case_of(Table, **TOKENS)
    check_layer(case, backend=backend, float64=float64, no_host_read=lambda: no_host_read(backend))


def test_a_wrong_gradient_of_a_table_is_caught() -> None:
    faulty = table(lambda grad, result: (None, {"weights": result[1]["weights"] * 1.0001}))
    refused(case_of(faulty, **TOKENS), "gradient of weights: pullback gives")


def test_a_gradient_of_integers_is_caught() -> None:
    refused(case_of(table(lambda grad, result: (grad, result[1])), **TOKENS), "expected \\['weights'\\]")


def test_a_table_that_takes_floats_is_caught() -> None:
    lenient = type("Table", (Table,), {"check_dtype": lambda self, x: None})
    refused(case_of(lenient, **TOKENS), "with the wrong kind was accepted")


def test_floats_without_a_gradient_are_caught() -> None:
    faulty = altered(change_pullback=lambda layer, x, grad, need_x, r: (None, r[1]))
    refused(case_of(faulty), "expected \\['weights', 'x'\\]")
