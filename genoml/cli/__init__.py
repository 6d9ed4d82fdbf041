"""The command ``genoml``: one module for each subcommand, imported only when it is called."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from difflib import get_close_matches
from keyword import iskeyword
from typing import NoReturn, TextIO

import click

from genoml.backend import BackendError
from genoml.io.errors import FormatWarning, printable
from genoml.io.processes import signals_as_ctrl_c
from genoml.train import NotFiniteError

_COMMANDS = {
    "ablate": "Replace sites of sequences, and write what the output loses.",
    "align": "Align the sequences of two files, pair by pair.",
    "attribute": "Write what each base contributes to a model's output.",
    "backends": "List the backends and what each would run on.",
    "config": "Print every setting of training, or check a file of them.",
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
    shows its traceback.
    """
    warnings.showwarning = _show_warning
    with signals_as_ctrl_c():
        _run(arguments)


def _run(arguments: list[str] | None) -> NoReturn:
    try:
        words = sys.argv[1:] if arguments is None else arguments
        status = cli.main(args=words or ["--help"], prog_name="genoml", standalone_mode=False)
    except click.ClickException as error:
        _fail(_usage(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("genoml: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # the reader of the output has closed it, as `head` does; Python would report it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError as error:
        _fail(f"out of memory ({error}); choose a smaller batch_size or shorter sequences")
    except (ValueError, BackendError, NotFiniteError, OSError) as error:
        _fail(_one_line(error))
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


def _fail(message: str) -> NoReturn:
    click.echo(f"genoml: error: {printable(' '.join(message.split()))}", err=True)
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
