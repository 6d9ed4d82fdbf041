"""What a search of hyper-parameters draws from: a range for each setting, drawn by trial."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from genoml.config import TrainConfig, config_types, make_config
from genoml.models import model_spec, option_types
from genoml.random import host_generator
from genoml.toml_file import read_toml, settings_of
from genoml.typed import SettingError, conform, expected, refuse_unknown, toml_value

#: settings that decide what the scores are measured on, which all trials share
_SHARED = ("seed", "validation_fraction", "validation_chromosomes")
_OPTIONS = "model_options"
#: NumPy draws integers of 64 bits
_INTEGER_BOUND = 2**62


class Range(ABC):
    """The values that a setting may take."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Any:
        """One of them."""


@dataclass(frozen=True)
class Uniform(Range):
    """Numbers from ``low`` to ``high``, all alike; of 4 digits, so that a table shows them whole."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        return _legible(rng.uniform(self.low, self.high), self.low, self.high)


@dataclass(frozen=True)
class LogUniform(Range):
    """Numbers from ``low`` to ``high`` whose logarithm is uniform; of 4 digits."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        exponent = rng.uniform(math.log(self.low), math.log(self.high))
        return _legible(math.exp(exponent), self.low, self.high)


@dataclass(frozen=True)
class Integer(Range):
    """Whole numbers from ``low`` to ``high``, both among them."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class LogInteger(Range):
    """Whole numbers from ``low`` to ``high``, both among them, whose logarithm is about uniform."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> int:
        # each number has the share of the logarithms that lies between it and the next
        exponent = rng.uniform(math.log(self.low), math.log(self.high + 1))
        return min(max(int(math.exp(exponent)), self.low), self.high)


@dataclass(frozen=True)
class Choice(Range):
    """One of some values, all alike."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


_KINDS: dict[str, Callable[..., Range]] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "integer": Integer,
    "log_integer": LogInteger,
    "choice": Choice,
}


def _legible(value: float, low: float, high: float) -> float:
    short = float(f"{value:.4g}")
    return short if low <= short < high else float(value)


@dataclass(frozen=True)
class Ranges:
    """Ranges by the path of their setting, such as ``model_options.filters``, and settings that stay as they are."""

    ranges: dict[str, Range]
    fixed: dict[str, Any]

    def draw(self, trial: int, seed: int) -> dict[str, Any]:
        """The settings of a trial by path.

        A setting depends on (seed, trial, path) alone: neither on the other ranges nor on other trials.
        """
        return {key: own.draw(host_generator(seed, "search", trial, key)) for key, own in self.ranges.items()}

    def config(self, drawn: Mapping[str, Any]) -> TrainConfig:
        """The configuration with drawn settings."""
        values = {**self.fixed, _OPTIONS: dict(self.fixed.get(_OPTIONS, {}))}
        for key, value in drawn.items():
            group, _, option = key.partition(".")
            if option:
                values[group][option] = value
            else:
                values[key] = value
        return make_config(values)


def read_ranges(path: Path) -> Ranges:
    """Ranges from a TOML file; docs/configuration.md shows one.

    Raises
    ------
    FormatError
        If it is not TOML, or a key or a range cannot be; a ValueError that names file, line and key.
    ValueError
        If it cannot be read.
    """
    values = read_toml(path)
    with settings_of(path):
        return make_ranges(values)


def make_ranges(values: Mapping[str, Any]) -> Ranges:
    """Ranges from values by key: a table such as ``{"uniform": [0, 1]}`` is a range, all else stays as it is.

    Raises
    ------
    SettingError
        If a key or a range cannot be; a ValueError that begins with the key's path.
    """
    refuse_unknown(values, TrainConfig.__struct_fields__)
    options = conform(values.get(_OPTIONS, {}), config_types()[_OPTIONS], _OPTIONS)
    ranges, fixed = {}, {}
    for key, value in values.items():
        if key == _OPTIONS:
            fixed[key] = {name: own for name, own in options.items() if not isinstance(own, Mapping)}
        elif not isinstance(value, Mapping):
            fixed[key] = conform(value, config_types()[key], key)
        elif key in _SHARED:
            raise SettingError(
                key, "decides what trials are scored on, and expects one value for all, got a range"
            )
        else:
            ranges[key] = _range(value, [config_types()[key]], key)
    for name, value in options.items():
        if isinstance(value, Mapping):
            ranges[f"{_OPTIONS}.{name}"] = _range(
                value, _option_types(name, ranges, fixed), f"{_OPTIONS}.{name}"
            )
    if not ranges:
        raise SettingError(
            "ranges", "expects at least one, such as learning_rate = { log_uniform = [1e-4, 1e-1] }"
        )
    found = Ranges(ranges, fixed)
    for model in _models(ranges, fixed):  # whether what stays as it is goes together
        drawn = found.draw(0, 0)
        found.config(drawn | ({"model": model} if "model" in ranges else {}))
    return found


def _models(ranges: Mapping[str, Range], fixed: Mapping[str, Any]) -> list[str]:
    """The models that a trial may have."""
    chosen = ranges.get("model")
    if isinstance(chosen, Choice):
        return [str(value) for value in chosen.values]
    return [fixed.get("model", TrainConfig().model)]


def _option_types(
    name: str, ranges: Mapping[str, Range], fixed: Mapping[str, Any]
) -> list[msgspec.inspect.Type]:
    """What an option takes, in each model that a trial may have."""
    found = []
    for model in _models(ranges, fixed):
        known = option_types(model)
        refuse_unknown([name], known, f"{_OPTIONS}.", of=f" of model {model}")
        found.append(known[name])
    return found


def _range(table: Mapping[str, Any], infos: list[msgspec.inspect.Type], key: str) -> Range:
    refuse_unknown(table, _KINDS, f"{key}.", of=" (kind of range)")
    if len(table) != 1:
        raise SettingError(key, f"expects one of {', '.join(_KINDS)}, got {len(table)} of them")
    ((kind, values),) = table.items()
    place = f"{key}.{kind}"
    if not isinstance(values, list | tuple) or not values:
        raise SettingError(place, f"expects a list, got {toml_value(values, shorten=True)}")
    checks = [[conform(value, info, f"{place}[{i}]") for i, value in enumerate(values)] for info in infos]
    checked = checks[0]
    if kind == "choice":
        if key == "model":
            _known_models(checked, place)
        return Choice(tuple(checked))
    if len(checked) != 2 or not checked[0] < checked[1]:
        raise SettingError(
            place, f"expects [low, high] with low < high, got {toml_value(values, shorten=True)}"
        )
    low, high = checked
    if isinstance(high, int) and high >= _INTEGER_BOUND:
        raise SettingError(place, f"expects numbers below 2**62, got {toml_value(values, shorten=True)}")
    if not all(_fits(kind, value) for value in checked):
        # a number that may be fractional, where only whole ones are taken, or the other way round
        raise SettingError(key, f"takes {expected(infos[0])}; expects {_suiting(low)} or choice, got {kind}")
    if kind.startswith("log_") and low <= 0:
        raise SettingError(f"{place}[0]", f"expects a number above 0, got {toml_value(low)}")
    return _KINDS[kind](low, high)


def _fits(kind: str, value: Any) -> bool:
    whole = kind in ("integer", "log_integer")
    return isinstance(value, int if whole else float) and not isinstance(value, bool)


def _suiting(value: Any) -> str:
    if isinstance(value, bool | str | list | tuple):
        return "nothing"
    return "integer, log_integer" if isinstance(value, int) else "uniform, log_uniform"


def _known_models(names: list[str], place: str) -> None:
    for index, name in enumerate(names):
        try:
            model_spec(name)
        except ValueError as error:
            raise SettingError(f"{place}[{index}]", str(error)) from error
