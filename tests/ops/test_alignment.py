"""The recurrences on every backend against a table filled cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.ops.alignment import Rules, alignment_scores
from support.alignments import table_score
from support.guard import no_host_read

RULES = {
    ("global", "both"): Rules(4, 1),
    ("local", "both"): Rules(4, 1, local=True),
    ("semiglobal", "both"): Rules(4, 1, free_a=True, free_b=True),
    ("semiglobal", "a"): Rules(4, 1, free_a=True),
    ("semiglobal", "b"): Rules(4, 1, free_b=True),
}


@pytest.mark.parametrize("rule", RULES, ids="-".join)
def test_scores_equal_the_table_and_nothing_is_read_on_the_host(
    rule: tuple[str, str], backend: Backend
) -> None:
    rng = np.random.default_rng(4)
    lengths_a, lengths_b = np.array([0, 3, 12, 7, 11]), np.array([5, 40, 0, 38, 21])
    # what lies behind the ends must not matter: it is random too
    a, b = rng.integers(0, 4, (12, 5)), rng.integers(0, 4, (40, 5))
    table = rng.integers(-3, 4, (4, 4)) + 3 * np.eye(4, dtype=int)
    arrays = [backend.asarray(array, "int32") for array in (a, b, lengths_a, lengths_b, table)]
    with no_host_read(backend):
        found = alignment_scores(*arrays, RULES[rule])
    assert found.dtype == backend.dtype("int32")

    def pair(x: str, y: str) -> float:
        return float(table[int(x), int(y)])

    words = [
        ["".join(map(str, column[:n])) for column, n in zip(codes.T, lengths, strict=True)]
        for codes, lengths in ((a, lengths_a), (b, lengths_b))
    ]
    expected = [table_score(x, y, pair, 4, 1, *rule) for x, y in zip(*words, strict=True)]
    assert backend.to_numpy(found).tolist() == expected


def test_no_pairs_give_no_scores(backend: Backend) -> None:
    empty = backend.asarray(np.zeros((3, 0)), "int32")
    lengths = backend.asarray(np.zeros(0), "int32")
    table = backend.asarray(np.eye(4), "int32")
    assert alignment_scores(empty, empty, lengths, lengths, table, Rules(2, 1)).shape == (0,)
