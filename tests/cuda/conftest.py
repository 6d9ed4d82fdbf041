"""The kernels on the CPU, in either order of their threads, and on a GPU where ``--backend cupy`` asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from genoml.backend import Backend, use_backend
from support.backends import open_variant
from support.cuda_on_host import CudaOnHostBackend

#: NVRTC's wheel and the fibres are of Linux, where CuPy runs too
collect_ignore = [] if sys.platform == "linux" else ["test_compile.py", "test_on_host.py", "test_twins.py"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cuda" in metafunc.fixturenames:
        places = [pytest.param("host", id="on-host"), pytest.param("turned", id="on-host-last-thread-first")]
        if {"cupy", "all"} & set(metafunc.config.getoption("--backend") or ()):
            places = [pytest.param("cupy", marks=pytest.mark.backend)]
        metafunc.parametrize("cuda", places, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cuda(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend that runs the kernels, as the default one while a test asks for it."""
    if request.param == "cupy":
        with open_variant("cupy") as backend:
            yield backend
    else:
        yield CudaOnHostBackend(turned=request.param == "turned")


@pytest.fixture(autouse=True)
def _in_use(request: pytest.FixtureRequest) -> Iterator[None]:
    if "cuda" in request.fixturenames:
        with use_backend(request.getfixturevalue("cuda")):
            yield
    else:
        yield
