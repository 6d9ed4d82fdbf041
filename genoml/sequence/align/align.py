"""Pairwise alignment with affine gaps: a best alignment of two sequences.

:func:`genoml.sequence.align_scores` gives the scores of many pairs, without alignments, on any backend. Both suit
reads, genes and proteins in a notebook. For millions of pairs use parasail, whose SIMD code is far faster; for more
options (all best alignments, position-dependent gap costs) use Biopython's PairwiseAligner. docs/alignment.md
compares the times.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from genoml.sequence.align import dynamic_programme as dp
from genoml.sequence.align.alignment import DIFFERENT, IDENTICAL, ONLY_A, ONLY_B, Alignment
from genoml.sequence.align.scoring import Matrix, Scoring, resolve_scoring
from genoml.sequence.align.substitution import Letters, letter_bytes

__all__ = ["Mode", "Overhang", "align"]

Mode: TypeAlias = Literal["global", "local", "semiglobal"]
#: Whose overhanging letters cost nothing in semiglobal mode.
Overhang: TypeAlias = Literal["both", "a", "b"]


def align(
    a: Letters,
    b: Letters,
    mode: str = "global",
    *,
    matrix: Matrix = None,
    gap_open: float | None = None,
    gap_extend: float | None = None,
    overhang: str = "both",
    max_memory_gb: float = 2.0,
) -> Alignment:
    """Align two sequences so that the score is the largest.

        score = sum of matrix[a_i, b_j] over pairs - sum of (gap_open + (n - 1) gap_extend) over gaps of n letters

    Parameters
    ----------
    a, b : str, bytes or uint8 base codes
        ``a`` is the query and ``b`` the reference, where that matters (CIGAR). Lower case reads as upper case, U in
        nucleotides as T; ambiguous letters have their scores in the matrix. Either may be empty.
    mode : {"global", "local", "semiglobal"}
        All of both sequences (Needleman and Wunsch); the best parts of both (Smith and Waterman), nothing if no pair
        scores above 0; or all but overhanging ends, which are left out at no cost.
    matrix : optional
        A name (``"BLOSUM45"``, ``"BLOSUM62"``, ``"BLOSUM80"``, ``"PAM30"``, ``"PAM250"``, ``"NUC.4.4"``, which is also
        ``"EDNAFULL"``); a :class:`SubstitutionMatrix`, such as `genoml.io.read_substitution_matrix` returns;
        ``(match, mismatch)``, where only equal letters match, so that N matches only N; a dict from pairs such as
        ``("A", "C")`` to scores, with each pair in one order at least; or an array (4, 4) in the order A C G T.
        None: ``"NUC.4.4"`` if all letters are nucleotide codes and 90 % of them A C G T U N, ``"BLOSUM62"`` if some
        letter is no nucleotide code. A protein of the letters A C G T N alone needs its matrix named.
    gap_open, gap_extend : float, optional
        Costs of the first letter of a gap and of each further one, as positive numbers: the convention of EMBOSS,
        parasail and Biopython's documentation. BLAST's "existence 11, extension 1" is ``gap_open=12, gap_extend=1``.
        None: 10 and 1 for NUC.4.4; 11 and 1 for BLOSUM62, BLOSUM80 and PAM30; other matrices have no default.
    overhang : {"both", "a", "b"}
        In semiglobal mode, the sequence whose overhangs at either end cost nothing. ``"b"`` finds all of ``a`` within
        ``b``.
    max_memory_gb : float
        Memory limit, checked before any is taken. Memory grows as ``len(b) sqrt(len(a))`` with the longer of the two as
        ``b``: 100 kb with 100 kb takes 0.4 GB, 1 Mb with 1 Mb 24 GB.

    Returns
    -------
    Alignment
        With score, coordinates, aligned strings, CIGAR and identity; ``print`` shows it. If several are best, it is one
        of them, the same in every run.

    Raises
    ------
    ValueError
        For a letter that is not in the matrix, an unknown mode or matrix, ``gap_extend`` above ``gap_open`` or below
        0, numbers with more than three decimals, letters that fit nucleotides and proteins (pass ``matrix``), and
        sequences that need more memory than allowed.
    TypeError
        For anything but letters and base codes.

    Examples
    --------
    >>> print(align("ACGTTTGA", "ACGTGA", gap_open=6))
    # a (8 letters, 0-8 aligned) with b (6 letters, 0-6 aligned)
    # global, matrix NUC.4.4, a gap of n costs 6 + (n - 1) x 1
    # score 23, identity 6/8 (75.0 %), positive 6/8 (75.0 %), gaps 2/8 (25.0 %)
    <BLANKLINE>
    a 1 ACGTTTGA 8
        |||  |||
    b 1 ACG--TGA 6

    References
    ----------
    Needleman and Wunsch (1970), doi:10.1016/0022-2836(70)90057-4; Smith and Waterman (1981),
    doi:10.1016/0022-2836(81)90087-5; Gotoh (1982), doi:10.1016/0022-2836(82)90398-9.
    """
    check_mode(mode, overhang)
    scoring = resolve_scoring(matrix, gap_open, gap_extend, [a, b])
    codes = [scoring.matrix.encode([sequence], what).codes for sequence, what in ((a, "a"), (b, "b"))]
    # the Python loop runs over rows: the shorter sequence
    swapped = codes[0].size > codes[1].size
    problem = _problem(codes, scoring, mode, overhang, swapped)
    _refuse_memory(problem, max_memory_gb, swapped)
    path = dp.best_path(problem)
    return _alignment(a, b, codes, scoring, mode, _from_path(path, swapped))


def check_mode(mode: str, overhang: str) -> None:
    """Raise unless ``mode`` and ``overhang`` are known and go together.

    Raises
    ------
    ValueError
        If the mode or ``overhang`` is unknown, or ``overhang`` is given without semiglobal mode.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode expects 'global', 'local' or 'semiglobal', got {mode!r}")
    if overhang not in get_args(Overhang):
        raise ValueError(f"overhang expects 'both', 'a' or 'b', got {overhang!r}")
    if overhang != "both" and mode != "semiglobal":
        raise ValueError(f"overhang={overhang!r} expects mode='semiglobal', got mode={mode!r}")


def _problem(
    codes: list[np.ndarray], scoring: Scoring, mode: str, overhang: str, swapped: bool
) -> dp.Problem:
    free = [mode == "semiglobal" and overhang in ("both", name) for name in "ab"]
    order = (1, 0) if swapped else (0, 1)
    rows = codes[order[0]]
    columns = codes[order[1]]
    return dp.Problem(
        rows,
        columns,
        scoring.table.T if swapped else scoring.table,
        scoring.gap_open,
        scoring.gap_extend,
        mode == "local",
        free[order[0]],
        free[order[1]],
        scoring.largest(rows.size, columns.size),
    )


def _refuse_memory(problem: dp.Problem, max_memory_gb: float, swapped: bool) -> None:
    n, m = problem.rows.size, problem.columns.size
    needed = dp.bytes_needed(n, m, len(problem.table), problem.largest) / 1e9
    if needed > max_memory_gb:
        lengths = (m, n) if swapped else (n, m)
        raise ValueError(
            f"aligning {lengths[0]} with {lengths[1]} letters needs {needed:.1f} GB of memory, more than "
            f"max_memory_gb={max_memory_gb:g}; cut the sequences, raise it, or use an aligner with seeds (minimap2)"
        )


class _Found(NamedTuple):
    """A path through the table, with a and b in place of rows and columns."""

    score: int
    start: tuple[int, int]
    end: tuple[int, int]
    #: (kind, count), kind being one of IDENTICAL (for any pair), ONLY_A and ONLY_B
    steps: list[tuple[int, int]]


def _from_path(path: dp.Traceback, swapped: bool) -> _Found:
    rows, columns = (ONLY_B, ONLY_A) if swapped else (ONLY_A, ONLY_B)
    kinds = {dp.DIAGONAL: IDENTICAL, dp.ONLY_ROWS: rows, dp.ONLY_COLUMNS: columns}
    steps = [(kinds[kind], count) for kind, count in path.steps]
    start, end = (path.start[::-1], path.end[::-1]) if swapped else (path.start, path.end)
    return _Found(path.score, start, end, steps)


def _alignment(
    a: Letters, b: Letters, codes: list[np.ndarray], scoring: Scoring, mode: str, found: _Found
) -> Alignment:
    kinds = np.array([kind for kind, _ in found.steps], dtype=np.uint8)
    columns = np.repeat(kinds, np.array([count for _, count in found.steps], dtype=np.int64))
    in_a, in_b = columns != ONLY_B, columns != ONLY_A
    paired = in_a & in_b
    start_a, start_b = found.start
    end_a, end_b = found.end
    pair_a = codes[0][start_a:end_a][paired[in_a]]
    pair_b = codes[1][start_b:end_b][paired[in_b]]
    columns[paired] = np.where(pair_a == pair_b, IDENTICAL, DIFFERENT)
    positive = np.zeros(columns.size, dtype=bool)
    positive[paired] = scoring.table[pair_a, pair_b] > 0
    return Alignment(
        scoring.unscaled(found.score),
        mode,
        start_a,
        end_a,
        start_b,
        end_b,
        _with_gaps(letter_bytes(a, "a")[start_a:end_a], in_a),
        _with_gaps(letter_bytes(b, "b")[start_b:end_b], in_b),
        columns,
        positive,
        codes[0].size,
        codes[1].size,
        scoring.matrix.name,
        scoring.gap_open / scoring.scale,
        scoring.gap_extend / scoring.scale,
    )


def _with_gaps(letters: bytes, present: np.ndarray) -> str:
    out = np.full(present.size, ord("-"), dtype=np.uint8)
    out[present] = np.frombuffer(letters, np.uint8)
    return out.tobytes().decode("ascii")
