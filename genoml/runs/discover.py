"""Discovery: from a file of contributions to motifs, their seqlets and hits, and the files about them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.backend import Backend
from genoml.explain import (
    DiscoveredMotif,
    Hits,
    Match,
    Seqlets,
    call_hits,
    call_seqlets,
    discover_motifs,
    most_significant,
)
from genoml.explain.discovery.loci import Regions
from genoml.explain.discovery.windows import WINDOW_BP
from genoml.io.errors import FormatWarning
from genoml.io.files import FilePath, write_whole
from genoml.io.meme import write_meme
from genoml.runs.attribute import Attributions
from genoml.runs.folder import refuse_existing
from genoml.runs.modisco import write_modisco
from genoml.sequence.motifs.motif import Motif

__all__ = ["LEAST_SEQLETS", "Discovery", "discover"]

#: seqlets of a sign below which no motifs are looked for in it
LEAST_SEQLETS = 100
#: greatest q-value at which a motif is called by the name of a known one
CLEAR_Q = 0.05
#: positions on either side of a seqlet's window
_FLANK_BP = 10
_SIGNS = {1: "positive", -1: "negative"}


@dataclass(frozen=True, eq=False)
class Discovery:
    """Motifs that were found in contributions, the result of :func:`discover`.

    Attributes
    ----------
    attributions : Attributions
        Where they were found.
    regions : Regions
        The places of its sequences.
    seqlets : Seqlets
        All that were called, of both signs.
    motifs : list of DiscoveredMotif
        As they were found, with their flanks.
    hits : Hits or None
        Their sites; None if they were not asked for.
    known : sequence of Motif
        What the motifs were compared with.
    matches : list of list of Match
        For each motif, the known ones with the smallest p-values.
    notes : list of str
        What a reader must know: the warnings, and signs without seqlets.
    seconds : float
        Time that it took.
    """

    attributions: Attributions
    regions: Regions
    seqlets: Seqlets
    motifs: list[DiscoveredMotif]
    hits: Hits | None
    known: Sequence[Motif]
    matches: list[list[Match]]
    notes: list[str]
    seconds: float

    def label(self, motif: int) -> str:
        """Name of a motif: the factor that it clearly matches with accession, or its own name."""
        best = self.clear_match(motif)
        return self.motifs[motif].name if best is None else best.label

    def clear_match(self, motif: int) -> Match | None:
        """The most significant known motif, if its q-value is at most 0.05."""
        best = self.matches[motif][:1]
        return best[0] if best and best[0].q_value is not None and best[0].q_value <= CLEAR_Q else None

    def save(self, folder: str | PathLike[str], *, h5: FilePath | None = None) -> list[Path]:
        """Write the files of the discovery into a new folder, and return their paths.

        ``motifs.meme`` (probabilities), ``motifs.npz`` (arrays ``NAME.probabilities, .contributions, .hypothetical``
        (width, 4) and ``.example, .start, .strand`` of each of ``names``), ``seqlets.bed``, ``hits.bed``. ``h5`` is
        written as TF-MoDISco writes its results.

        Raises
        ------
        RunError
            If the folder exists and is not empty.
        """
        folder = Path(folder)
        refuse_existing(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in ("motifs.meme", "motifs.npz", "seqlets.bed")]
        write_meme(paths[0], [self._probabilities(at) for at in range(len(self.motifs))])
        self._write_npz(paths[1])
        self._write_seqlets(paths[2])
        if self.hits is not None:
            paths.append(folder / "hits.bed")
            self.hits.to_bed(self.regions, paths[-1])
        if h5 is not None:
            paths.append(Path(h5))
            write_modisco(h5, self.motifs, self.attributions)
        return paths

    def _probabilities(self, at: int) -> Motif:
        """A motif as a file of probabilities has it: without its flanks, with what it matches as its symbol."""
        motif, match = self.motifs[at].trimmed(), self.clear_match(at)
        symbol = "" if match is None else "_".join((match.symbol or match.name).split())
        rows = motif.probabilities / motif.probabilities.sum(axis=1, keepdims=True)
        return Motif(motif.name, rows, "probabilities", symbol, motif.n_seqlets or None)

    def _write_npz(self, path: Path) -> None:
        fields = ("probabilities", "contributions", "hypothetical", "example", "start", "strand")
        arrays: dict[str, Any] = {
            f"{motif.name}.{field}": getattr(motif, field) for motif in self.motifs for field in fields
        }
        with write_whole(path) as file:
            names = np.array([motif.name for motif in self.motifs], dtype=str)
            np.savez_compressed(file, names=names, **arrays)

    def _write_seqlets(self, path: Path) -> None:
        """The motifs' seqlets under their names, without flanks, and the others that were called under ``.``."""
        parts: list[tuple[NDArray[Any], ...]] = []
        taken = np.zeros((len(self.regions.names), self.regions.length), bool)
        for motif in (motif.trimmed() for motif in self.motifs):
            start, end, inside = motif.places(self.regions.length)
            example, turned = motif.example[inside], motif.strand[inside] < 0
            parts.append((example, start, end, turned, np.full(len(inside), motif.name)))
            taken[example, (start + end) // 2] = True
        count = np.cumsum(np.pad(taken, ((0, 0), (1, 0))), axis=1)
        called = self.seqlets
        free = count[called.example, called.end] == count[called.example, called.start]
        own = called.example[free]
        no = np.zeros(len(own), bool)
        parts.append((own, called.start[free], called.end[free], no, np.full(len(own), ".")))
        joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
        order = np.lexsort((joined[1], joined[0]))
        example, start, end, turned, name = (each[order] for each in joined)
        sums = np.cumsum(np.pad(self.attributions.actual.astype(np.float64), ((0, 0), (1, 0))), axis=1)
        score = sums[example, end] - sums[example, start]
        self.regions.write(path, example, start, end, score=score, label=name, turned=turned)


def discover(
    attributions: Attributions,
    *,
    known: Sequence[Motif] = (),
    hits: bool = True,
    most_seqlets: int = 20_000,
    fdr: float | None = None,
    least_correlation: float = 0.7,
    seed: int = 0,
    source: str = "contributions",
    backend: str | Backend | None = None,
    progress: Callable[[str], object] | None = None,
) -> Discovery:
    """Find motifs in contributions, name them by known ones, and find their sites.

    Parameters
    ----------
    attributions : Attributions
        Result of :func:`genoml.runs.attribute.attribute`, or of ``Attributions.load``.
    known : sequence of Motif
        Motifs to compare them with.
    hits : bool
        Whether sites are looked for, by :func:`genoml.explain.call_hits`.
    most_seqlets, seed, progress
        As in :func:`genoml.explain.discover_motifs`.
    fdr : float, optional
        Of the seqlets, if there is a control; 0.05 by default.
    least_correlation : float
        Of a hit with its motif.
    source : str
        Name of the contributions, for messages.
    backend : str or Backend, optional
        Where the hits are computed; by default the default backend.

    Raises
    ------
    ValueError
        If all contributions are alike: the model's output does not depend on the sequences. For ``fdr`` without a
        control, and as :func:`genoml.explain.call_seqlets`.

    Warns
    -----
    FormatWarning
        For names that are no loci, for regions that repeat another, for a sign with fewer than 100 seqlets, and as
        :func:`genoml.explain.call_seqlets` and :func:`genoml.explain.call_hits` warn.
    """
    begun = time.perf_counter()
    control = attributions.control_actual
    if fdr is not None and control is None:
        raise ValueError(f"{source}: holds no control for --fdr; write one by genoml attribute --control 5")
    if not attributions.actual.any():
        raise ValueError(
            f"{source}: all contributions are 0; the model's output does not depend on the sequences"
        )
    n, length = attributions.actual.shape
    regions = Regions.of(attributions.names, (n, length), source)
    # short sequences have windows too
    flank = min(_FLANK_BP, max(0, (length - WINDOW_BP) // 2))
    notes = list(regions.warnings)
    with _noting(notes, source):
        seqlets = call_seqlets(attributions.actual, "windows", control=control, fdr=fdr, flank=flank)
    some = seqlets
    for sign, word in _SIGNS.items():
        count = int((seqlets.sign == sign).sum())
        if count < LEAST_SEQLETS:
            few = f"{word} seqlets: {count}, which is fewer than {LEAST_SEQLETS}; no motifs were looked for in them"
            notes.append(few)
            some = _without(some, sign)
            if count:
                warnings.warn(f"{source}: {few}", FormatWarning, stacklevel=2)
    motifs: list[DiscoveredMotif] = []
    if len(some):
        motifs = discover_motifs(
            attributions.hypothetical, np.minimum(attributions.codes, 4), some,
            most_seqlets=most_seqlets, seed=seed, progress=progress,
        )  # fmt: skip
    found = None
    if hits:
        with _noting(notes, source):
            found = call_hits(
                attributions.actual, attributions.codes, motifs,
                least_correlation=least_correlation, backend=backend,
            )  # fmt: skip
    matches = [list[Match]() for _ in motifs]
    if known and motifs:
        matches = most_significant([motif.trimmed().probabilities for motif in motifs], known)
    seconds = time.perf_counter() - begun
    return Discovery(attributions, regions, seqlets, motifs, found, known, matches, notes, seconds)


@contextmanager
def _noting(notes: list[str], source: str) -> Iterator[None]:
    """Warnings of the block become notes, and warnings about the source."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for each in said:
        notes.append(str(each.message))
        warnings.warn(f"{source}: {each.message}", FormatWarning, stacklevel=4)


def _without(seqlets: Seqlets, sign: int) -> Seqlets:
    """Seqlets of the other sign."""
    kept = seqlets.sign != sign
    columns = {
        name: getattr(seqlets, name)[kept] for name in ("example", "start", "end", "score", "p_value", "sign")
    }
    return replace(seqlets, **columns)
