"""Damaged topologies and graphs end in one line, whatever is in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genoml.convert import ConvertError, convert_frozen_graph, convert_keras
from genoml.io import read_weights
from genoml.io.weights import WeightsFile

HERE = Path(__file__).parent / "specimens"
VALUES: list[Any] = [
    None,
    0,
    -1,
    2,
    1 << 40,
    1.5,
    float("nan"),
    "",
    "same",
    [],
    {},
    [1],
    [1, 2, 3],
    True,
    "relu",
]


def paths(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places in nested lists and dicts."""
    if path:
        yield path
    for key, part in (
        thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    ):
        yield from paths(part, (*path, key))


def damaged_topology(file: WeightsFile, rng: random.Random) -> Callable[[], object]:
    topology: Any = deepcopy(file.topology)
    for *before, last in rng.sample(list(paths(topology)), rng.choice([1, 2, 4])):
        place = topology
        with suppress(TypeError, KeyError, IndexError):  # what another damage has taken away
            for key in before:
                place = place[key]
            place[last] = deepcopy(rng.choice(VALUES))
    return lambda: convert_keras(topology, file.tensors, length_bp=40)


def damaged_graph(file: WeightsFile, rng: random.Random) -> Callable[[], object]:
    nodes: Any = list(file.topology or ())
    at = rng.randrange(len(nodes))
    node, other = nodes[at], rng.choice(nodes)
    names = [*other.inputs, *other.outputs, "nothing", ""]
    attributes = {
        **node.attributes,
        rng.choice([*node.attributes, *other.attributes, "axis"]): rng.choice(VALUES),
    }
    nodes[at] = rng.choice(
        [
            replace(node, operation=other.operation),
            replace(node, inputs=tuple(rng.choice(names) for _ in node.inputs)),
            replace(node, inputs=node.inputs[:-1]),
            replace(node, attributes=attributes),
        ]
    )
    return lambda: convert_frozen_graph(replace(file, topology=tuple(nodes)), length_bp=40)


@pytest.mark.parametrize(
    "name", ["plain-2.h5", "branched-3.keras", "recurrent-3.keras", "attention-3.keras", "plain.pb"]
)
def test_a_damaged_description_is_converted_or_refused_in_one_line(name: str) -> None:
    file, rng = read_weights(HERE / name), random.Random(name)
    said = []
    for _ in range(40):
        call = (damaged_graph if name.endswith(".pb") else damaged_topology)(file, rng)
        try:
            call()
        except ConvertError as error:
            said.append(str(error))
    assert len(said) >= 10
    assert [line for line in said if "\n" in line or "import: " not in line] == []
