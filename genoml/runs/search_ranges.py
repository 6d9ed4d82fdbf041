"""Ranges of a hyper-parameter search: a file of settings in which some values are ranges."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from genoml.io.settings import make_settings, read_toml, settings_error
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import make_config, toml_value
from genoml.runs.tasks import SCORES

#: settings that decide what the scores are measured on, which all trials share
_SHARED = ("seed", "validation_fraction", "validation_chromosomes")
_OPTIONS = "model_options"
#: Optuna draws integers of 64 bits
_Float = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
_Integer = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Range(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Range of a setting, of one kind, as in ``{ log_uniform = [1e-4, 1e-1] }``.

    Attributes
    ----------
    uniform, log_uniform : two floats
        Numbers from low to high; for the second their logarithm is uniform. Of 4 digits, so that a table
        shows them whole.
    integer, log_integer : two ints
        Whole numbers from low to high, both among them.
    choice : list
        Any values.

    Raises
    ------
    ValueError
        If there is not one kind, low is not below high, or the low end of a logarithmic range not above 0.
    """

    uniform: tuple[_Float, _Float] | None = None
    log_uniform: tuple[_Float, _Float] | None = None
    integer: tuple[_Integer, _Integer] | None = None
    log_integer: tuple[_Integer, _Integer] | None = None
    choice: Annotated[list[Any], Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        kinds_set = msgspec.to_builtins(self)
        if len(kinds_set) != 1:
            kinds = ", ".join(self.__struct_fields__)
            raise ValueError(f"expects one of {kinds}, got {len(kinds_set)} of them")
        if self.choice is None:
            low, high = self.values
            if not low < high:
                raise ValueError(f"expects [low, high] with low < high, got {toml_value([low, high])}")
            if self.kind.startswith("log_") and low <= 0:
                raise ValueError(f"expects numbers above 0 for {self.kind}, got {toml_value(low)}")

    @property
    def kind(self) -> str:
        """Name of its kind, which is that of its field."""
        return next(key for key in self.__struct_fields__ if getattr(self, key) is not None)

    @property
    def values(self) -> list[Any]:
        """Both ends, or the choices."""
        return list(getattr(self, self.kind))

    def distribution(self) -> Any:
        """The range for Optuna; a choice that is neither text nor number becomes its TOML."""
        from optuna import distributions

        if self.choice is not None:
            return distributions.CategoricalDistribution([_label(value) for value in self.choice])
        whole = self.kind.endswith("integer")
        kind = distributions.IntDistribution if whole else distributions.FloatDistribution
        return kind(*self.values, log=self.kind.startswith("log_"))

    def setting(self, drawn: Any) -> Any:
        """Value of the setting for a value that Optuna drew."""
        if self.choice is not None:
            return next(value for value in self.choice if _label(value) == drawn)
        if not isinstance(drawn, float):
            return drawn
        low, high = self.values
        short = float(f"{drawn:.4g}")
        return short if low <= short <= high else drawn


def _label(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else toml_value(value)


@dataclass(frozen=True)
class Ranges:
    """Ranges by the path of their setting, such as ``model_options.filters``, and fixed settings."""

    ranges: dict[str, Range]
    fixed: dict[str, Any]

    def settings(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the settings by path, for the values that Optuna drew."""
        return {key: each.setting(drawn[key]) for key, each in self.ranges.items()}

    def config(self, settings: Mapping[str, Any]) -> TrainConfig:
        """Configuration with these settings by path."""
        values, options = dict(self.fixed), {}
        for key, value in settings.items():
            _, _, option = key.partition(".")
            if option:
                options[option] = value
            else:
                values[key] = value
        if options:
            values[_OPTIONS] = {**self.fixed.get(_OPTIONS, {}), **options}
        config = make_config(values)
        # trials are compared, so that none chooses its own network
        return msgspec.structs.replace(config, model=config.network, members=config.members or 1)


def read_ranges(path: Path) -> dict[str, Any]:
    """Read and check a TOML file of ranges; docs/configuration.md shows one.

    Raises
    ------
    FormatError
        If it is not TOML, or a key or a range cannot be; a ValueError that names the file and the key's path.
    ValueError
        If it cannot be read.
    """
    values = read_toml(path)
    try:
        make_ranges(values)
    except ValueError as error:
        raise settings_error(path, error) from error
    return values


def make_ranges(values: Mapping[str, Any]) -> Ranges:
    """Make ranges from values by key; a table such as ``{"uniform": [0, 1]}`` is a range, all else is fixed.

    Raises
    ------
    ValueError
        If a key or a range cannot be; the message begins with the key's path.
    """
    ranges: dict[str, Range] = {}
    fixed: dict[str, Any] = {}
    for key, value in values.items():
        if key == _OPTIONS and isinstance(value, Mapping):
            tables = {f"{key}.{name}": part for name, part in value.items() if isinstance(part, Mapping)}
            ranges |= {path: _range(table, path) for path, table in tables.items()}
            fixed[key] = {name: part for name, part in value.items() if not isinstance(part, Mapping)}
        elif isinstance(value, Mapping) and key != "data":
            ranges[key] = _range(value, key)
        else:
            fixed[key] = value
    result = Ranges(ranges, fixed)
    for settings in _corners(ranges):
        result.config(settings)
    if not ranges:
        raise ValueError(
            "ranges: expects at least one, such as learning_rate = { log_uniform = [1e-4, 1e-1] }"
        )
    return result


def _range(table: Mapping[str, Any], key: str) -> Range:
    if key in _SHARED:
        raise ValueError(
            f"{key}: decides what trials are scored on, and expects one value for all, got a range"
        )
    return make_settings(table, Range, key, of=" (kind of range)")


def _corners(ranges: Mapping[str, Range]) -> Iterator[dict[str, Any]]:
    """Settings that together cover both ends of each range, and each choice, with each model."""
    first = {key: each.values[0] for key, each in ranges.items()}
    models = [{"model": name} for name in ranges["model"].values] if "model" in ranges else [{}]
    for model in models:
        yield first | model
        for key, each in ranges.items():
            if key != "model":
                yield from (first | model | {key: value} for value in each.values)


class SearchRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Record of a search: data, ranges and options, which decide the result, unlike the number of processes."""

    #: two files of sequences; empty: a table or a genome, as ``data`` of the ranges says
    positives: str = ""
    negatives: str = ""
    #: sha256 of the files, or the word shuffle
    data: dict[str, str]
    #: as the file of ranges had them, with the task in ``data``
    ranges: dict[str, Any]
    trials: int
    seed: int = 0
    sampler: Literal["tpe", "random"] = "tpe"
    #: of successive halving: one in ``factor`` trials continues; None: all are trained to their end
    factor: int | None = None
    min_epochs: int = 1
    #: threads of each trial
    threads: int
    backend: str

    @property
    def score(self) -> str:
        """Score in validation that trials are compared by."""
        return f"validation_{SCORES[self.ranges.get('data', {}).get('task', 'binary')]}"


def planned(record: SearchRecord) -> Ranges:
    """Ranges of a search with its defaults: the epochs, and no baseline, which is the same for all trials.

    Raises
    ------
    ValueError
        If the ranges or the numbers of the search cannot be.
    """
    ranges = make_ranges(record.ranges)
    negatives = [record.negatives, *record.ranges.get("data", {}).get("negatives", [])]
    defaults = {"epochs": 40 if "shuffle" in negatives else 20, "baseline": False}
    fixed = {key: value for key, value in defaults.items() if key not in ranges.ranges} | ranges.fixed
    for name, value, least in (
        ("trials", record.trials, 1), ("factor", record.factor or 2, 2), ("min_epochs", record.min_epochs, 1),
    ):  # fmt: skip
        if value < least:
            raise ValueError(f"{name} expects at least {least}, got {value}")
    if record.factor is not None:
        if "epochs" in ranges.ranges:
            raise ValueError("epochs: is what successive halving varies, and expects one number, got a range")
        if record.min_epochs > fixed["epochs"]:
            raise ValueError(
                f"min_epochs expects at most the epochs, {fixed['epochs']}, got {record.min_epochs}"
            )
    return Ranges(ranges.ranges, fixed)
