"""Options and fixtures of the whole suite: ``pytest --backend NAME`` chooses the variants."""

from __future__ import annotations

import os

# before JAX is imported: float64 is what gradients are checked in
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# JAX compiles each small operation anew for each shape, and the tests spend their time on that
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

from collections.abc import Iterator

import pytest

from genoml.backend import Backend, use_backend
from support.backends import VARIANTS, default_variants, open_variant


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        choices=(*VARIANTS, "all"),
        help="variant to run on, may be repeated; named and absent is a failure. Default: every installed "
        "CPU variant but jax, which compiles for minutes",
    )


def selected_variants(config: pytest.Config) -> list[str]:
    chosen = config.getoption("--backend") or default_variants()
    return list(VARIANTS) if "all" in chosen else list(dict.fromkeys(chosen))


def pytest_report_header(config: pytest.Config) -> str:
    return f"backend variants: {', '.join(selected_variants(config))}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", selected_variants(metafunc.config), indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "backend" in getattr(item, "fixturenames", ()):
            item.add_marker("backend")
        if "parity" in item.path.parts:
            item.add_marker("parity")


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The variant under test, as the default backend."""
    with open_variant(request.param) as opened, use_backend(opened):
        yield opened
