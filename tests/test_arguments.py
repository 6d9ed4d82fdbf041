"""Arguments of the wrong kind: every layer, optimiser, schedule and loss names the argument and what it expects."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

from genoml import nn, optim
from genoml.arguments import Count, Limits, checked
from genoml.data import Augmentation, NegativeSampler, k_folds, split_by_group, split_random, split_three_ways
from genoml.models import MODELS
from genoml.nn import Layer
from genoml.ops.activations import ACTIVATIONS, ActivationName
from genoml.optim import schedules
from genoml.testing.cases import loss_cases
from genoml.testing.layers import LAYERS
from genoml.train import BinaryClassification, Counts, FitOptions, MultiClassification, Regression
from support.optimizers import OPTIMIZERS
from support.planted import planted_data

_SKIPPED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _within(layer: Layer) -> Iterator[Layer]:
    yield layer
    for child in layer.children.values():
        yield from _within(child)


def _layers() -> dict[str, Callable[..., Any]]:
    """A constructor of each exported layer with arguments that are right, from the cases of the layers."""
    found: dict[str, Callable[..., Any]] = {}
    for case in LAYERS.values():
        for layer in _within(case.make()):
            kind = type(layer)
            settings = dict(layer.settings())
            if "layer" in inspect.signature(kind).parameters:
                settings["layer"] = next(iter(layer.children.values()))
            elif "layers" in inspect.signature(kind).parameters:
                settings["layers"] = layer.children
            elif "model" in inspect.signature(kind).parameters:
                settings["model"] = layer.children["model"]
            found.setdefault(kind.__name__, partial(kind, **settings))
    return {name: found[name] for name in sorted(found) if getattr(nn, name, None) is found[name].func}  # type: ignore[attr-defined]


_SCHEDULES = {
    "one_cycle": partial(schedules.one_cycle, total=9),
    "step_decay": partial(schedules.step_decay, every=3),
    "cosine": partial(schedules.cosine, total=9),
    "warm_up": partial(schedules.warm_up, steps=3),
    "ReduceOnPlateau": schedules.ReduceOnPlateau,
}
_DATA = planted_data(4)
_OTHERS: dict[str, Callable[..., Any]] = {
    "FitOptions": FitOptions,
    "Augmentation": Augmentation,
    "NegativeSampler": NegativeSampler,
    "BinaryClassification": BinaryClassification,
    "MultiClassification": MultiClassification,
    "Regression": Regression,
    "Counts": Counts,
    "split_random": partial(split_random, data=_DATA, fraction=0.25, seed=0),
    "split_by_group": partial(split_by_group, data=_DATA, groups=["a"]),
    "split_three_ways": partial(split_three_ways, data=_DATA, validation=["a"], test=["b"]),
    "k_folds": partial(k_folds, data=_DATA, k=2),
    "limit_norms": partial(optim.limit_norms, params={}, max_norm=1.0),
    "clip_by_norm": partial(optim.clip_by_norm, grads={"w": np.ones(2)}, max_norm=1.0),
    "clip_by_value": partial(optim.clip_by_value, grads={"w": np.ones(2)}, limit=1.0),
}
_LOSSES = {
    name: partial(case.loss, *case.inputs, case.targets, **case.options)
    for name, case in loss_cases().items()
}
MAKERS: dict[str, Callable[..., Any]] = {
    **_layers(),
    **{type(case.make()).__name__: type(case.make()) for case in OPTIMIZERS.values()},
    **_SCHEDULES,
    **{name: spec.build for name, spec in MODELS.items()},
    **_OTHERS,
    **_LOSSES,
}


def _members(kind: Any) -> list[Any]:
    """The kinds that an annotation allows, without their ranges."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [each for part in get_args(kind) for each in _members(part)]
    return [get_origin(kind) or kind]


def _least(kind: Any) -> float | None:
    """The lower bound of the numbers that an annotation allows."""
    if get_origin(kind) is Annotated:
        meta: Limits = get_args(kind)[1]
        return meta.ge if meta.ge is not None else meta.gt
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    return next((least for part in parts if (least := _least(part)) is not None), None)


def _wrong(kind: Any) -> list[Any]:
    """Values that no argument with this annotation may have."""
    kinds = _members(kind)
    if Any in kinds:
        return []
    allowed = {
        str: ("text",), int: ("whole",), float: ("whole", "part"), bool: ("truth",), type(None): ("nothing",)
    }  # fmt: skip
    right = {word for each in kinds for word in allowed.get(each, ())}
    pool = {
        "text": "4", "whole": 7, "part": 4.0, "truth": True, "nothing": None, "bytes": b"x", "other": object(),
        "nan": math.nan, "set": [object()] if {list, tuple, Sequence, Iterable, np.ndarray} & {*kinds} else {"a"},
    }  # fmt: skip
    wrong = [value for word, value in pool.items() if word not in right]
    return wrong if _least(kind) is None else [*wrong, -3 if int in kinds else -0.5]


def _arguments() -> Iterator[tuple[str, str, Any]]:
    for name, make in MAKERS.items():
        target = make.func if isinstance(make, partial) else make
        function = target.__init__ if isinstance(target, type) else target
        hints = get_type_hints(function, include_extras=True)
        taken = len(make.args) if isinstance(make, partial) else 0
        for each in list(inspect.signature(target).parameters.values())[taken:]:
            if each.kind not in _SKIPPED and each.name not in ("backend", "layers", "calibration"):
                yield name, each.name, hints[each.name]


@pytest.mark.parametrize(
    ("name", "argument", "kind"), [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in _arguments()]
)
def test_an_argument_of_the_wrong_kind_is_named_with_what_is_expected(
    name: str, argument: str, kind: Any
) -> None:
    for value in _wrong(kind):
        with pytest.raises((TypeError, ValueError)) as caught:
            MAKERS[name](**{argument: value})
        message = str(caught.value)
        assert re.fullmatch(rf"{name} expects .*\b{argument}\b.*, got .+", message), message
        assert "\n" not in message


def test_every_exported_layer_optimiser_and_schedule_is_asked() -> None:
    layers = {name for name, kind in vars(nn).items() if isinstance(kind, type) and issubclass(kind, Layer)}
    optimisers = {
        name
        for name, kind in vars(optim).items()
        if isinstance(kind, type) and issubclass(kind, optim.Optimizer)
    }
    asked = set(MAKERS) | {"Layer", "Optimizer"}
    assert layers | optimisers | set(schedules.__all__) - {"Schedule", "constant"} <= asked


@pytest.mark.parametrize("name", _layers())
def test_numbers_of_numpy_make_the_same_layer(name: str) -> None:
    make = _layers()[name]
    numbers = {
        key: {int: np.int64, float: np.float32, bool: np.bool_}[type(value)](value)
        for key, value in make.keywords.items()  # type: ignore[attr-defined]
        if type(value) in (int, bool, float)
    }
    layer = make(**numbers)
    for key, value in layer.settings().items():
        assert not isinstance(value, np.generic), key
    assert layer.settings().keys() == make().settings().keys()


@pytest.mark.parametrize("layers", [nn.ReLU(), 3, None, "ReLU", {"a"}])
@pytest.mark.parametrize("kind", [nn.Sequential, nn.Parallel, nn.CroppedResidual])
def test_a_container_expects_a_list_or_a_dict_of_layers(kind: Any, layers: Any) -> None:
    with pytest.raises(TypeError, match=f"^{kind.__name__} expects layers, "):
        kind(layers)


def test_the_names_of_activations_are_those_of_the_table() -> None:
    assert set(get_args(ActivationName)) == ACTIVATIONS.keys() | {"linear"}


def test_a_layer_of_ones_own_is_checked_by_what_it_annotates() -> None:
    class Own(Layer):
        def __init__(self, size: Count, table: Mapping[str, Any] | None = None, other: Any = None) -> None:
            super().__init__()
            self.size = size

    assert type(Own(np.int32(3)).size) is int
    with pytest.raises(TypeError, match=r"^Own expects size, a whole number, got '3'$"):
        Own("3")
    with pytest.raises(TypeError, match=r"^Own expects table, a dict, got list$"):
        Own(3, [])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'size'"):
        Own()


def test_an_annotation_that_cannot_be_evaluated_is_not_checked() -> None:
    @checked
    def function(size: NoSuchName) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return size

    assert function("3") == "3"


def test_a_list_may_stand_beside_an_array_of_a_kind() -> None:
    @checked
    def take(values: NDArray[np.uint8] | list[str]) -> int:
        return len(values)

    assert take(["a", "b", "c"]) == 3
