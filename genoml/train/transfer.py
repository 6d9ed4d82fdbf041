"""Transfer: weights of another network, parameters that stay as they are, and learning rates of their own.

Parameters are chosen by patterns over their paths, as file names are in a shell: ``"conv*"``, ``"*.bias"``,
``"tower.[01].*"``. Those of an ensemble may leave out the member: ``"conv*"`` is that of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.checkpoint import host_weights
from genoml.nn.layer import Layer
from genoml.nn.parallel import Ensemble

#: paths that a line names, at most
_NAMED = 6


@dataclass(frozen=True)
class Taken:
    """Result of ``take_weights``: by path, what was taken, and what did not fit.

    Attributes
    ----------
    taken : tuple of str
        Parameters and state that now have the other network's numbers.
    left : dict
        Those that stayed as they were, with the reason.
    unused : tuple of str
        Arrays of the other network that have no place in this one.
    """

    taken: tuple[str, ...]
    left: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{len(self.taken)} of {len(self.taken) + len(self.left)} arrays taken"
        if self.left:
            text += f"; left as they were: {_listed([f'{name} ({why})' for name, why in self.left.items()])}"
        return text + (f"; without a place here: {_listed(self.unused)}" if self.unused else "")


def take_weights(model: Layer, source: Layer | Mapping[str, Any]) -> Taken:
    """Give a model the parameters and the state of another network that have the same path and shape.

    Parameters
    ----------
    model : Layer
        It is changed in place; arrays that do not fit stay as they are.
    source : Layer, or mapping of path to array
        The other network, such as ``load_run("run").model``, on any backend.

    Raises
    ------
    TypeError
        If the source is neither.
    ValueError
        If nothing fits, or what fits is not finite; the model is then unchanged.
    """
    if not isinstance(source, Layer | Mapping):
        raise TypeError(
            f"init expects a Layer, such as load_run('run').model, or arrays by path, got {type(source).__name__}"
        )
    given = (
        host_weights(source) if isinstance(source, Layer) else {k: np.asarray(v) for k, v in source.items()}
    )
    tables = (model.params, model.state)
    expected = {name: tuple(value.shape) for table in tables for name, value in table.items()}
    taken = tuple(name for name, shape in expected.items() if name in given and given[name].shape == shape)
    left = {name: _reason(name, shape, given) for name, shape in expected.items() if name not in taken}
    if not taken:
        raise ValueError(
            f"init: no array of it fits the model; {_listed([f'{n} ({w})' for n, w in left.items()])}"
        )
    for name in taken:
        if given[name].dtype.kind != "f" or not np.all(np.isfinite(given[name])):
            raise ValueError(f"init: {name} holds values that are no finite floating-point numbers")
    for table in tables:
        for name in [name for name in table if name in taken]:
            table[name] = model.backend.copy_from_numpy(given[name].astype(model.dtype))
    return Taken(taken, left, tuple(name for name in given if name not in expected))


def _reason(name: str, shape: tuple[int, ...], given: Mapping[str, np.ndarray]) -> str:
    return f"{shape} here, {given[name].shape} there" if name in given else "not there"


def frozen_parameters(model: Layer, patterns: Sequence[str]) -> frozenset[str]:
    """The parameters that match one of the patterns.

    Raises
    ------
    ValueError
        If a pattern matches no parameter, or nothing is left to train.
    """
    paths = list(model.params)
    frozen = frozenset(path for pattern in patterns for path in _matched(model, pattern, "freeze"))
    if frozen and len(frozen) == len(paths):
        raise ValueError(
            f"freeze: {_listed(list(patterns))} matches every parameter, so that none is trained"
        )
    return frozen


def frozen_state(model: Layer, frozen: frozenset[str]) -> frozenset[str]:
    """The state, such as running statistics, of the layers whose parameters are all frozen."""
    owners: dict[str, list[str]] = {}
    for path in model.params:
        owners.setdefault(path.rpartition(".")[0], []).append(path)
    whole = {owner for owner, paths in owners.items() if frozen.issuperset(paths)}
    return frozenset(path for path in model.state if path.rpartition(".")[0] in whole)


def rates_of(
    model: Layer, rates: Mapping[str, float], frozen: frozenset[str], peak: float
) -> dict[str, float]:
    """Multiples of the optimiser's learning rate ``peak`` by parameter, for those that match a pattern.

    Raises
    ------
    ValueError
        If a pattern matches no parameter, or frozen ones alone, or two match the same.
    """
    found: dict[str, tuple[str, float]] = {}
    for pattern, rate in rates.items():
        matched = [path for path in _matched(model, pattern, "learning_rates") if path not in frozen]
        if not matched:
            raise ValueError(f"learning_rates: every parameter that {pattern!r} matches is frozen")
        for path in matched:
            if path in found:
                both = f"{found[path][0]!r} and {pattern!r}"
                raise ValueError(
                    f"learning_rates: {path} matches {both}; write patterns that exclude each other"
                )
            found[path] = pattern, rate / peak
    return {path: multiple for path, (_, multiple) in found.items()}


def apart_lines(model: Layer, frozen: Collection[str], rates: Mapping[str, float], begun: bool) -> list[str]:
    """Lines that name the frozen parameters of a model, and those with learning rates of their own.

    ``begun``: whether the model has learned weights to begin with; without them frozen ones are random.
    """
    lines = []
    if frozen:
        named = _listed([path for path in model.params if path in frozen])
        drawn = "" if begun else "; these are random, as there is no init"
        lines = [f"frozen, {len(frozen)} of {len(model.params)} arrays of parameters: {named}{drawn}"]
    for rate in dict.fromkeys(rates.values()):
        named = _listed([path for path in model.params if rates.get(path) == rate])
        lines.append(f"learning rate {rate:g}: {named}")
    return lines


def expect_frozen(model: Layer, before: Mapping[str, Array]) -> None:
    """Raise ValueError if a training step has changed the frozen state ``before``."""
    for path, value in before.items():
        if model.state[path] is not value:
            raise ValueError(
                f"freeze: {path} has changed in a step; a container of your own must give its layers "
                "self.run_of(name, run)"
            )


def _matched(model: Layer, pattern: str, option: str) -> list[str]:
    paths, inner = list(model.params), isinstance(model, Ensemble)
    matched = [
        path
        for path in paths
        if fnmatchcase(path, pattern) or (inner and fnmatchcase(path.partition(".")[2], pattern))
    ]
    if not matched:
        raise ValueError(f"{option}: {pattern!r} matches no parameter; there are {_listed(paths)}")
    return matched


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
