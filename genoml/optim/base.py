"""Bases of the optimisers: steps, weight decay, arrays by parameter name, all parameters in one operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj
from array_api_compat import device as device_of

from genoml.arguments import NotNegative, Positive, checked
from genoml.backend import Array
from genoml.ops.updates import update_all
from genoml.parallel import ALONE, Workers


def is_weights(name: str) -> bool:
    """Whether a parameter holds weights: not biases, nor the scales of a normalisation."""
    return name.rsplit(".", 1)[-1] == "weights"


class Optimizer:
    """Base of all optimisers.

    Parameters
    ----------
    learning_rate : float
        Step size; may be changed between updates, which is how schedules work.
    weight_decay : float
        Decay of every parameter that ``decays`` accepts.
    decays : callable, optional
        Parameter name -> whether weight decay applies; by default to weights only, not to biases and
        normalisation scales.
    """

    def __init__(
        self,
        learning_rate: Positive,
        *,
        weight_decay: NotNegative = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.decays = decays or is_weights
        self.steps = 0
        #: "<slot>/<parameter>" -> array; flat, so that a checkpoint can hold it unchanged
        self.state: dict[str, Array] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """The arguments of each optimiser's constructor are checked by their annotations."""
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            checked(cls)

    def update(
        self,
        params: MutableMapping[str, Array],
        grads: Mapping[str, Array],
        *,
        workers: Workers = ALONE,
        rates: Mapping[str, float] = MappingProxyType({}),
        in_place: bool = False,
    ) -> None:
        """Make one step: replace every parameter that has a gradient by its next value; ``workers`` may help.

        ``rates`` are multiples of the learning rate, by parameter; 1 for those left out. With ``in_place`` the arrays
        of ``params`` and ``state`` may be written to, where a backend gains by it (Adam on NumPy): it takes less memory
        and time, and whoever holds these arrays sees them change.

        Raises
        ------
        KeyError
            If a gradient has no parameter of its name.
        ValueError, TypeError
            If a gradient does not have its parameter's shape and device, array library and dtype.
        """
        own: dict[str, Array] = {}
        for name, grad in grads.items():
            try:
                own[name] = params[name]
            except KeyError:
                known = sorted(params)
                raise KeyError(f"{name!r} has a gradient and is no parameter; parameters: {known}") from None
            self._expect_like(name, own[name], grad)
        self.steps += 1
        decays = {name: self.weight_decay if self.decays(name) else 0.0 for name in grads}
        groups: dict[float, dict[str, Array]] = {}
        for name, grad in grads.items():
            groups.setdefault(rates.get(name, 1.0), {})[name] = grad
        rate = self.learning_rate
        try:
            for multiple, some in groups.items():
                self.learning_rate = rate * multiple
                for name, value in self.step_all(own, some, decays, workers, in_place=in_place):
                    params[name] = value
        finally:
            self.learning_rate = rate

    def _expect_like(self, name: str, param: Array, grad: Array) -> None:
        """Raise unless the gradient has the parameter's library, dtype, shape and device: no silent broadcast."""
        same = type(grad) is type(param) and grad.dtype == param.dtype and grad.shape == param.shape
        if same and device_of(grad) == device_of(param):
            return
        expects = f"{type(self).__name__} expects a gradient"
        if not is_array_api_obj(grad) or array_namespace(grad) is not array_namespace(param):
            kinds = [
                f"{type(value).__module__.split('.')[0]}.{type(value).__name__}" for value in (param, grad)
            ]
            raise TypeError(
                f"{expects} on the parameter's array library for {name!r}, {kinds[0]}, got {kinds[1]}"
            )
        if grad.dtype != param.dtype:
            raise TypeError(f"{expects} of {param.dtype} for {name!r}, got {grad.dtype}")
        if tuple(grad.shape) != tuple(param.shape):
            raise ValueError(f"{expects} for {name!r} of shape {tuple(param.shape)}, got {tuple(grad.shape)}")
        if device_of(grad) != device_of(param):
            raise ValueError(
                f"{expects} for {name!r} on device {device_of(param)}, got one on {device_of(grad)}"
            )

    def step_all(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        decays: Mapping[str, float],
        workers: Workers,
        *,
        in_place: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        """The next value of each parameter that has a gradient, one after another."""
        for name, grad in grads.items():
            yield name, self.step_one(name, params[name], grad, decays[name], workers)

    def step_one(self, name: str, param: Array, grad: Array, decay: float, workers: Workers) -> Array:
        """The next value of one parameter; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define step_one")

    def slot(self, slot: str, name: str, like: Array, first: float = 0.0) -> Array:
        """One of the optimiser's arrays for a parameter; full of ``first`` at first."""
        key = f"{slot}/{name}"
        if key not in self.state:
            self.state[key] = array_namespace(like).full_like(like, first)
        return self.state[key]


class Together(Optimizer):
    """Base of optimisers whose step is one operation on all parameters, ``step_together``."""

    def step_all(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        decays: Mapping[str, float],
        workers: Workers,
        *,
        in_place: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        """See Optimizer: all at once, unless a subclass has a step of its own."""
        if type(self).step_one is Together.step_one:
            return self.step_together(params, grads, decays, workers, in_place=in_place)
        return super().step_all(params, grads, decays, workers)

    def step_one(self, name: str, param: Array, grad: Array, decay: float, workers: Workers) -> Array:
        """See Optimizer."""
        ((_, updated),) = self.step_together({name: param}, {name: grad}, {name: decay}, workers)
        return updated

    def step_together(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        decays: Mapping[str, float],
        workers: Workers,
        *,
        in_place: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        """The next value of each parameter that has a gradient; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define step_together")


@dataclass(frozen=True)
class Rule:
    """A formula of ``genoml.ops.updates``, its numbers, and the first value of each array that it keeps."""

    name: str
    numbers: Mapping[str, float]
    slots: Mapping[str, float] = field(default_factory=dict)


class ByRule(Together):
    """Base of optimisers whose step is a formula of ``genoml.ops.updates``, ``rule()``."""

    def step_together(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        decays: Mapping[str, float],
        workers: Workers,
        *,
        in_place: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        """See the class."""
        rule, names = self.rule(), list(grads)
        own = [params[name] for name in names]
        slots = [
            [self.slot(slot, name, params[name], first) for name in names]
            for slot, first in rule.slots.items()
        ]
        stepped = update_all(
            own, list(grads.values()), slots, [decays[name] for name in names], rule=rule.name, **rule.numbers
        )
        for name, (updated, *kept) in zip(names, stepped, strict=True):
            self.state |= {f"{slot}/{name}": value for slot, value in zip(rule.slots, kept, strict=True)}
            yield name, updated

    def rule(self) -> Rule:
        """The formula of the next step; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define rule")
