"""Constraints on what occurs in a sequence: sites and enzymes, runs, repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, checked
from genoml.design.composition import covering_sums
from genoml.design.constraints import Constraint, Counts, Origin, counted_after
from genoml.design.enzymes import site_of
from genoml.sequence.alphabet import CODE_LETTERS, MEMBERSHIP
from genoml.sequence.codes import decode
from genoml.sequence.encode import base_codes
from genoml.sequence.strand import reverse_complement

__all__ = ["Avoid", "NoRepeat", "NoRun", "by_width"]

#: longest k-mer of which there are as many numbers as NoRepeat needs, for a hundred thousand sequences
_LONGEST_REPEAT = 23


class _Words(Constraint):
    """Base of the constraints that words occur nowhere: how many occurrences there are."""

    @property
    def words(self) -> Sequence[np.ndarray]:
        """Codes (words, width) of the words of each width, IUPAC codes included."""
        raise NotImplementedError

    def _fitting(self, length: int) -> list[np.ndarray]:
        return [words for words in self.words if words.shape[1] <= length]

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        found = np.zeros(len(codes), dtype=np.int64)
        for words in self._fitting(codes.shape[1]):
            found += (_mismatches(codes, words).sum(axis=0) == 0).sum(axis=(0, 2))
        return found

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        found = np.zeros((*codes.shape, 4), dtype=np.int64)
        for words in self._fitting(codes.shape[1]):
            missed = _mismatches(codes, words)
            total = missed.sum(axis=0)
            now = (total == 0).sum(axis=0)
            # occurrences that do not hold the position stay
            found += (now.sum(axis=1)[:, None] - covering_sums(now, words.shape[1]))[:, :, None]
            for k, letters in enumerate(words.T):
                # position i + k of a window i: all others match, and so does the new base
                others = (total == missed[k]).astype(np.float32).transpose(1, 2, 0)
                found[:, k : k + others.shape[1]] += (others @ MEMBERSHIP[letters].astype(np.float32)).astype(
                    np.int64
                )
        return found

    def tell(self, row: np.ndarray) -> str:
        places = sorted(
            (int(place), str(decode(row[place : place + words.shape[1]])))
            for words in self._fitting(len(row))
            for place in np.flatnonzero((_mismatches(row[None], words).max(axis=0) == 0).any(axis=0)[0])
        )
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        return ", ".join(f"{word} at {place}" for place, word in places[:3]) + more


def _mismatches(codes: np.ndarray, words: np.ndarray) -> NDArray[np.uint8]:
    """Whether base k of window i does not match letter k of each word, (width, words, n, windows)."""
    width = words.shape[1]
    count = codes.shape[1] - width + 1
    missing = (~MEMBERSHIP[words]).astype(np.uint8)
    return np.stack([missing[:, k][:, codes[:, k : k + count]] for k in range(width)])


def by_width(words: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Words, each once, those of one width in an array."""
    found = dict[int, dict[bytes, np.ndarray]]()
    for word in words:
        found.setdefault(len(word), {}).setdefault(word.tobytes(), word)
    return [np.stack(list(some.values())) for some in found.values()]


@dataclass(frozen=True)
class Avoid(_Words):
    """Sites that occur nowhere, on either strand.

    Parameters
    ----------
    sites : sequence of str
        Bases in IUPAC letters, such as ``GGTCTC`` or ``CCWGG``, or names of restriction enzymes, such as ``BsaI``; see
        ``genoml.design.ENZYMES``.

    Raises
    ------
    ValueError
        For an enzyme that is not in the table.
    """

    sites: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(self.sites, str):
            raise TypeError(f"Avoid expects a list of sites, got {self.sites!r}; write [{self.sites!r}]")
        _ = self.words

    def __str__(self) -> str:
        return f"Avoid({', '.join(self.sites)})"

    @cached_property
    def words(self) -> Sequence[np.ndarray]:
        """Each site and its reverse complement, once."""
        found = list[np.ndarray]()
        for site in self.sites:
            letters = site.upper()
            if not letters or not set(letters) <= {*CODE_LETTERS, "U"}:
                letters = site_of(site)
            codes = base_codes([letters])[0]
            found += [codes, reverse_complement(codes)]
        return by_width(found)


@checked
@dataclass(frozen=True)
class NoRun(_Words):
    """No base occurs more than ``longest`` times in a row."""

    longest: Count

    def __str__(self) -> str:
        return f"NoRun({self.longest})"

    @cached_property
    def words(self) -> Sequence[np.ndarray]:
        """Runs one longer than the longest."""
        return [np.repeat(np.arange(4, dtype=np.uint8)[:, None], self.longest + 1, axis=1)]


@checked
@dataclass(frozen=True)
class NoRepeat(Constraint):
    """No word of ``length`` bases occurs twice, on either strand: neither repeats nor hairpins.

    A word that is its own reverse complement, such as GAATTC, may occur once.

    Parameters
    ----------
    length : int
        Of the words, in bases; 23 at most.
    """

    length: Count

    def __post_init__(self) -> None:
        if self.length > _LONGEST_REPEAT:
            raise ValueError(f"NoRepeat expects a length of at most {_LONGEST_REPEAT}, got {self.length}")

    def __str__(self) -> str:
        return f"NoRepeat({self.length})"

    def _numbers(self, codes: np.ndarray) -> tuple[Counts, Counts]:
        """Each word as a number in base 4, and its reverse complement, (n, windows)."""
        count, k = codes.shape[1] - self.length + 1, self.length
        wide = codes.astype(np.int64)
        forward = sum(wide[:, t : t + count] << 2 * (k - 1 - t) for t in range(k))
        reverse = sum((3 - wide[:, t : t + count]) << 2 * t for t in range(k))
        return np.asarray(forward), np.asarray(reverse)

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        if codes.shape[1] < self.length:
            return np.zeros(len(codes), dtype=np.int64)
        words = np.sort(np.minimum(*self._numbers(codes)), axis=1)
        return np.asarray((words[:, 1:] == words[:, :-1]).sum(axis=1))

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        n, length = codes.shape
        found = np.zeros((n, length, 4), dtype=np.int64)
        if length < self.length:
            return found
        wrong = self.count(codes, origin) > 0
        if wrong.any():
            found[wrong] = counted_after(self, codes[wrong], origin.take(np.flatnonzero(wrong)))
        if not wrong.all():
            found[~wrong] = self._after_distinct(codes[~wrong])
        return found

    def _after_distinct(self, codes: np.ndarray) -> Counts:
        """Of sequences whose words are all distinct: the changed words that there are already.

        A change at l gives new words to the k windows that hold it. A new word counts if it is the word of another
        window that does not hold l, or, of those that are left, that of another new window.
        """
        n, length = codes.shape
        k, count = self.length, length - self.length + 1
        forward, reverse = self._numbers(codes)
        own = np.minimum(forward, reverse)
        step = (np.arange(4, dtype=np.int64) - codes[:, :, None].astype(np.int64))[
            :, :, :, None
        ]  # (n, l, b, 1)
        within = np.arange(k)  # of the window, where the change is
        starts = np.arange(length)[:, None] - within  # (l, k)
        inside = (starts >= 0) & (starts < count)
        at = np.clip(starts, 0, count - 1)
        new_forward = forward[:, at][:, :, None, :] + (step << 2 * (k - 1 - within))
        new_reverse = reverse[:, at][:, :, None, :] - (step << 2 * within)
        new = np.minimum(new_forward, new_reverse)
        # the window that has a word, by one search in the words of all sequences
        offset = (np.arange(n) << 2 * k)[:, None]
        order = np.argsort((own + offset).reshape(-1))
        every = (own + offset).reshape(-1)[order]
        wanted = new + offset[:, :, None, None]
        place = np.minimum(np.searchsorted(every, wanted), len(every) - 1)
        other = order[place] % count
        far = (other > np.arange(length)[:, None, None]) | (other <= np.arange(length)[:, None, None] - k)
        known = (every[place] == wanted) & far & inside[:, None, :]
        # the others must differ from one another: each known or missing one is a number of its own
        rest = np.sort(np.where(known | ~inside[:, None, :], -1 - within, new), axis=3)
        return np.asarray(known.sum(axis=3) + (rest[..., 1:] == rest[..., :-1]).sum(axis=3))

    def tell(self, row: np.ndarray) -> str:
        words = np.minimum(*self._numbers(row[None]))[0]
        _, where, counts = np.unique(words, return_index=True, return_counts=True)
        place = int(where[np.argmax(counts > 1)])
        return f"{decode(row[place : place + self.length])} at {place} occurs again"
