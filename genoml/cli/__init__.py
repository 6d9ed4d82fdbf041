"""The command ``genoml``: one module for each subcommand, imported only when it is called."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from difflib import get_close_matches
from keyword import iskeyword
from typing import NoReturn, TextIO

import click

from genoml.backend import BackendError
from genoml.io.errors import FormatWarning, printable
from genoml.io.processes import signals_as_ctrl_c
from genoml.parallel.launcher import RanksError, launched, local_rank
from genoml.parallel.ranks import ONE_RANK, Ranks
from genoml.train import NotFiniteError

_COMMANDS = {
    "ablate": "Replace sites of sequences, and write what the output loses.",
    "align": "Align the sequences of two files, pair by pair.",
    "attribute": "Write what each base contributes to a model's output.",
    "backends": "List the backends and what each would run on.",
    "config": "Print every setting of training, or check a file of them.",
    "design": "Change sequences to reach a goal, under constraints.",
    "demo": "Train a CTCF motif network on real peaks, and write a report.",
    "discover": "Find motifs in contributions, and their sites; with a page.",
    "evaluate": "Score a trained model on labelled sequences.",
    "export": "Write a model as ONNX, for other tools to run.",
    "fetch": "Write the sequences of intervals of a genome.",
    "import": "Make a run of another tool's network: Keras, TensorFlow, ONNX, PyTorch.",
    "kmers": "Count k-mers, of a file or of each record, as a table.",
    "marginalise": "Put motifs into backgrounds, and write what each does alone.",
    "orfs": "Find open reading frames, on linear and circular sequences.",
    "predict": "Write a trained model's score of each sequence.",
    "report": "Write one offline page about a run: curves, motifs, contributions.",
    "revcomp": "Write the reverse complement of each sequence.",
    "saturate": "Score every substitution in regions of a genome.",
    "scan": "Find where motifs match sequences, as BED or a table.",
    "search": "Search for the settings that train best.",
    "shuffle": "Shuffle each record, its dinucleotides or longer k-lets kept.",
    "space": "Put two motifs at distances, and write what they do together.",
    "splice": "Score what variants do to splice sites.",
    "stats": "Sum up FASTA and FASTQ files: lengths, composition, qualities.",
    "tile": "Write windows of one length along a genome, as BED.",
    "train": "Train a model on two sets of sequences.",
    "translate": "Translate sequences into protein.",
    "variants": "Score the variants of a VCF file, REF checked.",
}
#: commands that the processes of mpiexec or srun share out
_SHARED_OUT = frozenset({"attribute", "predict", "saturate", "scan", "splice", "train", "variants"})


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"genoml.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of this name; a UsageError that suggests the nearest for an unknown one."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            nearest = get_close_matches(name, _COMMANDS, 1)
            ctx.fail(f"No such command {name!r}" + (f"; did you mean {nearest[0]}?" if nearest else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genoml-xp", prog_name="genoml")
def cli() -> None:
    """Deep learning for genomics on NumPy (CPU) or CuPy (CUDA).

    Begin with `genoml demo`. Sequences are FASTA or FASTQ, plain or compressed.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a user's error prints one line on standard error and exits with code 2.

    Such errors say what is wrong with the input, the files or the machine. Any other error is a fault of genoml and
    shows its traceback. Processes that mpiexec or srun started share the command out, but for its shards.
    """
    warnings.showwarning = _show_warning
    words = sys.argv[1:] if arguments is None else arguments
    if launched() > 1 and not any(word.partition("=")[0] == "--shard" for word in words):
        _run_as_rank(words)
        return
    with signals_as_ctrl_c():
        _run(words)


def _run_as_rank(words: list[str]) -> None:
    """Run the command with the other processes: one message and one exit code for all."""
    name = next((word for word in words if not word.startswith("-")), "")
    alone = local_rank() > 0
    if name not in _SHARED_OUT or {"-h", "--help"} & {*words}:
        if alone:  # the first of the machine says it
            sys.exit(0)
        if name in _COMMANDS and not {"-h", "--help"} & {*words}:
            _fail(
                f"{name} runs as one process, and {launched()} were started; start it without mpiexec or srun, or "
                "with GENOML_MPI=0"
            )
        _run(words)
    from genoml.parallel.mpi import world

    try:
        with world() as ranks, ExitStack() as stack:
            if not ranks.first:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            said: list[str] = []
            try:
                with signals_as_ctrl_c():
                    _run(words, ranks, said.append)
            except SystemExit as ended:
                raise SystemExit(ended.code, "\n".join(said)) from ended
    except RanksError as error:
        if alone:
            sys.exit(0)
        _fail(str(error))


def _echo_error(line: str) -> None:
    click.echo(line, err=True)


def _run(words: list[str], ranks: Ranks = ONE_RANK, say: Callable[[str], object] = _echo_error) -> NoReturn:
    try:
        status = cli.main(args=words or ["--help"], prog_name="genoml", standalone_mode=False, obj=ranks)
    except click.ClickException as error:
        _fail(_usage(error), say)
    except (KeyboardInterrupt, click.Abort):
        say("genoml: stopped")
        sys.exit(130)
    except BrokenPipeError:
        # the reader of the output has closed it, as `head` does; Python would report it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError as error:
        _fail(f"out of memory ({error}); choose a smaller batch_size or shorter sequences", say)
    except (ValueError, BackendError, NotFiniteError, OSError, RanksError) as error:
        _fail(_one_line(error), say)
    sys.exit(status if isinstance(status, int) else 0)


_python_shows_warning = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning about a file as one line, and any other warning in Python's form."""
    if issubclass(category, FormatWarning):
        click.echo(f"genoml: warning: {printable(' '.join(str(message).split()))}", err=True)
    else:
        _python_shows_warning(message, category, filename, lineno, file, line)


def _fail(message: str, say: Callable[[str], object] = _echo_error) -> NoReturn:
    say(f"genoml: error: {printable(' '.join(message.split()))}")
    sys.exit(2)


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += (" See" if message.endswith("?") else "; see") + f" {error.ctx.command_path} --help"
    return message


def _one_line(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"a name is not UTF-8 ({error.object[:60]}); rename the file or folder"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
