"""Dynamic programming with affine gaps for two sequences, row by row, without the whole table in memory.

With x the row and y the column sequence, s their scores, o and e the costs of a gap's first and further letters,
Gotoh's recurrences are

    F[i, j] = max(H[i-1, j] - o, F[i-1, j] - e)                   a gap in y
    E[i, j] = max(H[i, j-1] - o, E[i, j-1] - e)                   a gap in x
    H[i, j] = max(H[i-1, j-1] + s(x_i, y_j), E[i, j], F[i, j])    and 0, in local mode

All values are stored with e (i + j) added: a gap then costs c = o - e once, and nothing for its length. So
``E[i, j] = max_{k < j} max(diagonal, F)[i, k] - c``, a running maximum along the row, which NumPy computes without
a Python loop over cells. It is exact because o >= e: one gap never costs more than two.

Memory holds H and F of every B-th row (B near the square root of twice the rows), and H of one block of B rows.
The traceback computes a block again when it reaches it.

References
----------
Gotoh (1982), An improved algorithm for matching biological sequences, doi:10.1016/0022-2836(82)90398-9.
Farrar (2007), doi:10.1093/bioinformatics/btl582, for the running maximum; Myers and Miller (1988) for linear memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["DIAGONAL", "ONLY_COLUMNS", "ONLY_ROWS", "Problem", "Traceback", "best_path", "bytes_needed"]

#: Kinds of step: a pair, a letter of the row sequence only, a letter of the column sequence only.
DIAGONAL, ONLY_ROWS, ONLY_COLUMNS = range(3)
#: Least number of cells of a block.
_BLOCK_CELLS = 1 << 20
#: Diagonal steps, or rows, that are examined together.
_LOOK_AHEAD = 128
#: Numbers stay below this in int32; else int64 is used.
_INT32_LIMIT = 1 << 28


class Problem(NamedTuple):
    """Two encoded sequences, with the scores and the mode of their alignment.

    Attributes
    ----------
    rows, columns : numpy.ndarray
        (n,) and (m,) codes; the Python loop runs over the n rows.
    table : numpy.ndarray
        Integer score of a row's code against a column's code.
    gap_open, gap_extend : int
        Whole numbers with ``0 <= gap_extend <= gap_open``.
    local : bool
        Whether the alignment is local: its score is at least 0, and it may start and end anywhere.
    free_rows, free_columns : bool
        Whether overhangs of the row (column) sequence at either end cost nothing.
    largest : int
        An upper bound of the absolute value of every number.
    """

    rows: np.ndarray
    columns: np.ndarray
    table: np.ndarray
    gap_open: int
    gap_extend: int
    local: bool
    free_rows: bool
    free_columns: bool
    largest: int


class Traceback(NamedTuple):
    """A best path: score, start and end as (row, column), and steps (kind, count) from start to end."""

    score: int
    start: tuple[int, int]
    end: tuple[int, int]
    steps: list[tuple[int, int]]


def _block_rows(n: int, m: int) -> int:
    return max(1, math.isqrt(2 * n), min(n, _BLOCK_CELLS // (m + 1)))


def bytes_needed(n: int, m: int, letters: int, largest: int) -> int:
    """Memory in bytes that :func:`best_path` needs for n rows and m columns, to within a few rows."""
    size = 4 if largest < _INT32_LIMIT else 8
    block = _block_rows(n, m)
    return size * (m + 1) * (block + 1 + min(block, _LOOK_AHEAD) + 2 * -(-n // block) + letters + 8)


def best_path(problem: Problem) -> Traceback:
    """A best alignment; among equal ones, pairs are preferred to gaps from the end backwards."""
    table = _Table(problem)
    score, end = table.fill()
    return _trace(table, score, end)


class _Table:
    """The table H, computed a block of rows at a time."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.n, self.m = problem.rows.size, problem.columns.size
        self.dtype = np.int32 if problem.largest < _INT32_LIMIT else np.int64
        extend = problem.gap_extend
        self.gap = problem.gap_open - extend
        #: score of each code of the rows at every column, with what a pair adds to e (i + j)
        self.profile = (problem.table + 2 * extend).astype(self.dtype)[:, problem.columns]
        self.codes: list[int] = problem.rows.tolist()
        #: a score of 0 in row 0, column by column
        self.floor = np.arange(self.m + 1, dtype=self.dtype) * extend
        self.block_rows = _block_rows(self.n, self.m)
        self.block = np.empty((min(self.block_rows, self.n) + 1, self.m + 1), dtype=self.dtype)
        self.tops: list[tuple[np.ndarray, np.ndarray]] = []
        self.held = -1

    def _first_row(self) -> np.ndarray:
        problem = self.problem
        if problem.local or problem.free_columns:
            return self.floor
        row = np.full(self.m + 1, -self.gap, dtype=self.dtype)
        row[0] = 0
        return row

    def fill(self) -> tuple[int, tuple[int, int]]:
        """Compute all rows; return the best score and its cell."""
        problem, extend = self.problem, self.problem.gap_extend
        h = self._first_row()
        f = np.full(self.m + 1, -2 * _INT32_LIMIT if self.dtype == np.int32 else -(1 << 60), dtype=self.dtype)
        best = self._best_of(h[None], 0)
        for index in range(-(-self.n // self.block_rows)):
            self.tops.append((h, f))
            f = self._sweep(index)
            rows = self.rows_held()
            h = rows[-1].copy()
            best = max(best, self._best_of(rows[1:], index * self.block_rows + 1), key=lambda end: end[0])
        if not (problem.local or problem.free_rows or problem.free_columns):
            return int(h[self.m]) - extend * (self.n + self.m), (self.n, self.m)
        if problem.free_columns and not problem.local:
            values = h - self.floor
            column = self.m - int(np.argmax(values[::-1]))
            last = (int(values[column]) - extend * self.n, (self.n, column))
            best = max(last, best, key=lambda end: end[0])
        return best

    def _best_of(self, rows: np.ndarray, first: int) -> tuple[int, tuple[int, int]]:
        """The best score and cell where an alignment may end in these rows; a very low score if none may."""
        problem = self.problem
        levels = np.arange(first, first + len(rows), dtype=self.dtype) * problem.gap_extend
        if problem.local:
            parts = (rows[start : start + _LOOK_AHEAD] for start in range(0, len(rows), _LOOK_AHEAD))
            heights = np.concatenate([(part - self.floor).max(axis=1) for part in parts]) - levels
            row = int(np.argmax(heights))
            return int(heights[row]), (first + row, int(np.argmax(rows[row] - self.floor)))
        if problem.free_rows:
            ends = rows[:, self.m] - self.floor[self.m] - levels
            row = int(np.argmax(ends))
            return int(ends[row]), (first + row, self.m)
        return -(1 << 62), (0, 0)

    def _sweep(self, index: int) -> np.ndarray:
        """Compute H of one block of rows, and return F of its last row."""
        problem, block = self.problem, self.block
        first = index * self.block_rows
        codes = self.codes[first : first + self.block_rows]
        block[0] = self.tops[index][0]
        f = self.tops[index][1].copy()
        spare = np.empty(self.m + 1, dtype=self.dtype)
        gap = np.full(self.m + 1, self.gap, dtype=self.dtype)  # subtracting a row is faster than a scalar
        free_left = problem.local or problem.free_rows
        h = block[0]
        for row, code in enumerate(codes, 1):
            np.subtract(h, gap, out=spare)
            np.maximum(f, spare, out=f)
            new = block[row]
            inner = new[1:]
            np.add(h[:-1], self.profile[code], out=inner)
            np.maximum(inner, f[1:], out=inner)
            new[0] = problem.gap_extend * (first + row) if free_left else -self.gap
            if problem.local:
                np.add(self.floor, problem.gap_extend * (first + row), out=spare)
                np.maximum(new, spare, out=new)
            np.maximum.accumulate(new, out=spare)
            np.subtract(spare, gap, out=spare)
            np.maximum(inner, spare[:-1], out=inner)
            h = new
        self.held = index
        return f

    def rows_held(self) -> np.ndarray:
        first = self.held * self.block_rows
        return self.block[: min(self.block_rows, self.n - first) + 1]

    def above(self, row: int) -> tuple[np.ndarray, int]:
        """The block that holds the rows above ``row``, and the number of its first row."""
        index = (row - 1) // self.block_rows
        if index != self.held:
            self._sweep(index)
        return self.block, index * self.block_rows


def _trace(table: _Table, score: int, end: tuple[int, int]) -> Traceback:
    problem = table.problem
    i, j = end
    steps: list[tuple[int, int]] = []
    while i > 0 and j > 0:
        block, top = table.above(i)
        value = int(block[i - top, j])
        if problem.local and value == problem.gap_extend * (i + j):
            break
        run = _pairs_before(table, block, i - top, i, j)
        if run:
            steps.append((DIAGONAL, run))
            i -= run
            j -= run
            continue
        before = np.flatnonzero(block[i - top, :j] == value + table.gap)
        if before.size:
            steps.append((ONLY_COLUMNS, j - int(before[-1])))
            j = int(before[-1])
        else:
            row = _row_before(table, i, j, value + table.gap)
            steps.append((ONLY_ROWS, i - row))
            i = row
    if i and not (problem.local or problem.free_rows):
        steps.append((ONLY_ROWS, i))
        i = 0
    if j and not (problem.local or problem.free_columns):
        steps.append((ONLY_COLUMNS, j))
        j = 0
    return Traceback(score, (i, j), end, steps[::-1])


def _pairs_before(table: _Table, block: np.ndarray, r: int, i: int, j: int) -> int:
    """Number of consecutive pairs that end at (i, j), at most ``_LOOK_AHEAD``."""
    problem = table.problem
    count = min(r, j, _LOOK_AHEAD)
    width = table.m + 1
    last = r * width + j
    values = block.reshape(-1)[last - count * (width + 1) : last + 1 : width + 1]
    scores = table.profile[problem.rows[i - count : i], np.arange(j - count, j)]
    is_pair = values[1:] == values[:-1] + scores
    if problem.local:  # a path ends where the score is 0
        is_pair &= values[1:] > problem.gap_extend * (i + j - 2 * np.arange(count - 1, -1, -1))
    broken = np.flatnonzero(~is_pair)
    return count - 1 - int(broken[-1]) if broken.size else count


def _row_before(table: _Table, i: int, j: int, value: int) -> int:
    """The nearest row above (i, j) from which a gap of rows can start: where H equals ``value``."""
    while i > 0:
        block, top = table.above(i)
        before = np.flatnonzero(block[: i - top, j] == value)
        if before.size:
            return top + int(before[-1])
        i = top
    raise RuntimeError("the traceback has lost its path; this is a fault of genoml, please report it")
