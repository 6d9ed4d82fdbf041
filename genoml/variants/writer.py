"""Writer of scores, block by block: blocks that were scored are kept until all are there."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from genoml.io.files import write_whole
from genoml.io.processes import locked
from genoml.parallel import ONE_RANK, Ranks
from genoml.sequence.variants import Variants, join_variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.partial import Partial

#: the strongest variants that are remembered
_STRONGEST = 20

#: lines of records, if they are needed, and the variants
Block: TypeAlias = tuple[list[bytes], Variants]
#: a block to score, its digest, and how many of its variants are also shortly before
_Unit: TypeAlias = tuple[list[bytes], Variants, str, int]


class Scored(Protocol):
    """Scores of a block, as a writer reads them: see ``VariantScores``."""

    @property
    def variants(self) -> Variants: ...
    @property
    def status(self) -> np.ndarray: ...
    @property
    def reference(self) -> np.ndarray: ...
    @property
    def alternative(self) -> np.ndarray: ...
    @property
    def effect(self) -> np.ndarray: ...
    @property
    def tasks(self) -> Sequence[str]: ...
    @property
    def columns(self) -> Sequence[str]: ...


ScoredT = TypeVar("ScoredT", bound=Scored)
#: (lines, scores) of a block -> parts of files
Parts: TypeAlias = Callable[[list[bytes], ScoredT], list[bytes]]
ScoredT_co = TypeVar("ScoredT_co", bound=Scored, covariant=True)


class Scores(Protocol[ScoredT_co]):
    """What scores blocks of variants, and what the scores follow from beside these, as values that have a text."""

    def score(self, variants: Variants, chromosomes: Chromosomes | None = None) -> ScoredT_co: ...
    def facts(self) -> tuple[Any, ...]: ...


@dataclass
class Summary:
    """Numbers of a file of variants that was scored.

    Attributes
    ----------
    records, alts : int
        Records, and their ALTs, which have a row each.
    statuses : dict of str to int
        ALTs with each status.
    duplicates : int
        ALTs that are also within the 8,000 records before them.
    chromosomes : str
        What was done to the names of chromosomes, if anything.
    strongest : list of dict
        The scored variants with the largest effects.
    """

    records: int = 0
    alts: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    chromosomes: str = ""
    strongest: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: str | Path) -> None:
        """Write as JSON."""
        with write_whole(path) as file:
            file.write((json.dumps(asdict(self), indent=2) + "\n").encode())


@dataclass(frozen=True)
class Writer(Generic[ScoredT]):
    """Scores blocks of variants and writes what is made of the scores.

    Attributes
    ----------
    scorer : Scores
        Scores them.
    chromosomes : Chromosomes
        Their names in the genome.
    path : str
        Where they are from, for messages.
    """

    scorer: Scores[ScoredT]
    chromosomes: Chromosomes
    path: str

    def empty(self) -> ScoredT:
        """Scores of no variants, which have the names of the columns."""
        return self.scorer.score(join_variants([]), self.chromosomes)

    def stream(
        self, blocks: Iterable[Block], out: BinaryIO, head: bytes, parts_of: Parts[ScoredT], own: range,
        ranks: Ranks = ONE_RANK,
    ) -> Summary:  # fmt: skip
        """Write the first part of each own block as it comes, after ``head``."""
        out.write(head)
        notes = []
        for note, parts in ranks.map(partial(self._scored, parts_of), self._units(blocks, [], own)):
            out.write(parts[0])
            notes.append(note)
        return self._summary(notes)

    def write(
        self, blocks: Iterable[Block], out: Path, parts_of: Parts[ScoredT], finish: Callable[[Partial], None], *,
        resume: bool, facts: object, own: range, ranks: Ranks = ONE_RANK,
    ) -> Summary:  # fmt: skip
        """Score blocks, keeping up to three parts of each in ``OUT.partial``, and make files of the parts.

        Parameters
        ----------
        blocks : iterable of (lines, variants)
            The same at each call, if one is to go on with another.
        out : Path
            The file that names the partial one, and that no other process may write meanwhile.
        parts_of : callable
            (lines, scores) of a block -> its parts.
        finish : callable
            Makes the files.
        resume : bool
            Go on with the partial file, if it is there.
        facts : object
            What the parts follow from beside scorer and variants, as text.
        own : range
            Numbers of the blocks that are scored: those of a shard.
        ranks : Ranks
            Processes that score them together; rank 0 writes, and alone knows the summary.
        """
        facts = self.scorer.facts(), self.chromosomes.prefix, facts, own
        place = out.with_name(f"{out.name}.partial")

        @contextmanager
        def opened() -> Iterator[Partial]:
            with (
                locked(out.with_name(f"{out.name}.lock"), out),
                Partial(place, hashlib.sha256(repr(facts).encode()).hexdigest(), resume) as kept,
            ):
                yield kept

        with ranks.opened(opened) as kept:
            done = ranks.on_first(lambda: [] if kept is None else list(kept.notes))
            for note, parts in ranks.map(partial(self._scored, parts_of), self._units(blocks, done, own)):
                assert kept is not None
                kept.add(note, parts)
            if kept is None:
                return self._summary([])
            finish(kept)
            kept.remove()
            return self._summary(kept.notes)

    def _units(self, blocks: Iterable[Block], done: list[dict[str, Any]], own: range) -> Iterator[_Unit]:
        """The own blocks that are not done yet."""
        before: set[Any] = set()
        for number, (lines, variants) in enumerate(blocks):
            if number >= own.stop:
                return
            if number < own.start - 1:
                continue
            keys = list(zip(variants.chrom, variants.pos.tolist(), variants.ref, variants.alt, strict=True))
            digest = hashlib.sha256(repr(keys).encode()).hexdigest()
            if own.start <= number < own.start + len(done):
                if done[number - own.start]["variants"] != digest:
                    raise ValueError(
                        f"{self.path}: has other variants than were scored before the interruption, from line "
                        f"{variants.line[0]} on; restore it, or remove the partial file"
                    )
            elif number >= own.start:
                repeated = sum(count - (key not in before) for key, count in Counter(keys).items())
                yield lines, variants, digest, repeated
            before = set(keys)

    def _scored(self, parts_of: Parts[ScoredT], unit: _Unit) -> tuple[dict[str, Any], list[bytes]]:
        """Notes and parts of a block."""
        lines, variants, digest, repeated = unit
        scores = self.scorer.score(variants, self.chromosomes)
        return _note(scores, digest, repeated), parts_of(lines, scores)

    def _summary(self, notes: list[dict[str, Any]]) -> Summary:
        statuses: Counter[str] = Counter()
        strongest = list[dict[str, Any]]()
        for note in notes:
            statuses.update(note["statuses"])
            strongest += note["strongest"]
        strongest.sort(key=lambda each: -float(each["strength"]))
        sums = {name: sum(note[name] for note in notes) for name in ("records", "alts", "duplicates")}
        return Summary(
            **sums,
            statuses=dict(statuses),
            chromosomes=str(self.chromosomes),
            strongest=strongest[:_STRONGEST],
        )


def _note(scores: Scored, digest: str, repeated: int) -> dict[str, Any]:
    """What is kept beside the parts of a block."""
    variants = scores.variants
    kinds, counts = np.unique(scores.status, return_counts=True)
    return {
        "variants": digest,
        "records": int(variants.record[-1] - variants.record[0]) + 1,
        "alts": len(variants),
        "statuses": dict(zip(kinds.tolist(), counts.tolist(), strict=True)),
        "duplicates": repeated,
        "strongest": _strongest(scores),
    }


def _strongest(scores: Scored) -> list[dict[str, Any]]:
    """The scored variants with the largest effects, as rows of the table."""
    measured = scores.effect[:, 2::3] if scores.columns[0].startswith("logfc") else scores.effect
    strength = np.where(np.isnan(measured), -1.0, np.abs(measured)).max(axis=1, initial=-1.0)
    rows = np.argsort(-strength, kind="stable")[:_STRONGEST]
    variants = scores.variants
    return [
        {
            "chrom": str(variants.chrom[row]), "pos": int(variants.pos[row]), "id": variants.id[row],
            "ref": variants.ref[row], "alt": variants.alt[row], "strength": float(strength[row]),
            "reference": dict(zip(scores.tasks, scores.reference[row].tolist(), strict=True)),
            "alternative": dict(zip(scores.tasks, scores.alternative[row].tolist(), strict=True)),
            "effect": dict(zip(scores.columns, scores.effect[row].tolist(), strict=True)),
        }
        for row in rows.tolist()
        if strength[row] >= 0
    ]  # fmt: skip
