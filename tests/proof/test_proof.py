"""The proof sheet: its rows are all there, faults and missing rows are named, the page is read as it was written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from genoml import get_backend, nn
from genoml.testing import LayerCase
from genoml.testing.layers import LAYERS
from proof.command import ROOT, add_verified, outdated, page_columns, record, unshown
from proof.entry import NONE, Entry, Section
from proof.measure import FORWARD, GRADIENT, Table, numpy_columns, section_column
from proof.networks import layer_entry
from proof.page import machine, read_page, write_page
from proof.sections import all_sections
from proof.tolerances import failures
from support.backends import installed_variants
from support.limits import Limit
from support.losses import LOSSES
from support.optimizers import OPTIMIZERS


class SteepReLU(nn.ReLU):
    """A backward that is wrong by one part in a thousand."""

    def vjp(self, x: Any, run: nn.Pass = nn.EVALUATION) -> Any:
        y, back = super().vjp(x, run)
        return y, lambda grad, *, need_x=True, need_params=True: (
            back(grad)[0] * 1.001 if need_x else None,
            {},
        )


def section(*entries: Entry, missing: str = "") -> Section:
    names = frozenset(entry.name for entry in entries)
    return Section("Layers", "About them.", entries, names | {missing} - {""}, names)


RELU = layer_entry("ReLU", LAYERS["ReLU"])
HOST = Entry("rates | of a schedule", on=None)


def page_of(sections: list[Section], table: Table, columns: list[str]) -> str:
    return write_page(sections, table, columns, machine(), {"cupy": "not run"})


def test_every_registry_is_shown_whole_and_nothing_that_genoml_exports_is_missing() -> None:
    rows = {found.title: [entry.name for entry in found.entries] for found in all_sections()}
    for title, registry in (("Layers", LAYERS), ("Losses", LOSSES), ("Optimisers", OPTIMIZERS)):
        assert set(registry) <= set(rows[title])
    assert unshown(all_sections()) == []
    for names in rows.values():
        assert len(names) == len(set(names))


def test_an_export_without_a_row_is_named() -> None:
    assert unshown([section(RELU, missing="Abacus")]) == ["Layers: no row for Abacus"]


def test_a_wrong_gradient_is_over_the_limits_of_differences_and_of_autograd() -> None:
    def by_torch() -> Any:
        return 0.0, 1e-3

    faulty = layer_entry("SteepReLU", LayerCase(SteepReLU, (3, 4)))
    cells = numpy_columns(Entry("SteepReLU", None, faulty.gradient, torch=by_torch))
    found = failures({"Layers": {"SteepReLU": cells}})
    assert [text.split(":")[0] for text in found] == [
        "Layers, SteepReLU, gradient, float64",
        "Layers, SteepReLU, PyTorch, gradient, float64",
    ]


@pytest.mark.parametrize("value", [1.0, math.inf, math.nan])
def test_a_figure_over_its_limit_is_named_with_its_column_and_dtype(value: float) -> None:
    found = failures({"Losses": {"focal": {"torch": {"float64": 0.0, "float32": value}}}})
    assert found == [f"Losses, focal, torch, float32: {value:.1e}, allowed 2e-05"]


def test_the_page_is_read_as_it_was_written() -> None:
    table: Table = {
        "Layers": {
            "ReLU": {GRADIENT: {"float64": 1.5e-10}, "numpy": {"float64": 0.0, "float32": 2.5e-8}},
            HOST.name: {FORWARD: "none in PyTorch: a | b", "numpy": {"float32": 1e-7}},
        }
    }
    sections = [section(RELU, HOST)]
    found = read_page(page_of(sections, table, ["numpy"]))
    assert found["Layers"]["ReLU"] == table["Layers"]["ReLU"] | {FORWARD: "not run"}
    assert found["Layers"][HOST.name] == table["Layers"][HOST.name] | {GRADIENT: "not run"}


def test_rows_and_columns_that_the_page_lacks_or_keeps_are_named() -> None:
    numbers = {"numpy": {"float64": 0.0, "float32": 0.0}}
    recorded = read_page(
        page_of([section(RELU, HOST)], {"Layers": {"ReLU": numbers, "Old": numbers}}, ["numpy"])
    )
    found = outdated([section(RELU, HOST)], recorded, ["numpy", "torch"])
    assert found == [
        "docs/proof.md has no row Layers, rates | of a schedule: run nox -s proof",
        "docs/proof.md has a row Layers, Old, that is gone: run nox -s proof",
        "docs/proof.md has no column torch in Layers: run nox -s proof",
    ]
    assert (
        outdated([section(RELU)], {"Layers": {"ReLU": {**numbers, "torch": "-"}}}, ["numpy", "torch"]) == []
    )


def test_a_limited_entry_shows_its_reason_instead_of_figures() -> None:
    limit = Limit("products of 19 bits", "https://example.org", entry="ReLU")
    cells = section_column(section(RELU, HOST), get_backend("numpy"), {"ReLU": limit})
    assert cells == {"ReLU": "products of 19 bits (https://example.org)", HOST.name: NONE}
    assert failures({"Layers": {name: {"numpy": cell} for name, cell in cells.items()}}) == []


def test_a_backend_measured_on_its_hardware_is_recorded_and_shown(tmp_path: Path) -> None:
    variant = installed_variants()[-1]
    assert record([section(RELU)], variant, tmp_path) == []
    content = json.loads((tmp_path / f"{variant}.json").read_text())
    assert content["backend"] == variant
    assert content["device"]
    table: Table = {"Layers": {"ReLU": {}, "new": {}}}
    where = add_verified(table, variant, tmp_path / f"{variant}.json")
    assert where.startswith(f"recorded on {content['device']}")
    assert table["Layers"]["ReLU"][variant] == content["figures"]["Layers"]["ReLU"]
    assert table["Layers"]["new"][variant] == "not run"


def test_hardware_that_was_never_at_hand_is_said_so(tmp_path: Path) -> None:
    table: Table = {"Layers": {"ReLU": {}}}
    assert (
        add_verified(table, "cupy", tmp_path / "cupy.json")
        == "not run: no machine with a CUDA GPU was at hand"
    )
    assert table == {"Layers": {"ReLU": {}}}


def test_the_columns_are_the_backends_of_this_repository() -> None:
    columns, hardware = page_columns()
    assert columns[:3] == ["numpy", "numpy-compiled", "numpy-readonly"]
    assert {"torch", "jax"} <= set(columns)
    assert hardware == ["cupy"]
    assert (ROOT / "pyproject.toml").exists()
