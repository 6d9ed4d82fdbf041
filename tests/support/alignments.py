"""Alignments by other means than genoml's: scores read off an alignment, and tables filled cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable

from genoml.sequence import Alignment

#: (letter of a, letter of b) -> score
PairScore = Callable[[str, str], float]


def score_of(found: Alignment, a: str, b: str, pair: PairScore, gap_open: float, gap_extend: float) -> float:
    """The score of an alignment from its CIGAR and the two sequences; what it says must fit them."""
    score, i, j = 0.0, found.start_a, found.start_b
    rows = ["", ""]
    for count, kind in ((int(n), k) for n, k in re.findall(r"(\d+)([=XID])", found.cigar)):
        if kind in "=X":
            pairs = list(zip(a[i : i + count], b[j : j + count], strict=True))
            assert len(pairs) == count
            assert all((x.upper() == y.upper()) == (kind == "=") for x, y in pairs)
            score += sum(pair(x.upper(), y.upper()) for x, y in pairs)
        else:
            score -= gap_open + (count - 1) * gap_extend
        step_a, step_b = (0 if kind == "D" else count), (0 if kind == "I" else count)
        rows[0] += a[i : i + step_a] or "-" * count
        rows[1] += b[j : j + step_b] or "-" * count
        i, j = i + step_a, j + step_b
    assert (i, j) == (found.end_a, found.end_b)
    assert rows == [found.aligned_a, found.aligned_b]
    return score


def table_score(
    a: str, b: str, pair: PairScore, gap_open: float, gap_extend: float, mode: str, overhang: str
) -> float:
    """The best score by Gotoh's recurrences, cell by cell."""
    free_a = mode == "local" or (mode == "semiglobal" and overhang != "b")
    free_b = mode == "local" or (mode == "semiglobal" and overhang != "a")
    none = float("-inf")
    h = [[none] * (len(b) + 1) for _ in range(len(a) + 1)]
    e, f = ([row[:] for row in h] for _ in range(2))
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if j:
                e[i][j] = max(h[i][j - 1] - gap_open, e[i][j - 1] - gap_extend)
            if i:
                f[i][j] = max(h[i - 1][j] - gap_open, f[i - 1][j] - gap_extend)
            diagonal = h[i - 1][j - 1] + pair(a[i - 1], b[j - 1]) if i and j else none
            free = i == j == 0 or mode == "local" or (j == 0 and free_a) or (i == 0 and free_b)
            h[i][j] = max(diagonal, e[i][j], f[i][j], 0.0 if free else none)
    if mode == "local":
        return max(map(max, h))
    ends = [h[-1][-1]]
    ends += [row[-1] for row in h] if free_a else []
    ends += h[-1] if free_b else []
    return max(ends)
