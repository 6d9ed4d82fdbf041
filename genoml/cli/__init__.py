"""The command ``genoml``, one module a subcommand, imported only when it is asked for."""

from __future__ import annotations

import importlib
import sys

import click

from genoml import __version__

_COMMANDS = {
    "backends": "List the backends and what each would run on.",
    "demo": "Train a CTCF motif network on real peaks, and write a report.",
    "evaluate": "Score a trained model on labelled sequences.",
    "predict": "Write a trained model's score of each sequence.",
    "train": "Train a model on two sets of sequences.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"genoml.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genoml")
def cli() -> None:
    """Deep learning for genomics on NumPy (CPU) or CuPy (CUDA).

    Begin with `genoml demo`. Sequences are FASTA or FASTQ, plain or gzipped.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a user's fault is one line on standard error and exit code 2."""
    try:
        cli.main(args=arguments, prog_name="genoml", standalone_mode=True)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, OSError) as error:
        click.echo(f"genoml: error: {_one_line(error)}", err=True)
        sys.exit(2)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
