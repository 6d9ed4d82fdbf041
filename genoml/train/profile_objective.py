"""Objective for profiles: the shape of the reads along a sequence, and their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml import losses
from genoml.arguments import checked
from genoml.backend import Array
from genoml.data import LazyRows, ProfileData, SequenceData
from genoml.data.tracks import control_strands, opposite_tracks, strands_of, turn_tracks
from genoml.losses.labels import COUNTS, Domain
from genoml.metrics import jensen_shannon_distance, pearson, profile_pearson, spearman
from genoml.models import join_profile, split_profile
from genoml.ops.activations import softmax
from genoml.train.objectives import Objective

#: mean count of a track for which shape and counts have one weight
_COUNT_OF_EQUAL_WEIGHT = 10.0


@checked
@dataclass(frozen=True)
class Profile(Objective):
    """Objective for profiles of reads, from BPNet's outputs: logits of the positions, and log(1 + counts).

        L = - log multinomial(k | n, softmax(z)) + lambda (c - log(1 + n))^2,    n = sum_l k_l,  for each track

    Targets are (n, tracks, length), those of ``genoml.data.ProfileData``. A prediction is the expected number of reads
    at each position, (exp(c) - 1) softmax(z). The best epoch is the one with the smallest loss. Scores, of the tracks
    and their mean: ``profile_jsd``, the mean Jensen-Shannon distance of the predicted shapes to the observed ones (0 is
    best; profiles without reads are left out), beside it ``mean_profile_jsd``, that of the mean profile of these data;
    ``profile_pearson``; ``counts_pearson`` and ``counts_spearman`` of log(1 + n).

    Attributes
    ----------
    tracks, length_bp : int
        Tracks, and positions of a profile.
    count_weight : float or "auto"
        lambda; "auto": the mean number of reads of a track in the training data, divided by 10.
    strands : str or None
        A letter a track, such as ``"+-"``, see ``genoml.data.tracks``; None: that of the training data.

    Raises
    ------
    ValueError
        For values out of range, or strands that do not fit the tracks.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6, methods. The weight is that of ChromBPNet's command (Pampari et
    al. 2024, doi:10.1101/2024.12.25.630221), with the mean for the median, which is 0 for sparse tracks.
    """

    tracks: int = 1
    length_bp: int = 1000
    count_weight: float | Literal["auto"] = "auto"
    strands: str | None = None

    domain: ClassVar[Domain] = COUNTS
    in_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.tracks < 1 or self.length_bp < 1:
            raise ValueError(
                f"Profile expects tracks >= 1 and length_bp >= 1, got {self.tracks} and {self.length_bp}"
            )
        if isinstance(self.count_weight, str) and self.count_weight != "auto":
            raise ValueError(f"Profile expects count_weight, a number or 'auto', got {self.count_weight!r}")
        if not isinstance(self.count_weight, str) and not 0.0 <= self.count_weight < np.inf:
            raise ValueError(f"Profile expects count_weight >= 0, got {self.count_weight}")
        if self.strands is not None:
            strands_of(self.strands, self.tracks)

    def for_data(self, data: SequenceData) -> Profile:
        """The objective with the strands of the training data, and the weight of the counts that they ask for."""
        if not isinstance(data, ProfileData):
            raise ValueError(
                f"Profile expects genoml.data.ProfileData, which knows the tracks' strands, got {type(data).__name__}"
            )
        if self.strands not in (None, data.strands):
            raise ValueError(f"Profile has strands {self.strands!r}, and the data {data.strands!r}")
        self.check(data.targets, data.extras)
        weight = self.count_weight
        if isinstance(weight, str):
            weight = float(np.mean(data.totals)) / _COUNT_OF_EQUAL_WEIGHT
        return replace(self, strands=data.strands, count_weight=weight)

    def check(self, targets: Any, extras: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless these are profiles of this objective; those on disk are checked as they are read."""
        if tuple(targets.shape[1:]) != (self.tracks, self.length_bp):
            raise ValueError(
                f"Profile expects targets (n, {self.tracks}, {self.length_bp}), got {tuple(targets.shape)}"
            )
        super().check(np.zeros(0) if isinstance(targets, LazyRows) else targets, extras)

    def contradicts(self, other: Objective) -> bool:
        sizes = (self.tracks, self.length_bp)
        return not isinstance(other, Profile) or sizes != (other.tracks, other.length_bp)

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        if isinstance(self.count_weight, str):
            raise ValueError("Profile expects count_weight, a number, or for_data(data), which computes it")
        logits, log_counts = self._split(outputs)
        loss, grads = losses.multinomial_profile_loss(
            logits, log_counts, targets, counts_weight=self.count_weight, **extras
        )
        return loss, join_profile(*grads)

    def _split(self, outputs: Array) -> tuple[Array, Array]:
        width = self.tracks * (self.length_bp + 1)
        if outputs.ndim != 2 or outputs.shape[1] != width:
            raise ValueError(
                f"Profile ({self.tracks} tracks of {self.length_bp} bp) expects outputs (batch, {width}), "
                f"got {tuple(outputs.shape)}"
            )
        return split_profile(outputs, self.tracks)

    def turned(self, outputs: Array) -> Array:
        """Outputs for the reverse complement as outputs for the sequence: positions turned, strands exchanged."""
        logits, log_counts = self._split(outputs)
        xp = array_namespace(outputs)
        order = xp.asarray(
            opposite_tracks(strands_of(self.strands, self.tracks)), dtype=xp.int64, device=device_of(outputs)
        )
        turned = xp.flip(xp.take(logits, order, axis=1), axis=2)
        return join_profile(turned, xp.take(log_counts, order, axis=1))

    def turned_control(self, control: np.ndarray) -> np.ndarray:
        strands = strands_of(self.strands, self.tracks)
        return turn_tracks(control, control_strands(strands, control.shape[1]))

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Expected reads of each position, (n, tracks, length)."""
        logits, _ = self._split(outputs)
        reads: np.ndarray = np.asarray(softmax(logits, axis=2)) * self.numbers(outputs)[:, :, None]
        return reads

    def numbers(self, outputs: np.ndarray) -> np.ndarray:
        """Expected reads of each track, (n, tracks)."""
        _, log_counts = self._split(outputs)
        return np.asarray(np.maximum(np.expm1(log_counts), 0.0))

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        logits, log_counts = self._split(outputs)
        mask = extras.get("mask")
        shapes = np.asarray(softmax(logits, axis=2))
        mean_profile = np.broadcast_to(targets.mean(axis=0), targets.shape)
        of_profiles = {
            "profile_jsd": jensen_shannon_distance(shapes, targets),
            "mean_profile_jsd": jensen_shannon_distance(mean_profile, targets),
            "profile_pearson": profile_pearson(shapes, targets),
        }
        known = np.ones(targets.shape[:2]) if mask is None else np.broadcast_to(mask, targets.shape[:2])
        scores: dict[str, float] = {}
        for name, values in of_profiles.items():
            there = ((known != 0) & ~np.isnan(values)).astype(np.float64)
            scores |= self.scores_of_tasks({name: _mean}, np.nan_to_num(values), there, there)
        counts = {"counts_pearson": pearson, "counts_spearman": spearman}
        return scores | self.scores_of_tasks(counts, log_counts, np.log1p(targets.sum(axis=2)), mask)


def _mean(values: np.ndarray, _: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan
