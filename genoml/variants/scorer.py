"""Scores of a block of variants: windows with the same change are computed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from genoml.genome import GenomeStore, Intervals
from genoml.nn.layer import Layer
from genoml.parallel import Threads
from genoml.sequence.euler import row_keys
from genoml.sequence.shuffle import shuffle_each
from genoml.sequence.variants import Variants
from genoml.train import Objective, Profile
from genoml.train.predict import score_names
from genoml.train.trained import reading_of
from genoml.variants.check import Checked, CheckOptions, check_variants, windows_around
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.effects import Change, Effect, EffectKind
from genoml.variants.outputs import Outputs
from genoml.variants.windows import allele_codes, with_allele

#: windows whose outputs are held together, shuffles counted too
_WINDOWS = 1024


@dataclass(frozen=True)
class VariantScores:
    """Scores of variants, the result of :func:`score_variants`.

    Attributes
    ----------
    variants : Variants
        Those given, a row an ALT.
    status : numpy.ndarray
        (n,) str, see ``genoml.variants.STATUSES``.
    reference, alternative : numpy.ndarray
        (n, tasks) predictions for REF and ALT: probabilities, rates, values, reads of a profile; NaN where not scored.
    effect : numpy.ndarray
        (n, columns); NaN where not scored.
    tasks, columns : list of str
        Names of the columns of the predictions and of the effects.
    z, p : numpy.ndarray or None
        (n, columns), with shuffles: the effect in standard deviations of the shuffles' effects from their mean, and
        (r + 1) / (N + 1), r being how many of the N have an effect as large, of either sign.
    """

    variants: Variants
    status: np.ndarray
    reference: np.ndarray
    alternative: np.ndarray
    effect: np.ndarray
    tasks: list[str]
    columns: list[str]
    z: np.ndarray | None = None
    p: np.ndarray | None = None


class _Job(NamedTuple):
    """Windows with the same change: rows of the alleles (windows, kinds), or (windows, places) if they are shared."""

    rows: np.ndarray
    change: Change
    starts: tuple[int, ...]


class Scorer:
    """Scores blocks of variants of one model, see :func:`score_variants`; a context manager, which ends its threads."""

    def __init__(
        self, model: Layer, genome: GenomeStore, *, length_bp: int | None = None, effect: EffectKind | None = None,
        objective: Objective | None = None, both_strands: bool | None = None, anchor: str = "middle", null: int = 0,
        tasks: Sequence[str] | None = None, batch_size: int = 256, windows: bool = True, share_bp: int = 0,
        seed: int = 0, **options: Any,
    ) -> None:  # fmt: skip
        read = reading_of(model, objective=objective, both_strands=both_strands, length_bp=length_bp)
        if not read.length_bp:
            raise ValueError(
                "score_variants expects length_bp, the length of a window: the model has none of its training"
            )
        if anchor not in ("middle", "both"):
            raise ValueError(f"anchor expects 'middle' or 'both', got {anchor!r}")
        if null < 0 or batch_size < 1:
            raise ValueError(f"expects null >= 0 and batch_size >= 1, got {null} and {batch_size}")
        if null == 1:
            raise ValueError(
                "null expects 2 shuffles or more, whose effects have a standard deviation; got 1"
            )
        if read.ambiguous == "error":
            options["most_n"] = 0.0
        self.genome = genome
        self.check = CheckOptions(read.length_bp, both_anchors=anchor == "both", share_bp=share_bp, **options)
        self.null, self.seed = null, seed
        self._threads = Threads(model.backend.threads)
        self.outputs = Outputs(model, read, self._threads, batch_size, windows)
        self.names, self.tasks = self._tasks(tasks)
        kind = effect or ("profile" if isinstance(read.objective, Profile) else "difference")
        self.effect = Effect(kind, read.objective, self.tasks)

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *error: Any) -> None:
        self._threads.__exit__(None, None, None)

    def _tasks(self, wanted: Sequence[str] | None) -> tuple[list[str], tuple[int, ...]]:
        """Names of the tasks, and the numbers of those that are scored; found by a window of padding."""
        length, objective = self.check.length_bp, self.outputs.read.objective
        probe = self.outputs.whole(np.zeros((1, length), np.uint8))
        names = [
            name.removeprefix("score").removeprefix("_")
            for name in score_names(objective.numbers(probe).shape[1], objective.task_names)
        ]
        for name in wanted or ():
            if name not in names:
                raise ValueError(
                    f"the model has no task {name!r}; its tasks are {', '.join(names) or 'one without name'}"
                )
        chosen = tuple(names.index(name) for name in wanted) if wanted else tuple(range(len(names)))
        return [names[task] for task in chosen], chosen

    def facts(self) -> tuple[Any, ...]:
        """What scores follow from beside the weights and the variants, as values that have a text."""
        check = {each.name: getattr(self.check, each.name) for each in fields(self.check)}
        if self.check.regions is not None:
            places = self.check.regions
            check["regions"] = [
                places.names,
                *(column.tobytes() for column in (places.codes, places.start, places.end)),
            ]
        outputs = self.outputs
        how = (outputs.model.backend.name, outputs.read, outputs.batch_size, outputs.windows)
        return (self.genome.digest, *how, sorted(check.items()), self.null, self.seed, self.effect)

    def score(self, variants: Variants, chromosomes: Chromosomes | None = None) -> VariantScores:
        """Check and score variants."""
        return self.score_checked(variants, check_variants(self.genome, variants, self.check, chromosomes))

    def score_checked(self, variants: Variants, checked: Checked) -> VariantScores:
        """Score those of checked variants that can be."""
        alleles, chosen = checked.alleles, checked.chosen
        predictions = np.full((2, len(variants), len(self.tasks)), np.nan)
        columns = self.effect.columns(self.names)
        tables: list[np.ndarray] = [
            np.full((len(variants), len(columns)), np.nan) for _ in range(3 if self.null else 1)
        ]
        for job in self._jobs(alleles):
            rows = job.rows.reshape(-1)
            reference, alternative, *found = self._job(alleles, job, checked.turned[rows])
            places = chosen[rows]
            predictions[0, places], predictions[1, places] = reference, alternative
            if found[0].shape[1] != len(columns):  # of a function: now their number is known
                columns = [f"effect_{number}" for number in range(found[0].shape[1])]
                tables = [np.full((len(variants), len(columns)), np.nan) for _ in tables]
            for table, values in zip(tables, found, strict=True):
                table[places] = values
        z, p = tables[1:] if self.null else (None, None)
        before, after = predictions
        return VariantScores(variants, checked.status, before, after, tables[0], self.names, columns, z, p)

    def _jobs(self, alleles: Variants) -> Iterator[_Job]:
        """Rows in windows, those with the same change together."""
        length = self.check.length_bp
        start, _, _ = windows_around(alleles, length, self.check.share_bp)
        ref, alt = (
            np.fromiter(map(len, each), np.int64, len(alleles)) for each in (alleles.ref, alleles.alt)
        )
        at = alleles.pos - start
        # rows whose windows are computed together: those of one kind of change
        order = np.lexsort((at, start, alleles.codes, alt, ref))
        keys = np.stack([ref, alt, alleles.codes, start])[:, order]
        limit = max(1, _WINDOWS // max(1, self.null))
        firsts = (
            np.flatnonzero(np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
            if len(order)
            else order
        )
        held: dict[tuple[Any, ...], list[np.ndarray]] = {}
        for rows in np.split(order, firsts[1:]) if len(order) else []:
            first = int(rows[0])
            key = (int(ref[first]), int(alt[first]), tuple(at[rows].tolist()))
            held.setdefault(key, []).append(rows)
        for (ref_bp, alt_bp, places), windows in held.items():
            one = len(set(places)) == 1
            change = Change(places[0], ref_bp, alt_bp, length)
            for begin in range(0, len(windows), limit):
                part = np.stack(windows[begin : begin + limit])
                yield _Job(part, change, places[:1] if one else places)

    def _job(self, alleles: Variants, job: _Job, turned: np.ndarray) -> list[np.ndarray]:
        """Predictions for REF and ALT as the file has them, effects, and with shuffles z and p, (rows, ...) each."""
        stretch, ahead = self._stretch(alleles, job)
        alts = allele_codes(alleles.alt[job.rows.reshape(-1)])
        result = self._effects(stretch, ahead, job, alts, turned)
        if not self.null:
            return result
        n, kinds = job.rows.shape
        refs = allele_codes(alleles.ref[job.rows.reshape(-1)]).reshape(n, kinds, -1)
        first = alleles[job.rows[:, 0]]
        keys = row_keys(self.seed, first.codes[:, None], first.pos[:, None], np.arange(self.null)[None, :])
        shuffled = shuffle_each(np.repeat(stretch, self.null, axis=0), keys.reshape(-1))
        many = np.repeat(refs, self.null, axis=0)
        starts = job.starts if len(job.starts) > 1 else job.starts * kinds
        for place, at in enumerate(starts):
            shuffled[:, ahead + at : ahead + at + job.change.ref_bp] = many[:, place]
        many_alts = np.repeat(alts.reshape(n, kinds, -1), self.null, axis=0).reshape(-1, alts.shape[1])
        many_turned = np.repeat(turned.reshape(n, kinds), self.null, axis=0).reshape(-1)
        effects = self._effects(shuffled, ahead, job, many_alts, many_turned)[2]
        effects = (
            effects.reshape(n, self.null, kinds, -1).transpose(0, 2, 1, 3).reshape(n * kinds, self.null, -1)
        )
        own = result[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (own - effects.mean(axis=1)) / effects.std(axis=1, ddof=1)
        p = ((np.abs(effects) >= np.abs(own)[:, None]).sum(axis=1) + 1) / (self.null + 1)
        return [*result, z, p]

    def _stretch(self, alleles: Variants, job: _Job) -> tuple[np.ndarray, int]:
        """The genome's bases of the windows and of what the alternatives' windows need, and how many are before."""
        first = alleles[job.rows[:, 0]]
        start, more, _ = windows_around(first, job.change.length_bp, self.check.share_bp)
        extra = int(more[0])
        ahead = extra if self.check.both_anchors else 0
        stop = start + job.change.length_bp + extra
        places = Intervals.from_codes(self.genome.names, first.codes, start - ahead, stop)
        return self.genome.fetch(places, edges="pad"), ahead

    def _effects(
        self, stretch: np.ndarray, ahead: int, job: _Job, alts: np.ndarray, turned: np.ndarray
    ) -> list[np.ndarray]:
        """Predictions for both alleles and effects, of windows that may be shuffled."""
        change, n = job.change, len(stretch)
        codes = stretch[:, ahead : ahead + change.length_bp]
        each = len(alts) // n
        if change.ref_bp == change.alt_bp:
            several = len(job.starts) > 1
            shape = (n, 1, each, change.ref_bp) if several else (n, each, 1, change.ref_bp)
            reference, alternative = self.outputs.of_alleles(codes, job.starts, alts.reshape(shape))
            return self._result(reference, alternative, change, turned)
        found = []
        for right in (False, True) if self.check.both_anchors else (False,):
            change = change._replace(right=right)
            changed = with_allele(stretch, ahead, change, alts)
            outputs = self.outputs.whole(np.concatenate([codes, changed]))
            found.append(self._result(outputs[:n], outputs[n:], change, turned))
        return [np.mean(np.stack(parts), axis=0) for parts in zip(*found, strict=True)]

    def _result(
        self, reference: np.ndarray, alternative: np.ndarray, change: Change, turned: np.ndarray
    ) -> list[np.ndarray]:
        """Predictions for REF and ALT as the file has them, and effects."""
        reference = np.repeat(reference, len(alternative) // len(reference), axis=0)
        effects = self.effect.as_written(reference, alternative, change, turned)
        pair = [self.outputs.read.objective.numbers(each)[:, self.tasks] for each in (reference, alternative)]
        return [np.where(turned[:, None], *pair[::-1]), np.where(turned[:, None], *pair), effects]
