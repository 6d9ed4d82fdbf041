"""The table of ranks follows from what was measured; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoml.parallel import ONE_RANK


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))


def test_each_network_takes_steps_of_which_the_sums_are_a_part() -> None:
    from benchmarks.ranks import CASES, steps_of

    for name, _, length_bp in CASES:
        found = steps_of(name, 2, length_bp, 1, ONE_RANK, 0.0)
        assert found["step_ms"] > found["gradients_ms"] > 0 == found["statistics_ms"]
    assert not vars(ONE_RANK)  # nothing is left of the clock


def test_the_table_has_the_median_of_the_rounds_and_the_share_of_the_exchange() -> None:
    from benchmarks.ranks import median_of, table

    def step(ms: float) -> dict[str, dict[str, float]]:
        return {"basset, 64": {"step_ms": ms, "statistics_ms": 1.0, "gradients_ms": 5.0}}

    sums = {"sums": {"small_ms": 0.005, "large_ms": 6.1}}
    ways = {
        "one": median_of([step(230.0), step(234.0), step(900.0)]),
        "threads": median_of([step(158.0)]),
        "ranks": median_of([step(150.0) | sums]),
    }
    *_, row, _, last = table(ways, 2).splitlines()
    assert row == "| basset, 64 | 234.0 | 158.0 | 150.0 | 1.56 | 1.00 | 5.00 | 4.0% |"
    assert last == "ms a step. A sum of 1,000 numbers takes 5.0 us, of 4,135,064 6.1 ms."
