"""Seqlets: the stretches of sequences that contributions point out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.arguments import Count, Limits, Whole, checked
from genoml.explain.discovery.candidates import Caller, blocks, chosen, counts
from genoml.explain.discovery.loci import Regions
from genoml.explain.discovery.spans import Spans
from genoml.explain.discovery.windows import WINDOW_BP, Windows
from genoml.io.files import FilePath

__all__ = ["Seqlets", "call_seqlets"]

# of a control: p-values tried, four a decade
_THRESHOLDS = np.logspace(-1, -30, 117)
_SIGNS = {"both": (1, -1), "positive": (1,), "negative": (-1,)}
# where nothing else is said
_FDR = 0.05
_SPAN_P = 0.01
_SHORTEST, _LONGEST = 4, 25
_WINDOW_FLANK = 10


@dataclass(frozen=True, eq=False)
class Seqlets:
    """Seqlets, the result of :func:`call_seqlets`, by p-value, then example and start.

    Attributes
    ----------
    example, start, end : arrays of int64
        Row of the contributions, and positions [start, end) in it, with the flanks.
    score : array of float64
        Sum of the contributions, without the flanks.
    p_value : array of float64
        Chance under the null of a sum as far out in the tail of its sign. It ranks; it is no error rate, since
        neighbouring contributions are alike.
    sign : array of int8
        1 or -1: by which null the seqlet was found.
    threshold : float or None
        p-values are below it; None for TF-MoDISco's own thresholds, 0 if none reached the false discovery rate.
    fdr : float or None
        Estimated false discovery rate at the threshold; None without a control.
    shape : (int, int)
        Of the contributions.
    """

    example: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    sign: NDArray[np.int8]
    threshold: float | None
    fdr: float | None
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.example)

    def to_bed(self, names: Sequence[str], path: FilePath) -> None:
        """Write a BED file of six columns: the score is the sum of contributions, the strand the region's.

        Parameters
        ----------
        names : sequence of str
            One for each row of the contributions. Of loci, ``chr8:100-300`` or ``chr8:100-300(-)`` (0-based and
            half-open, as ``genoml attribute`` names them), the coordinates are the genome's. If one name is no locus,
            all coordinates are those in the sequences, under their names, and a warning says so. What hangs over the
            start of a chromosome is cut off.

        Raises
        ------
        ValueError
            If there is not one name for each row, or a locus has another length than the contributions.
        """
        regions = Regions.of(names, self.shape, str(path))
        regions.write(path, self.example, self.start, self.end, score=self.score)


@checked
def call_seqlets(
    contributions: ArrayLike,
    method: Literal["spans", "windows"] = "spans",
    *,
    control: ArrayLike | None = None,
    fdr: Annotated[float, Limits(gt=0, le=1)] | None = None,
    p_value: Annotated[float, Limits(gt=0, le=1)] | None = None,
    shortest: Count | None = None,
    longest: Count | None = None,
    signs: Literal["both", "positive", "negative"] = "both",
    flank: Whole | None = None,
) -> Seqlets:
    """Find the stretches whose contributions sum to more (or to less) than chance gives.

    ``"spans"``: the null of a sum over w positions is the w-fold convolution of the histogram (1,024 bins) of all
    single contributions; each sign has its own tail. A span is a candidate if its own p-value and that of every span
    within it of at least ``shortest`` positions are below the threshold. The longest is chosen first, then the
    smallest p-value, then the first; nothing that overlaps it is chosen any more, of either sign.

    ``"windows"``: TF-MoDISco's extraction. Sums over 21 positions; null: two half exponentials that share a mode; the
    threshold of either sign by isotonic regression at a false discovery rate of 0.2, moved so that 3 to 20 % of the
    windows pass; the strongest is chosen first, and starts nearer than 11 + ``flank`` to a chosen one are left out.

    With a control, for either method, at the largest of 117 p-values t from 0.1 to 1e-30 with FDR(t) <= ``fdr``:

        FDR(t) = (1 + calls in control at t) (n length / (m length')) / calls at t

    Parameters
    ----------
    contributions : array of shape (n, length)
        What each base contributes: ``actual`` of :func:`genoml.explain.deeplift` or :func:`genoml.explain.saliency`.
    control : array of shape (m, length'), optional
        Contributions of shuffled sequences by the same method and model.
    fdr : float, optional
        With a control only; 0.05 by default.
    p_value : float, optional
        For spans without a control: the threshold, 0.01 by default. It is a ranking, not an error rate.
    shortest, longest : int, optional
        Positions of a span, 4 and 25 by default.
    signs : {"both", "positive", "negative"}
        Of the sums.
    flank : int, optional
        Positions added on either side, within the sequence: 0 by default for spans, 10 for windows.

    Raises
    ------
    ValueError
        For contributions that are not (n, length), not finite, too short or all equal, and for an option that has no
        meaning with the others.

    Warns
    -----
    UserWarning
        If no threshold reaches ``fdr``: there are no seqlets then, and the warning gives the lowest estimate.

    References
    ----------
    Shrikumar et al. (2018), Technical note on TF-MoDISco, arXiv:1811.00416.
    """
    values = _contributions(contributions, "contributions")
    _refuse_without_meaning(method, control, fdr, p_value, shortest, longest)
    if values.min() == values.max():
        reason = ": the model's output does not depend on the sequences" if values.flat[0] == 0 else ""
        raise ValueError(f"contributions expects different values, all are {values.flat[0]:g}{reason}")
    n_flank = flank or 0
    least = shortest or _SHORTEST
    if method == "windows":
        n_flank = _WINDOW_FLANK if flank is None else flank
        least = WINDOW_BP + 2 * n_flank
    _refuse_shorter(values, "contributions", least)
    caller: Caller
    if method == "windows":
        caller = Windows(values, n_flank, _SIGNS[signs])
    else:
        widest = longest or max(least, _LONGEST)
        if widest < least:
            raise ValueError(f"longest expects at least shortest = {least}, got {widest}")
        caller = Spans(values, least, min(widest, values.shape[1]), _SIGNS[signs])
    threshold, rate = (p_value or _SPAN_P) if method == "spans" else math.inf, None
    if control is not None:
        controls = _contributions(control, "control")
        _refuse_shorter(controls, "control", least)
        threshold, rate = _controlled(caller, values, controls, fdr or _FDR)
    return _called(caller, values, threshold, rate, n_flank, WINDOW_BP if method == "windows" else None)


def _refuse_shorter(values: NDArray[Any], what: str, least: int) -> None:
    if values.shape[1] < least:
        raise ValueError(f"{what} expects at least {least} positions, got {values.shape}")


def _contributions(given: ArrayLike, what: str) -> NDArray[Any]:
    values = np.asarray(given)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise ValueError(f"{what} expects numbers (n, length), got {values.dtype} {values.shape}")
    for first, rows in blocks(values):
        if not np.isfinite(rows).all():
            row, position = np.argwhere(~np.isfinite(rows))[0].tolist()
            raise ValueError(
                f"{what} is {rows[row, position]} at sequence {first + row}, position {position}"
            )
    return values


def _refuse_without_meaning(
    method: str, control: Any, fdr: Any, p_value: Any, shortest: int | None, longest: int | None
) -> None:
    if control is None and fdr is not None:
        raise ValueError("fdr has a meaning with control only: the contributions of shuffled sequences")
    if p_value is not None and (control is not None or method == "windows"):
        raise ValueError("p_value has a meaning for method 'spans' without control only; with one, give fdr")
    if method == "windows" and (shortest is not None or longest is not None):
        raise ValueError(
            f"shortest and longest have a meaning for method 'spans' only; windows have {WINDOW_BP} positions"
        )


def _controlled(
    caller: Caller, values: NDArray[Any], control: NDArray[Any], fdr: float
) -> tuple[float, float | None]:
    """The largest threshold that keeps to a false discovery rate, and its estimate; 0 and None if there is none."""
    calls, false = (counts(caller, given, _THRESHOLDS) for given in (values, control))
    estimates = np.full(len(calls), math.inf)
    some = calls > 0
    estimates[some] = (1 + false[some]) * (values.size / control.size) / calls[some]
    reached = np.flatnonzero(estimates <= fdr)
    if len(reached):
        return float(_THRESHOLDS[reached[0]]), float(estimates[reached[0]])
    best = int(np.argmin(estimates))
    lowest = (
        f"the lowest is {estimates[best]:.3g}, of {calls[best]} seqlets"
        if calls[best]
        else "there are no seqlets"
    )
    warnings.warn(f"no threshold reaches a false discovery rate of {fdr:g}: {lowest}", stacklevel=4)
    return 0.0, None


def _called(
    caller: Caller, values: NDArray[Any], threshold: float, rate: float | None, flank: int, width: int | None
) -> Seqlets:
    """Seqlets at a threshold. ``width``: of all of them, without the flanks; None: that of the candidate."""
    length = values.shape[1]
    parts = []
    for first, rows in blocks(values):
        sums = np.zeros((len(rows), length + 1))
        np.cumsum(rows, axis=1, out=sums[:, 1:])
        for level in chosen(caller.levels(rows, threshold), rows):
            size = width or level.width
            row, start = np.divmod(level.start, length + 1)
            score = sums[row, start + size] - sums[row, start]
            low, high = np.maximum(start - flank, 0), np.minimum(start + size + flank, length)
            parts.append((first + row, low, high, score, level.p, level.sign))
    example, start, end, score, p, sign = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((start, example, p))
    columns = example[order], start[order], end[order], score[order], p[order], sign[order]
    kept = threshold if math.isfinite(threshold) else None
    return Seqlets(*columns, threshold=kept, fdr=rate, shape=(len(values), length))
