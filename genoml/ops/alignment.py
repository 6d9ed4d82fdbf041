"""Alignment scores of many pairs of sequences at once, by Gotoh's recurrences along anti-diagonals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.dispatch import operation

#: The score of a cell that no path may use. The sum of two such scores still fits int32.
FORBIDDEN = -(1 << 28)
#: The least number of anti-diagonals in a stage, and the largest number of stages.
_STAGE, _STAGES = 32, 12


class Rules(NamedTuple):
    """Gap costs, and where an alignment may begin and end.

    Attributes
    ----------
    gap_open, gap_extend : int
        A gap of k letters costs ``gap_open + (k - 1) gap_extend``. Both are positive, and ``gap_open >= gap_extend``.
    local : bool
        Local alignment: no score falls below 0, and the best of all cells counts.
    free_a, free_b : bool
        Whether unaligned letters at either end of a (of b) cost nothing.
    """

    gap_open: int
    gap_extend: int
    local: bool = False
    free_a: bool = False
    free_b: bool = False


@operation
def alignment_scores(
    a: Array, b: Array, lengths_a: Array, lengths_b: Array, table: Array, rules: Rules, first_end: int = 0
) -> Array:
    """Score of the best alignment of each pair, with affine gap costs.

    H[i, j] is the best score of an alignment of the first i letters of a with the first j of b. E and F are the best
    scores of an alignment that ends in a gap in a and in b:

        E[i, j] = max(H[i, j-1] - open, E[i, j-1] - extend)
        F[i, j] = max(H[i-1, j] - open, F[i-1, j] - extend)
        H[i, j] = max(H[i-1, j-1] + table[a_i, b_j], E[i, j], F[i, j])

    The cells of an anti-diagonal d = i + j depend on the two anti-diagonals before it only. Scores are held with
    d extend added: a gap then costs open - extend once, and nothing for its length. Sequences are padded at their end.
    Padding scores FORBIDDEN with every letter, so cells in the padding come from gaps alone and never exceed the cells
    that they come from.

    Rows that an anti-diagonal does not reach are left out. That is decided for a stage of several anti-diagonals at a
    time, so that the shapes change seldom.

    Parameters
    ----------
    rules : Rules
        Gap costs, and where an alignment may begin and end.
    first_end : int
        The first anti-diagonal on which an alignment may end; in global mode min(``lengths_a + lengths_b``). 0 is
        always right.

    Shapes
    ------
    a : (n, pairs);  b : (m, pairs), int32 letters, position first; values after the lengths are ignored
    lengths_a, lengths_b : (pairs,) int32
    table : (letters, letters) int32
    out : (pairs,) int32

    References
    ----------
    Gotoh (1982), doi:10.1016/0022-2836(82)90398-9; anti-diagonals: Wozniak (1997),
    doi:10.1093/bioinformatics/13.2.145.
    """
    xp = array_namespace(a)
    n, pairs = a.shape
    m = b.shape[0]
    grid = _Grid(a, b, lengths_a, lengths_b, table, rules)
    best = grid.score_without_a()
    state = _State(*(grid.rows(0, pairs, FORBIDDEN) for _ in range(4)))
    low, high = 1, 0
    for first, last in _stages(n + m):
        # no cell of this stage depends on a row before first - 1 - m
        new_low, new_high = max(1, first - 1 - m), min(n, last)
        state = grid.enter(state, new_low - low, new_high - high, first)
        low, high = new_low, new_high
        height = high - low + 1
        found = grid.rows(height, pairs, FORBIDDEN)
        for d in range(first, last + 1):
            state = grid.step(state, d, low, high)
            if d >= first_end:
                found = xp.maximum(found, grid.ends(state.h, d, low, high))
        if height:
            best = xp.maximum(best, xp.max(found, axis=0))
    return best


class _State(NamedTuple):
    """Rows low to high of an anti-diagonal: H of the anti-diagonal before, and its own H, E and F."""

    before: Array
    h: Array
    e: Array
    f: Array


def _stages(count: int) -> Iterator[tuple[int, int]]:
    """First and last anti-diagonal of each stage, from 1 to ``count``."""
    size = max(_STAGE, -(-count // _STAGES))
    for first in range(1, count + 1, size):
        yield first, min(first + size - 1, count)


class _Grid:
    """The sequences, the score table and the rules, which all anti-diagonals share.

    ``line`` holds b reversed, between n rows of padding and n rows that stand for letters before b's start. Row r of
    ``line`` is column n + m - r, so the columns j = d - i of an anti-diagonal d are a slice of it.
    """

    def __init__(
        self, a: Array, b: Array, lengths_a: Array, lengths_b: Array, table: Array, rules: Rules
    ) -> None:
        xp, device = array_namespace(a), device_of(a)
        self.xp, self.device = xp, device
        self.rules = rules
        self.n, self.pairs = a.shape
        self.m = b.shape[0]
        self.lengths_a, self.lengths_b = lengths_a, lengths_b
        letters = table.shape[0]
        pad, before = letters, letters + 1
        self.free_a, self.free_b = rules.local or rules.free_a, rules.local or rules.free_b
        self.gap = rules.gap_open - rules.gap_extend
        # an aligned pair advances two anti-diagonals; letters before b's start keep a free end at 0
        start = 0 if self.free_a else FORBIDDEN
        right = xp.concat([self.rows(letters, 1, FORBIDDEN), self.rows(letters, 1, start)], axis=1)
        wide = xp.concat([table, right], axis=1)
        wide = xp.concat([wide, self.rows(1, letters + 2, FORBIDDEN)], axis=0) + 2 * rules.gap_extend
        self.table = xp.reshape(wide, (-1,))
        at_a, at_b = self._counted(self.n), self._counted(self.m)
        a = xp.where(at_a <= lengths_a[None, :], a, self.rows(1, 1, pad))
        b = xp.where(at_b <= lengths_b[None, :], b, self.rows(1, 1, pad))
        self.a = a * (letters + 2)
        padding, behind = self.rows(self.n, self.pairs, pad), self.rows(self.n, self.pairs, before)
        self.line = xp.concat([padding, xp.flip(b, axis=0), behind], axis=0)
        columns = xp.arange(self.n + self.m, -self.n, -1, dtype=xp.int32, device=device)[:, None]
        self.last_row = self._mark(at_a == lengths_a[None, :])
        self.last_column = self._mark(columns == lengths_b[None, :])

    def rows(self, height: int, width: int, value: int) -> Array:
        return self.xp.full((height, width), value, dtype=self.xp.int32, device=self.device)

    def _counted(self, count: int) -> Array:
        return self.xp.arange(1, count + 1, dtype=self.xp.int32, device=self.device)[:, None]

    def _mark(self, here: Array) -> Array:
        """Zeros where ``here`` is True, FORBIDDEN elsewhere."""
        return self.xp.where(here, self.rows(1, 1, 0), self.rows(1, 1, FORBIDDEN))

    def _top(self, d: int) -> int:
        """H of row 0 on anti-diagonal d."""
        if d <= 0:
            return self.rules.gap_extend * d if d == 0 or self.free_a else FORBIDDEN
        return self.rules.gap_extend * d if self.free_b else -self.gap

    def score_without_a(self) -> Array:
        """The score with no letter of a aligned, where a path may end in row 0; else FORBIDDEN."""
        xp, rules = self.xp, self.rules
        zero = xp.zeros((self.pairs,), dtype=xp.int32, device=self.device)
        if rules.local or (rules.free_a and rules.free_b):
            return zero
        cost = xp.where(self.lengths_b > 0, -self.gap - rules.gap_extend * self.lengths_b, zero)
        if rules.free_a:
            return cost
        return xp.where(self.lengths_a > 0, zero + FORBIDDEN, zero if rules.free_b else cost)

    def enter(self, state: _State, dropped: int, added: int, first: int) -> _State:
        """Drop rows at the top, and add rows at the bottom, whose first column is not reached yet."""
        early = [self.rules.gap_extend * d if self.free_a else FORBIDDEN for d in (first - 2, first - 1)]
        fills = (*early, FORBIDDEN, FORBIDDEN)
        return _State(
            *(
                self.xp.concat([rows[dropped:, :], self.rows(added, self.pairs, fill)], axis=0)
                for rows, fill in zip(state, fills, strict=True)
            )
        )

    def step(self, state: _State, d: int, low: int, high: int) -> _State:
        """Compute anti-diagonal d from the two before it."""
        xp = self.xp
        if high < low:
            return state
        opened = state.h - self.gap
        e = xp.maximum(state.e, opened)
        f = self._down(xp.maximum(state.f, opened), self._top(d - 1) - self.gap if low == 1 else FORBIDDEN)
        at = self.n + self.m - d + low
        pair = self.a[low - 1 : high, :] + self.line[at : at + high - low + 1, :]
        scores = xp.reshape(xp.take(self.table, xp.reshape(pair, (-1,)), axis=0), pair.shape)
        h = self._down(state.before, self._top(d - 2) if low == 1 else FORBIDDEN) + scores
        h = xp.maximum(xp.maximum(h, e), f)
        if self.rules.local:
            h = xp.maximum(h, self.rows(1, 1, self.rules.gap_extend * d))
        return _State(state.h, h, e, f)

    def _down(self, rows: Array, first: int) -> Array:
        """Shift the rows down by one; the new first row holds ``first``."""
        return self.xp.concat([self.rows(1, self.pairs, first), rows[:-1, :]], axis=0)

    def ends(self, h: Array, d: int, low: int, high: int) -> Array:
        """Scores of the cells where a path may end; elsewhere values below FORBIDDEN / 2."""
        xp, rules = self.xp, self.rules
        h = h - rules.gap_extend * d
        if rules.local:
            return h
        at = self.n + self.m - d + low
        last_row = self.last_row[low - 1 : high, :]
        last_column = self.last_column[at : at + high - low + 1, :]
        if rules.free_a and rules.free_b:
            return h + xp.maximum(last_row, last_column)
        if rules.free_a:
            return h + last_column
        return h + (last_row if rules.free_b else xp.minimum(last_row, last_column))
