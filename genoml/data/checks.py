"""Checks of data: copies on both sides, sequences in several classes, length or GC content as the label, no values."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import replace
from math import sqrt
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml.data.codes import is_plain
from genoml.data.dataset import SequenceData
from genoml.data.joint_peaks import overlap_by_half
from genoml.data.leaks import sequence_hashes
from genoml.data.shuffled import ShuffledNegatives
from genoml.data.traits import TrainedOn, Traits, names_of, windows_of
from genoml.io.errors import shown
from genoml.metrics import auroc, spearman

#: checks that ``fit`` makes
FitCheck: TypeAlias = Literal["copies", "classes"]

#: AUROC from which on one number is said to tell the classes apart
_APART = 0.75
#: standard deviations above one half that the AUROC of a random number may reach by chance
_CHANCE = 3.0
#: values that are far from the others: their share, at most, and the distance in spans of the others
_FEW, _FAR = 0.1, 10.0
#: rank correlation with the targets from which on one number is said to tell them
_CORRELATED = 0.5


def check_data(
    training: SequenceData, validation: SequenceData, *, both_strands: bool = True, skip: Collection[str] = ()
) -> dict[str, str]:
    """Check two data sets with targets 0 and 1, as ``genoml train`` does; see ``check_split``.

    Sequences are read once. With ``both_strands`` a sequence and its reverse complement are the same.
    """
    parts = [Traits.of_data(part, both_strands=both_strands) for part in (training, validation)]
    return check_split(*parts, skip=skip)


def check_split(training: Traits, validation: Traits, *, skip: Collection[str] = ()) -> dict[str, str]:
    """Check the two parts of training data.

    Parameters
    ----------
    training, validation : Traits
        Of one kind of targets.
    skip : collection of str
        Checks that are left out: ``copies`` of training sequences in the validation part; the same sequence in both
        ``classes``, or with several labels; ``length`` or ``gc`` content that alone tells the classes apart, or goes
        with the numbers; ``missing`` values; ``outliers``, numbers far from all others.

    Returns
    -------
    dict
        One line for each check that found something, by its name.
    """
    shared = np.isin(validation.hashes, training.hashes)
    found = {}
    if shared.any():
        found["copies"] = _copies(shared, validation.names)
    columns = ("hashes", "length_bp", "gc", "targets", "names")
    both: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in (training, validation)]) for name in columns
    }
    found |= _check_targets(replace(training, **both))
    return {name: line for name, line in found.items() if name not in skip}


def check_evaluated(
    sequences: Traits,
    known: TrainedOn | None,
    data: SequenceData | None = None,
    *,
    skip: Collection[str] = (),
) -> dict[str, str]:
    """Check labelled sequences that a model is to be evaluated on; as ``check_split``.

    Parameters
    ----------
    sequences : Traits
        Of the data.
    known : TrainedOn or None
        The sequences of training and validation, if they are known.
    data : SequenceData, optional
        The data, if they are of the genome that the model was trained on.
    skip : collection of str
        Checks that are left out: ``trained``, for sequences that are known; ``overlap``, for other windows that share
        half their bases with one that is; and those of ``check_split`` but copies.
    """
    found = {}
    shared = np.isin(sequences.hashes, [] if known is None else known.hashes)
    little = "the scores say little about new sequences"
    if shared.any():
        found["trained"] = (
            f"{_so_many(shared, sequences.names, 'sequences')} were in the data of the training; {little}"
        )
    placed = None if data is None else data.intervals
    if placed is not None and known is not None and known.windows is not None:
        near = overlap_by_half(placed, known.windows) & ~shared
        if isinstance(data, ShuffledNegatives):
            near &= data.source.numbers == 0
        if near.any():
            many = _so_many(near, sequences.names, "windows")
            found["overlap"] = f"{many} share half their bases or more with windows of the training; {little}"
    found |= _check_targets(sequences)
    return {name: line for name, line in found.items() if name not in skip}


def check_windows(training: SequenceData, validation: SequenceData) -> dict[str, str]:
    """A warning, ``overlap``, of validation windows of a genome that share half their bases with a training window.

    Shuffles have no place in the genome, and are left out.
    """
    first, second = windows_of(training), windows_of(validation)
    if first is None or second is None:
        return {}
    shared = overlap_by_half(second, first)
    if not shared.any():
        return {}
    names = np.array([second.place(row) for row in range(len(second))], dtype=np.object_)
    line = f"{_so_many(shared, names, 'validation windows')} share half their bases or more with training windows"
    return {"overlap": f"{line}; hold out whole chromosomes (validation_chromosomes)"}


def warn_of_leaks(
    training: SequenceData,
    validation: SequenceData,
    classes: tuple[np.ndarray, np.ndarray] | None,
    *,
    both_strands: bool,
    skip: Collection[FitCheck] = (),
) -> None:
    """Warn of copies of training sequences in validation data, and of sequences with several ``classes``.

    The first part of the checks of ``check_data``, for targets of any kind. Sequences that are not in memory are not
    read for it.
    """
    parts = training, validation
    if {"copies", "classes"} <= {*skip} or not all(is_plain(part.codes) for part in parts):
        return
    hashes = [sequence_hashes(part.codes, both_strands=both_strands) for part in parts]
    copied = np.isin(hashes[1], hashes[0])
    if copied.any() and "copies" not in skip:
        warnings.warn(_copies(copied, names_of(validation)), stacklevel=4)
    if classes is not None and "classes" not in skip:
        several = in_several_classes(np.concatenate(hashes), np.concatenate(classes))
        if several.any():
            names = np.concatenate([names_of(part) for part in parts])
            warnings.warn(
                f"{_so_many(several, names, 'sequences')} stand in more than one class", stacklevel=4
            )


def _copies(copied: np.ndarray, names: np.ndarray) -> str:
    many = _so_many(copied, names, "validation sequences")
    return f"{many} are copies of training sequences; scores in validation are too high"


def _so_many(chosen: np.ndarray, names: np.ndarray, what: str) -> str:
    return f"{chosen.sum()} of {len(chosen)} {what} ({shown(names[np.argmax(chosen)])} is the first)"


def _check_targets(sequences: Traits) -> dict[str, str]:
    """Warnings of sequences with several labels, of missing values, and of a length or GC content that tells them."""
    targets = sequences.targets if sequences.targets.ndim == 2 else sequences.targets[:, None]
    found = _several_labels(sequences, targets) if sequences.kind != "numbers" else {}
    missing = np.isnan(targets)
    if missing.any():
        of_each = [
            f"{_task(sequences, task)} {number}" for task, number in enumerate(missing.sum(axis=0)) if number
        ]
        more = f" and {len(of_each) - 5} more" if len(of_each) > 5 else ""
        found["missing"] = (
            f"{missing.sum()} of {missing.size} values are missing, and are left out: {', '.join(of_each[:5])}{more}"
        )
    if sequences.kind == "numbers" and (line := _far_values(sequences, targets)):
        found["outliers"] = line
    apart = _numbers_apart if sequences.kind == "numbers" else _classes_apart
    for name, values in (("length", sequences.length_bp), ("gc", 100 * sequences.gc)):
        lines = [
            (area, task, line)
            for task in range(targets.shape[1])
            for area, line in [apart(name, values.astype(np.float64), targets[:, task])]
            if area
        ]
        if lines:
            _, task, line = max(lines, key=lambda each: (each[0], -each[1]))
            of = f"{_task(sequences, task)}: " if targets.shape[1] > 1 else ""
            others = len(lines) - 1
            more = f"; and so in {others} more task{'s' * (others > 1)}" if others else ""
            found[name] = of + line + more
    return found


def _far_values(sequences: Traits, targets: np.ndarray) -> str:
    """A line about a few values that lie further from the others than ten times what these span."""
    for task, column in enumerate(targets.T):
        values = np.sort(column[~np.isnan(column)].astype(np.float64))
        if len(values) < 10:
            continue
        cut = int(np.argmax(np.diff(values))) + 1
        low, high = values[:cut], values[cut:]
        few, others = (low, high) if len(low) < len(high) else (high, low)
        gap, span = high[0] - low[-1], others[-1] - others[0]
        if len(few) <= _FEW * len(values) and 0 < span * _FAR < gap:
            return (
                f"{_task(sequences, task)}: {len(few)} of {len(values)} values ({few[0]:.6g} is the first) lie "
                f"{gap / span:.3g} times the span of the others away from them; leave a missing value empty, and take "
                "logarithms of skewed ones"
            )
    return ""


def _task(sequences: Traits, task: int) -> str:
    return shown(sequences.tasks[task]) if sequences.tasks else f"target {task}"


def _several_labels(sequences: Traits, targets: np.ndarray) -> dict[str, str]:
    """Warning of sequences that stand with several labels."""
    if targets.shape[1] == 1:
        labels, where = targets[:, 0], "in both classes"
    elif sequences.kind == "classes":
        labels, where = targets.argmax(axis=1), "in more than one class"
    else:
        _, labels = np.unique(targets, axis=0, return_inverse=True)
        labels, where = labels.reshape(-1), "with different labels"
    several = in_several_classes(sequences.hashes, labels)
    return (
        {"classes": f"{_so_many(several, sequences.names, 'sequences')} stand {where}"}
        if several.any()
        else {}
    )


_WORDS = {
    "length": ("are {:.0f} bp", "{:.0f} bp", "the length alone"),
    "gc": ("have {:.1f} % G and C", "{:.1f} %", "the GC content alone"),
}


def _classes_apart(name: str, values: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
    """AUROC of a number that tells positives from negatives, and the line about it; 0 for one that does not."""
    known = ~np.isnan(targets)
    values, positive = values[known], targets[known] == 1
    area = _apart(values, positive)
    if not area:
        return 0.0, ""
    of_positives, of_negatives = _medians(values, positive)
    have, of, alone = _WORDS[name]
    return area, (
        f"positives {have.format(of_positives)}, negatives {of.format(of_negatives)} in the median: {alone} "
        f"tells them apart (AUROC {area:.4f})"
    )


def _numbers_apart(name: str, values: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
    """Rank correlation of a number with the targets, and the line about it; 0 for one that does not go with them."""
    known = ~np.isnan(targets) & ~np.isnan(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0 or np.ptp(targets[known]) == 0:
        return 0.0, ""
    r = float(spearman(values[known], targets[known]))
    if not abs(r) >= max(_CORRELATED, _CHANCE / sqrt(known.sum() - 1)):
        return 0.0, ""
    return abs(r), f"{_WORDS[name][2]} goes with the targets (Spearman's r {r:.4f})"


def in_several_classes(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the sequence of each example, by its hash (n,), also has another label (n,)."""
    _, sequence = np.unique(hashes, return_inverse=True)
    order = np.lexsort((labels, sequence))
    changed = (np.diff(sequence[order]) == 0) & (np.diff(labels[order].astype(np.float64)) != 0)
    several = np.zeros(len(hashes), dtype=bool)
    several[sequence[order[1:][changed]]] = True
    return np.asarray(several[sequence])


def _apart(values: np.ndarray, positive: np.ndarray) -> float:
    """AUROC, 0.5 to 1, of a number that tells the classes apart better than chance; 0 for one that does not."""
    known = ~np.isnan(values)
    n_positives = int(positive[known].sum())
    n_negatives = int(known.sum()) - n_positives
    if not n_positives or not n_negatives:
        return 0.0
    area = float(auroc(values[known].astype(np.float64), positive[known]))
    deviation = sqrt((len(values) + 1) / (12 * n_positives * n_negatives))
    area = max(area, 1 - area)
    return area if area >= max(_APART, 0.5 + _CHANCE * deviation) else 0.0


def _medians(values: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    return float(np.nanmedian(values[positive])), float(np.nanmedian(values[~positive]))
