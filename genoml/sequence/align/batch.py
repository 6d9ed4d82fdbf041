"""Alignment scores of many pairs of sequences, on the backend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.ops.alignment import FORBIDDEN, Rules, alignment_scores
from genoml.sequence.align.align import check_mode
from genoml.sequence.align.scoring import Matrix, Scoring, resolve_scoring
from genoml.sequence.align.substitution import Letters
from genoml.sequence.codes import FlatCodes, list_sequences

__all__ = ["align_scores"]

#: Cells of an anti-diagonal that are computed together: they fit a CPU's cache, or fill a GPU.
_CELLS_HOST, _CELLS_DEVICE = 1 << 16, 1 << 22


def align_scores(
    queries: Sequence[Letters],
    targets: Sequence[Letters],
    mode: str = "global",
    *,
    matrix: Matrix = None,
    gap_open: float | None = None,
    gap_extend: float | None = None,
    overhang: str = "both",
    pairs_at_once: int | None = None,
    backend: str | Backend | None = None,
) -> Array:
    """Alignment scores of pairs of sequences: each query with the target of the same index.

    The same scores as :func:`align`, without the alignments, in Array API operations on the backend: all cells of an
    anti-diagonal of many pairs at a time. Pairs of similar length are computed together.

    Parameters
    ----------
    queries, targets : sequences of str, bytes or uint8 base codes
        Equal numbers of both; sequences may differ in length.
    mode, matrix, gap_open, gap_extend, overhang
        As in :func:`align`, with queries as ``a``; without a matrix, one is chosen for all sequences together.
    pairs_at_once : int, optional
        Pairs per computation. None: so many that an anti-diagonal has 2^16 cells on a CPU and 2^22 on a GPU.
    backend : str or Backend, optional
        The default one if None.

    Returns
    -------
    array
        (pairs,) on the backend: int32, or float32 if matrix or gap costs are not whole numbers.

    Raises
    ------
    ValueError
        As :func:`align`; for unequal numbers of queries and targets; and for scores beyond 2^27.
    TypeError
        For anything but sequences of letters or base codes.
    """
    check_mode(mode, overhang)
    queries, targets = _listed(queries, "queries"), _listed(targets, "targets")
    if len(queries) != len(targets):
        raise ValueError(f"expects one target a query, got {len(queries)} queries and {len(targets)} targets")
    if pairs_at_once is not None and pairs_at_once < 1:
        raise ValueError(f"pairs_at_once expects 1 or more, got {pairs_at_once}")
    target = get_backend(backend)
    scoring = resolve_scoring(matrix, gap_open, gap_extend, [*queries, *targets])
    a, b = scoring.matrix.encode(queries, "query"), scoring.matrix.encode(targets, "target")
    _refuse_overflow(scoring, a, b)
    free = {name: mode == "semiglobal" and overhang in ("both", name) for name in "ab"}
    rules = Rules(scoring.gap_open, scoring.gap_extend, mode == "local", free["a"], free["b"])
    # the same order of lengths within a computation leaves little padding
    order = np.lexsort((b.lengths, a.lengths + b.lengths))
    parts = [
        _scores(a, b, order[start:end], scoring, rules, target)
        for start, end in _computations(a.lengths[order], b.lengths[order], pairs_at_once, target)
    ]
    return _in_order(parts, order, scoring.scale, target)


def _listed(sequences: Sequence[Letters], what: str) -> list[Letters]:
    try:
        return list_sequences(sequences)
    except TypeError as error:
        raise TypeError(f"{what} {error}") from None


def _refuse_overflow(scoring: Scoring, a: FlatCodes, b: FlatCodes) -> None:
    if not a.lengths.size:
        return
    shorter, longer = np.minimum(a.lengths, b.lengths), np.maximum(a.lengths, b.lengths)
    largest = scoring.largest(int(shorter.max()), int(longer.max()))
    if largest >= -FORBIDDEN // 2:
        raise ValueError(
            f"scores of sequences this long may reach {largest}, in units of 1/{scoring.scale}, and align_scores "
            f"counts to {-FORBIDDEN // 2 - 1}; use align, or scores and gap costs without decimals"
        )


def _computations(
    lengths_a: np.ndarray, lengths_b: np.ndarray, pairs_at_once: int | None, backend: Backend
) -> list[tuple[int, int]]:
    """Start and end of each computation, in the order of the pairs by length."""
    cells = _CELLS_DEVICE if backend.asynchronous else _CELLS_HOST
    shorter = np.maximum(np.minimum(lengths_a, lengths_b), 1)
    ranges = []
    start = 0
    while start < shorter.size:
        count = pairs_at_once or max(1, cells // int(shorter[start]))
        if pairs_at_once is None:
            longest = int(shorter[start : start + count].max())
            count = max(1, min(count, cells // longest))
        ranges.append((start, min(start + count, shorter.size)))
        start += count
    return ranges


def _scores(
    a: FlatCodes, b: FlatCodes, chosen: np.ndarray, scoring: Scoring, rules: Rules, backend: Backend
) -> Array:
    table = scoring.table
    lengths = a.lengths[chosen], b.lengths[chosen]
    if lengths[0].max() > lengths[1].max():  # anti-diagonals are as high as a is long
        a, b = b, a
        lengths = lengths[::-1]
        table = table.T
        rules = rules._replace(free_a=rules.free_b, free_b=rules.free_a)
    ends_anywhere = rules.local or rules.free_a or rules.free_b
    first_end = 0 if ends_anywhere else int((lengths[0] + lengths[1]).min())
    arrays = (_padded(a, chosen), _padded(b, chosen), *lengths, table)
    placed = (backend.asarray(np.ascontiguousarray(array), "int32") for array in arrays)
    return alignment_scores(*placed, rules, first_end)


def _padded(flat: FlatCodes, chosen: np.ndarray) -> np.ndarray:
    """Letters of the chosen sequences, (longest, chosen), with 0 after their ends."""
    lengths = flat.lengths[chosen]
    starts = (np.cumsum(flat.lengths) - flat.lengths)[chosen]
    positions = np.arange(int(lengths.max(initial=0)))[:, None]
    if not flat.codes.size:
        return np.zeros((positions.size, chosen.size), dtype=np.int32)
    codes = flat.codes.take(starts + positions, mode="clip").astype(np.int32)
    return np.where(positions < lengths, codes, 0)


def _in_order(parts: list[Array], order: np.ndarray, scale: int, backend: Backend) -> Array:
    """The scores in the order of the pairs, in the units of the matrix."""
    xp = backend.xp
    if not parts:
        return backend.asarray(np.zeros(0), "int32" if scale == 1 else "float32")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    found = xp.take(xp.concat(parts, axis=0), backend.asarray(place, "int32"), axis=0)
    return found if scale == 1 else xp.astype(found, xp.float32) / scale
