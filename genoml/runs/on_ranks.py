"""A run that several ranks train: alike on all, and its folder written by rank 0."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec

from genoml.backend import Backend
from genoml.genome import open_genome
from genoml.io.errors import FormatWarning
from genoml.nn.layer import Layer
from genoml.parallel import Ranks
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings
from genoml.runs.folder import RunFolder
from genoml.runs.record import RunRecord


class UnwrittenFolder(RunFolder):
    """A run folder as the ranks have it that write nothing."""

    def _write(self, name: str, content: bytes) -> None:
        pass

    def save_weights(self, model: Layer) -> None:
        pass

    def log(self, record: dict[str, float]) -> None:
        pass

    def discard_checkpoints(self) -> None:
        pass

    def discard(self) -> None:
        pass


@contextmanager
def on_ranks(
    ranks: Ranks, opened: Callable[[], AbstractContextManager[RunFolder]], folder: RunFolder
) -> Iterator[RunFolder]:
    """The folder that rank 0 opens, and that it alone writes; what it raises in doing so, all raise."""
    with ranks.opened(opened) as written:
        yield written or UnwrittenFolder(folder.path, folder.record)


def expect_alike(ranks: Ranks, config: TrainConfig, *read: Any) -> None:
    """Raise ValueError, on all ranks, unless all have the settings of rank 0 and have read the same."""
    ranks.expect_alike(msgspec.json.encode((config, *read)), "settings or sequences")


def _warn(line: str) -> None:
    warnings.warn(line, FormatWarning, stacklevel=6)


def ready_files(ranks: Ranks, data: DataSettings, tell: Callable[[str], None] = _warn) -> None:
    """Let rank 0 alone make the store of a genome, which all read; a line, or a warning, says so.

    Raises
    ------
    ValueError
        For standard input, which a launcher gives to one of the ranks.
    """
    if ranks.count > 1 and "-" in data.files().values():
        raise ValueError(
            f"-: each of {ranks.count} processes reads the data; expects files, got standard input"
        )
    genome = data.genome
    if genome is not None and os.path.isfile(genome):
        ranks.on_first(lambda: open_genome(genome, tell=tell).close())


def threads_of(record: RunRecord, ranks: Ranks, backend: Backend) -> int:
    """Threads of each rank: those of the run's beginning, or as many as give as many parts with other ranks.

    With more ranks than before there may be more parts, and with fewer ones fewer, for want of cores; see ``parts_of``.
    """
    threads = record.training.threads or 1
    if ranks.count == record.ranks:
        return threads
    return max(1, min(record.ranks * threads // ranks.count, ranks.threads(backend)))


def parts_of(ranks: int, threads: int) -> str:
    """The parts in which a batch is computed, for a record: with as many the bits are the same."""
    return f"{ranks * threads} parts"
