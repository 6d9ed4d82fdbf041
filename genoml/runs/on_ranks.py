"""A run that several ranks train: alike on all, and its folder written by rank 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import msgspec

from genoml.backend import Backend
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
    with ExitStack() as stack:
        written: list[RunFolder] = []
        ranks.on_first(lambda: written.append(stack.enter_context(opened())))
        yield written[0] if written else UnwrittenFolder(folder.path, folder.record)


def expect_alike(ranks: Ranks, config: TrainConfig, *read: Any) -> None:
    """Raise ValueError, on all ranks, unless all have the settings of rank 0 and have read the same."""
    found = ranks.gather(msgspec.json.encode((config, *read)))
    others = [rank for rank, each in enumerate(found) if each != found[0]]
    if others:
        raise ValueError(
            f"rank {others[0]} has other settings or sequences than rank 0; every rank reads the same files"
        )


def refuse_standard_input(ranks: Ranks, data: DataSettings) -> None:
    """Raise ValueError if several ranks would read standard input, which a launcher gives to one of them."""
    if ranks.count > 1 and "-" in data.files().values():
        raise ValueError(
            f"-: each of {ranks.count} processes reads the data; expects files, got standard input"
        )


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
