"""CuPy on a GPU, where ``--backend cupy`` asks for it; with ``cupy-on-host`` on the CPU, in either order of threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genoml.backend import Backend, use_backend
from support import cupy_on_host
from support.backends import open_variant

#: NVRTC's wheel and CuPy are of Linux
collect_ignore = [] if sys.platform == "linux" else ["test_compile.py"]
#: what needs CuPy, by the variants that it runs on
_NEED_CUPY = {
    "test_twins.py": {"cupy", "cupy-on-host"},
    "test_on_host.py": {"cupy-on-host"},
    "test_launch_budget.py": {"cupy-on-host"},
    "test_graph.py": {"cupy-on-host"},
    "test_nccl_on_host.py": {"cupy-on-host"},
    "test_commands.py": {"cupy-on-host"},
}


def _chosen(config: pytest.Config) -> set[str]:
    chosen = set(config.getoption("--backend") or ())
    return chosen | {"cupy"} if "all" in chosen else chosen


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    needed = _NEED_CUPY.get(collection_path.name)
    return True if needed and not needed & _chosen(config) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cuda" in metafunc.fixturenames:
        on_host = "cupy-on-host" in _chosen(metafunc.config)
        places = ["cupy-on-host", "last-thread-first"] if on_host else ["cupy"]
        marked = [pytest.param(place, marks=pytest.mark.backend) for place in places]
        metafunc.parametrize("cuda", marked, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cuda(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The backend cupy, as the default one while a test asks for it."""
    turned = request.param == "last-thread-first"
    with open_variant("cupy-on-host" if turned else request.param) as backend:
        if turned:
            cupy_on_host.option("turned", True)
        yield backend
        if turned:
            cupy_on_host.option("turned", False)


@pytest.fixture(autouse=True)
def _in_use(request: pytest.FixtureRequest) -> Iterator[None]:
    if "cuda" in request.fixturenames:
        with use_backend(request.getfixturevalue("cuda")):
            yield
    else:
        yield
