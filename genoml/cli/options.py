"""Options that several commands share: the backend, the input and the output."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from click.shell_completion import CompletionItem

from genoml.backend import Backend, BackendError, backend_entry_points, get_backend, use_backend
from genoml.data.files import SHUFFLE
from genoml.io.files import write_whole
from genoml.parallel import ONE_RANK, WHOLE_RUN, Ranks, Shard

if TYPE_CHECKING:
    from genoml.runs import Run


def examples(*lines: str) -> str:
    """The end of a command's help: examples, a line each."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def _completed(names: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    """Completion of an option by names, which are asked for when the shell completes it."""
    return lambda ctx, param, incomplete: [name for name in sorted(names()) if name.startswith(incomplete)]


def _models() -> Iterable[str]:
    from genoml.models import MODELS

    return MODELS


class NegativesPath(click.Path):
    """A file, or the word ``shuffle``; the shell completes both."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        words = [CompletionItem(SHUFFLE)] if SHUFFLE.startswith(incomplete) else []
        return words + super().shell_complete(ctx, param, incomplete)


#: for an option ``--model``
model_completion = _completed(_models)
backend_option = click.option(
    "--backend",
    "backend_name",
    metavar="FLAG",
    default=None,
    shell_complete=_completed(backend_entry_points),
    help="Array library to run on: numpy (default), cupy, torch, jax, ... See `genoml backends`.",
)


def open_run(path: Path, backend_name: str | None) -> Run:
    """Load a run for sequences alone; a warning says of a network with control tracks that they are read as 0."""
    from genoml.runs import load_run

    run = load_run(path, open_backend(backend_name))
    config = run.record.config
    if config is not None and config.model_options.get("control_tracks"):
        click.echo("warning: the network was trained with control tracks, which are read as 0 here", err=True)
    return run


def open_ranks() -> Ranks:
    """The processes that share this command out, see ``genoml.parallel``."""
    ranks: Ranks = click.get_current_context().find_root().obj or ONE_RANK
    return ranks


def open_backend(name: str | None) -> Backend:
    """Open the backend with this name, or the default one, and make it the default while the command runs.

    Raises
    ------
    BackendError
        If it is unknown or cannot be used here.
    """
    try:
        backend = click.get_current_context().with_resource(use_backend(get_backend(name)))
    except BackendError as error:
        origin = "GENOML_BACKEND: " if name is None and os.environ.get("GENOML_BACKEND") else ""
        raise BackendError(f"{origin}{error}; see genoml backends") from error
    ranks = open_ranks()
    if ranks.count > 1:
        ranks.expect_own_gpus(backend)
        os.environ["GENOML_THREADS"] = str(ranks.threads(backend))  # their share of the machine's cores
    return backend


def no_checks_option(*names: str) -> Callable[[Any], Any]:
    """Add ``--no-checks NAME`` to a command, as the argument ``no_checks``: a list, or None if it is not given."""
    return click.option(
        "--no-checks",
        multiple=True,
        type=click.Choice(names),
        callback=lambda context, option, chosen: list(chosen) or None,
        help="Leave out a check of the sequences, and its warning; can be given several times.",
    )


def echo_warnings(warnings: Mapping[str, str]) -> None:
    """Print warnings on standard error, a line each, with how to switch them off."""
    for name, line in warnings.items():
        click.echo(f"warning: {line} [--no-checks {name}]", err=True)


sequences_argument = click.argument("sequences", default="-", type=click.Path())
out_option = click.option(
    "--out",
    default="-",
    show_default=True,
    metavar="FILE",
    type=click.Path(),
    help="File to write, gzipped if it ends in .gz; - is standard output.",
)


def parse_shard(ctx: click.Context, param: click.Parameter, words: str | None) -> Shard | None:
    """``I/N``, the I-th of N shards."""
    if words is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", words)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter(f"expects I/N with I from 1 to N, such as 3/16, got {words}")
    return Shard(int(match[1]), int(match[2]))


shard_option = click.option(
    "--shard",
    metavar="I/N",
    callback=parse_shard,
    help="Do only the I-th of N parts of the work, as in a job array: the outputs of all N, one after the other, are "
    "the whole output.",
)


def expect_file(shard: Shard | None, path: str | None) -> Shard:
    """The shard, or the whole, with its ranks; ValueError for standard input or a pipe, which each of them needs."""
    ranks = open_ranks()
    every = "with --shard expects a file, which all shards read" if shard is not None else ""
    if ranks.count > 1:
        every = f"expects a file, which each of {ranks.count} processes reads"
    if every and path is not None and (path == "-" or Path(path).is_fifo()):
        raise ValueError(f"{path}: {every}, got {'standard input' if path == '-' else 'a pipe'}")
    if ranks.count > 1:
        given = click.get_current_context().params
        ranks.expect_alike([(name, value, _size(value)) for name, value in given.items()], "options or files")
    return replace(shard or WHOLE_RUN, ranks=ranks)


def _size(value: object) -> int | None:
    """Bytes of the file that an option names, or of the record of a run."""
    if not isinstance(value, str | Path):
        return None
    files = [file for file in (Path(value), Path(value, "run.json")) if file.is_file()]
    return files[0].stat().st_size if files else None


@contextmanager
def open_output(out: str, ranks: Ranks = ONE_RANK) -> Iterator[BinaryIO]:
    """Open standard output (``-``), or a file that gets its name only when it is complete; of ranks only the first.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such folder, or it is one.
    """
    with ranks.opened(lambda: _opened(out)) as stream:
        if stream is not None:
            yield stream
            return
        with open(os.devnull, "wb") as nowhere:
            yield nowhere


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    if out != "-":
        with write_whole(out) as stream:
            yield stream
        return
    stream = sys.stdout.buffer
    yield stream
    stream.flush()  # here, so that a closed pipe is noticed inside the command
