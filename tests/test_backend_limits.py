"""A backend's limits.toml: what it says is read, found by the entry point, and the only reason to skip a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import limits
from support.backends import ReadOnlyNumpyBackend, default_variants, suite_of, suites, variants
from support.limits import Limit, LimitsError, expect_targets, read_suite

ROOT = Path(__file__).resolve().parents[1]
MODULE = """
import array_api_compat.numpy as xp
import numpy as np
from genoml.backend import Backend

class MadeUpBackend(Backend):
    name = "madeup"

    def __init__(self):
        self.xp, self.device = xp, "cpu"

    def owns(self, array):
        return isinstance(array, (np.ndarray, np.generic))

    def asarray(self, values, dtype=None):
        return np.array(values, dtype=dtype)

    def to_numpy(self, array):
        return np.asarray(array)
"""
FORWARD = "tests/nn/test_all_layers.py::test_forward_equals_the_formula_as_a_loop"
LIMIT = f"""
[[limit]]
test = "{FORWARD}"
entry = "ReLU"
reason = "the abacus has no negative beads"
link = "https://example.org/beads"
"""
SKIPPING = """
import pytest

@pytest.mark.parametrize("name", ["ReLU", "Dense"])
def test_of_an_entry(name, backend):
    assert backend.name == "madeup"

def test_that_skips_of_its_own_will(backend):
    pytest.skip("not today")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a backend's package, as an installer would leave it."""
    folder = tmp_path / "site"
    (folder / "madeup").mkdir(parents=True)
    (folder / "madeup" / "__init__.py").write_text(MODULE)
    facts = folder / "madeup-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: madeup\nVersion: 0.1\n")
    (facts / "entry_points.txt").write_text("[genoml.backends]\nmadeup = madeup:MadeUpBackend\n")
    return folder


def run_suite(site: Path, limits_toml: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of pytest on the made-up backend."""
    (site / "madeup" / "limits.toml").write_text(limits_toml)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", "--backend", "madeup"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT / "tests")])}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_a_limited_test_is_skipped_with_its_reason_and_the_others_run(site: Path) -> None:
    code, out = run_suite(site, LIMIT, FORWARD, "-k", "ReLU")
    assert code == 0, out
    assert "1 skipped" in out
    assert "limits.toml: the abacus has no negative beads (https://example.org/beads)" in out
    assert int(out.split(" passed")[0].split()[-1]) >= 2


def test_an_entry_is_skipped_in_every_test_and_any_other_skip_is_a_failure(site: Path) -> None:
    (site / "test_own.py").write_text(SKIPPING)
    of_the_entry = LIMIT.replace(f'test = "{FORWARD}"\n', "")
    code, out = run_suite(site, of_the_entry, "-p", "conftest", str(site / "test_own.py"))
    assert code == 1, out
    assert "1 failed, 1 passed, 1 skipped" in out
    assert "skipped, and no limits.toml says why" in out


def test_a_limit_of_a_test_that_is_not_there_stops_the_run(site: Path) -> None:
    gone = LIMIT.replace("test_forward_equals", "test_backward_equals")
    code, out = run_suite(site, gone, "tests/nn/test_structure.py", "--collect-only")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "is no test that takes the fixture backend" in out


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[suite]\nspeed = 3", r"\[suite\] has no key 'speed'; keys: library, by_default, hardware, reason"),
        ("[tests]", "the file has no key 'tests'; keys: suite, limit"),
        ("limit = 3", "the file, limit expects list, got 3"),
        ("limit = [3]", "limit 1 expects a table, got int"),
        ("[suite]\nby_default = 'no'", "by_default expects bool, got 'no'"),
        ("[suite]\nby_default = false", "by_default = false expects a reason"),
        ("[[limit]]\nentry = 'Dense'\nreason = 'so'", "limit 1 expects a reason and a link"),
        ("[[limit]]\nentry = 'Dense'\nlink = 'https://example.org'", "limit 1 expects a reason and a link"),
        ("[[limit]]\nentry = 'Dense'\nreason = 'so'\nlink = 'here'", "limit 1 expects a reason and a link"),
        (
            "[[limit]]\nreason = 'so'\nlink = 'https://example.org'",
            "limit 1 expects a test, an entry, or both",
        ),
        (LIMIT + "since = 2020", "limit 1 has no key 'since'"),
        ("[suite", "limits.toml: "),
    ],
)
def test_a_file_that_says_something_else_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(content)
    with pytest.raises(LimitsError, match=message) as caught:
        read_suite(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Limit("so", "https://example.org", entry="Abacus"), "no registry has an entry 'Abacus'"),
        (Limit("so", "https://example.org", test="tests/nowhere.py::test_it"), "no test that takes"),
        (
            Limit("so", "https://example.org", test="tests/optim/test_optimizers.py::draws"),
            "no test that takes",
        ),
        (Limit("so", "https://example.org", test=FORWARD.partition("::")[0]), "no test that takes"),
        # a test that runs on no backend
        (
            Limit(
                "so",
                "https://example.org",
                test="tests/optim/test_optimizers.py::test_bad_settings_are_refused",
            ),
            "no test that takes",
        ),
    ],
)
def test_a_limit_that_covers_nothing_is_refused(limit: Limit, message: str) -> None:
    with pytest.raises(LimitsError, match=message):
        expect_targets(limits.Suite(limits=(limit,)), {"Dense"})


def test_a_limit_covers_what_it_names() -> None:
    both = Limit("so", "https://example.org", FORWARD, "ReLU")
    assert both.covers(FORWARD, {"ReLU"})
    assert not both.covers(FORWARD, {"Dense"})
    assert not both.covers("tests/other.py::test_it", {"ReLU"})
    assert Limit("so", "https://example.org", entry="ReLU").covers("tests/other.py::test_it", {"ReLU"})
    assert Limit("so", "https://example.org", test=FORWARD).covers(FORWARD, set())


# ---------------------------------------------------------------- the variants


def test_every_backend_is_a_variant_and_numpys_limits_are_those_of_its_variants() -> None:
    assert set(suites()) <= set(variants())
    assert len(variants()) == len(set(variants()))
    assert suite_of(ReadOnlyNumpyBackend.name) is suite_of("numpy")


def test_a_run_without_a_name_leaves_out_what_asks_for_it() -> None:
    assert "jax" not in default_variants()
    assert suite_of("jax").reason
    assert "cupy" not in default_variants()
    assert suite_of("cupy").hardware == "a CUDA GPU"
    assert default_variants()[:4] == [
        "numpy",
        "numpy-readonly",
        "strict-nofloat64",
        "strictest",
    ]
