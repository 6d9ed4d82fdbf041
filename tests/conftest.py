"""Options and fixtures of the whole suite: ``pytest --backend NAME`` chooses the variants."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from genoml.backend import Backend, use_backend
from support import cupy_on_host
from support.backends import default_variants, open_variant, variants
from support.limited import LIMIT, expect_limits, limit_of, unused_limits
from support.limits import LimitsError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        choices=(*variants(), "all"),
        help="variant to run on, may be repeated; named and absent is a failure. Default: every installed "
        "CPU variant but those that their package's limits.toml leaves out",
    )


def selected_variants(config: pytest.Config) -> list[str]:
    chosen = config.getoption("--backend") or default_variants()
    if "all" in chosen:  # beside CuPy on a GPU there cannot be CuPy on the CPU
        return [name for name in variants() if name != "cupy-on-host"]
    return list(dict.fromkeys(chosen))


def pytest_configure(config: pytest.Config) -> None:
    """CuPy is put on the CPU before anything imports it."""
    chosen = selected_variants(config)
    if "cupy-on-host" in chosen:
        if "cupy" in chosen:
            raise pytest.UsageError("--backend: cupy and cupy-on-host are one library; choose one of them")
        try:
            cupy_on_host.start()
        except cupy_on_host.CannotEmulateError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> str:
    return f"backend variants: {', '.join(selected_variants(config))}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", selected_variants(metafunc.config), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "backend" in getattr(item, "fixturenames", ()):
            item.add_marker("backend")
        if "parity" in item.path.parts:
            item.add_marker("parity")
        limit = limit_of(item)
        if limit is not None:
            item.stash[LIMIT] = limit
            item.add_marker(pytest.mark.skip(reason=f"limits.toml: {limit}"))
    try:
        expect_limits(selected_variants(config))
    except LimitsError as error:
        raise pytest.UsageError(str(error)) from error
    unused = unused_limits(selected_variants(config), items)
    if unused and config.args_source is pytest.Config.ArgsSource.TESTPATHS:  # the whole suite
        raise pytest.UsageError(f"limits.toml: no test is covered by {unused[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip is a failure, but for what a backend's limits.toml says cannot hold there."""
    report = yield
    if report.skipped and LIMIT not in item.stash:
        report.outcome = "failed"
        report.longrepr = f"skipped, and no limits.toml says why: {report.longrepr}"
    return report


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The variant under test, as the default backend."""
    with open_variant(request.param) as opened, use_backend(opened):
        yield opened


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small files of the names that the guides use; not to be written into."""
    from support.guide_files import make_files

    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_files(folder)
    return folder
