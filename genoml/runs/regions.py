"""Predictions of a run along a genome: of windows side by side, or of regions, into a table, BED or bigWig.

Outputs are computed block by block and kept in ``OUT.partial`` until all are there; the file is made of them then.
So a prediction that was interrupted goes on where it was, and ends with the same bytes as one that was not.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np

from genoml.data import GenomeCodes
from genoml.genome.store import GenomeStore
from genoml.genome.windows import centre, tile
from genoml.io.processes import locked, naming
from genoml.parallel import WHOLE_RUN, Ranks, Shard
from genoml.runs.region_files import Kind, write_predictions
from genoml.runs.run import Run
from genoml.runs.score import trained_of
from genoml.sequence.intervals import Intervals, whole_chromosomes
from genoml.train import Profile
from genoml.train.predict import finite_outputs

#: windows that are computed and kept together, as if there were no others; and bases in a batch, at most
BLOCK = 1024
_BATCH_BP = 1 << 18
_DIGEST = 64


def windows_of(
    run: Run, store: GenomeStore, regions: Intervals | None = None, step_bp: int | None = None
) -> Intervals:
    """Windows of the length that a run was trained on.

    Parameters
    ----------
    run : Run
        The run.
    store : GenomeStore
        The genome.
    regions : Intervals, optional
        Windows lie around their summits or middles, on their strand. None: along the whole genome, as far as whole
        windows reach.
    step_bp : int, optional
        Distance between windows along the genome; None: that of a profile if the run predicts profiles, else the
        length of a window.

    Raises
    ------
    ValueError
        For a step with regions; a chromosome that the genome lacks; no window.
    """
    length = run.record.length_bp
    if regions is not None:
        if step_bp is not None:
            raise ValueError("a step has a meaning along the whole genome only; leave it out, or the regions")
        windows = centre(regions, length, on="summit_or_midpoint")
    else:
        objective = run.objective
        own = objective.length_bp if isinstance(objective, Profile) else length
        windows = tile(whole_chromosomes(store.sizes), length, step_bp=step_bp or own)
    if not len(windows):
        raise ValueError(f"expects at least one window of {length} bp, got none: the sequences are shorter")
    return windows


def predict_windows(
    run: Run,
    store: GenomeStore,
    windows: Intervals,
    out: str | PathLike[str],
    *,
    kind: Kind = "tsv",
    resume: bool = False,
    shard: Shard = WHOLE_RUN,
) -> list[Path]:
    """Predict windows of one length, and write the predictions.

    Parameters
    ----------
    run : Run
        The run; a network with control tracks reads them as 0.
    store : GenomeStore
        The genome; beyond an end of a chromosome windows are padded.
    windows : Intervals
        Such as ``windows_of`` gives.
    out : path
        File to write.
    kind : {"tsv", "bed", "bigwig"}
        ``"tsv"``: name (the column ``name`` of the windows, or chrom:start-end(strand)), and a score an output.
        ``"bed"``: six columns, whose score is 1000 times the largest probability, or 0, and then the scores.
        ``"bigwig"``: a file for each output, ``OUT.NAME.bw`` if there are several: expected reads at each base of a
        profile, or one score for all bases of a window; where windows overlap each base has the value of the window
        whose middle is nearest.
    resume : bool
        Go on with ``OUT.partial``, which an interrupted prediction left, if it is there.
    shard : Shard
        Whose windows they are: of a table the first has the line that names the columns. Its ranks compute together.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If a partial file is there and not to be resumed, or is of another prediction; as ``finite_outputs``.
    InUseError
        If another process writes it.
    """
    out = Path(out)
    codes, ranks = GenomeCodes(store, windows), shard.ranks
    with ranks.opened(lambda: locked(out.with_name(f"{out.name}.lock"), out)):
        place = out.with_name(f"{out.name}.partial")
        outputs = _Kept(place, _fingerprint(run, store, windows), len(windows), resume)
        outputs.fill(run, codes, ranks)

        def finish() -> list[Path]:
            files = write_predictions(run, store, windows, outputs.rows(), out, kind, header=shard.first)
            place.unlink()
            return files

        return ranks.on_first(finish)


def _fingerprint(run: Run, store: GenomeStore, windows: Intervals) -> str:
    """Hash of what the outputs follow from."""
    digest = hashlib.sha256(repr((run.record.weights, run.model.backend.name, store.digest)).encode())
    digest.update(repr(trained_of(run.record)).encode())
    for column in (windows.codes, windows.start, windows.end):
        digest.update(np.ascontiguousarray(column).tobytes())
    digest.update("\t".join([*windows.names, *windows.strand.tolist()]).encode())
    return digest.hexdigest()


def _outputs_of(run: Run, codes: GenomeCodes, first: int) -> np.ndarray:
    """Outputs of the block of windows from ``first`` on."""
    trained = trained_of(run.record)
    return finite_outputs(
        run.model,
        codes[first : first + BLOCK],
        batch_size=max(1, min(256, _BATCH_BP // codes.shape[1])),
        ambiguous=trained.ambiguous,
        both_strands=trained.both_strands,
    )


@dataclass
class _Kept:
    """Outputs in a file: the fingerprint, their number a window, and rows of float32 in the order of the windows."""

    path: Path
    fingerprint: str
    count: int
    resume: bool

    def fill(self, run: Run, codes: GenomeCodes, ranks: Ranks) -> None:
        """Compute the outputs that are not there yet; rank 0 writes them."""
        self.width, done = ranks.on_first(self._found)
        found = ranks.map(partial(_outputs_of, run, codes), range(done, self.count, BLOCK))
        with naming(self.path), ranks.opened(lambda: open(self.path, "r+b" if done else "wb")) as file:
            if file is not None:
                file.seek(self._place(done))
                file.truncate()
            for outputs in found:
                assert file is not None
                if not file.tell():
                    self.width = outputs.shape[1]
                    file.write(self.fingerprint.encode() + np.uint64(self.width).tobytes())
                file.write(np.ascontiguousarray(outputs, "<f4").tobytes())
                file.flush()
                os.fsync(file.fileno())

    def _found(self) -> tuple[int, int]:
        """Outputs a window, and windows that are done, as whole blocks; 0 without a file."""
        if not self.path.exists():
            return 0, 0
        if not self.resume:
            raise ValueError(
                f"{self.path}: an interrupted prediction is there; go on with it (--resume), or remove it"
            )
        with open(self.path, "rb") as file:
            head = file.read(_DIGEST + 8)
        if len(head) < _DIGEST + 8:
            return 0, 0
        if head[:_DIGEST] != self.fingerprint.encode():
            raise ValueError(
                f"{self.path}: is of another prediction (run, backend, genome or windows); remove it, or restore them"
            )
        width = int(np.frombuffer(head[_DIGEST:], np.uint64)[0])
        rows = (self.path.stat().st_size - len(head)) // (4 * max(1, width))
        return width, min(self.count, rows) if rows >= self.count else rows // BLOCK * BLOCK

    def _place(self, row: int) -> int:
        return _DIGEST + 8 + 4 * self.width * row if row else 0

    def rows(self) -> np.ndarray:
        """All outputs, mapped from the file."""
        return np.memmap(self.path, "<f4", "r", _DIGEST + 8, (self.count, self.width))
