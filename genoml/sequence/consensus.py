"""The consensus of a motif, as bases or as IUPAC letters."""

from __future__ import annotations

import numpy as np

from genoml.sequence.alphabet import CODE_LETTERS, MEMBERSHIP, PAD_CODE

__all__ = ["consensus", "degenerate_consensus"]

#: Rounding error allowed for in sums of probabilities.
_ROUNDING = 1e-12


def consensus(probabilities: np.ndarray) -> str:
    """The most probable base at each position, ties to the first of A, C, G, T: (width, 4) -> letters."""
    return "".join("ACGT"[base] for base in probabilities.argmax(axis=1))


def degenerate_consensus(probabilities: np.ndarray) -> str:
    """The consensus in IUPAC letters, by the rule of Cavener (1987) as TRANSFAC uses it.

    A position is one base if that is more frequent than all others together, and more than twice as frequent
    as the second; else two bases if they make up more than 75 %; else three if the fourth is never there;
    else N.

    Shapes
    ------
    probabilities : (width, 4), columns A, C, G, T, each row summing to 1

    References
    ----------
    Cavener (1987), Comparison of the consensus sequence flanking translational start sites in Drosophila and
    vertebrates, doi:10.1093/nar/15.4.1353.
    """
    first, second, _, fourth = np.sort(probabilities, axis=1)[:, ::-1].T
    one = (first > 0.5 + _ROUNDING) & (first > 2 * second + _ROUNDING)
    n_bases = np.select([one, first + second > 0.75 + _ROUNDING, fourth == 0], [1, 2, 3], 4)
    # the rank of each base in its row; ties go to the first of A, C, G, T
    ranks = np.argsort(np.argsort(-probabilities, axis=1, kind="stable"), axis=1)
    members = ranks < n_bases[:, None]
    codes = (members[:, None, :] == MEMBERSHIP[None, :PAD_CODE]).all(axis=2).argmax(axis=1)
    return "".join(CODE_LETTERS[code] for code in codes)
