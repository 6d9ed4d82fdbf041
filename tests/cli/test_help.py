"""Help, examples, suggestions and completion of the command."""

from __future__ import annotations

import shlex

import click
import pytest

from genoml.backend import backend_entry_points
from genoml.cli import cli
from genoml.models import MODELS
from support.planted import run_genoml
from support.subprocesses import run_python

NAMES = cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_commands_help_are_commands_that_it_reads(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.epilog is not None
    lines = command.epilog.splitlines()[2:]
    assert lines
    for line in lines:
        before, *_ = line.split(">")
        program, called, *arguments = shlex.split(before)
        assert (program, called) == ("genoml", name)
        command.make_context(name, arguments)  # a UsageError for what it does not know


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "No such command 'trian'; did you mean train?"),
        (["train", "a.fa", "shuffle", "--epohcs", "3"], "--epohcs'. Did you mean '--epochs'?"),
        (["train", "a.fa", "shuffle", "--out", "run", "--model", "motif_cn"], "did you mean motif_cnn?"),
        (["train", "a.fa", "shuffle", "--out", "run", "--backend", "nunpy"], "did you mean numpy?"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml(*arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("genoml tra", ["plain,train", "plain,translate"]),
        ("genoml train --model ", [f"plain,{name}" for name in sorted(MODELS)]),
        ("genoml config --model danq", ["plain,danq"]),
        ("genoml predict run a.fa --backend ", [f"plain,{name}" for name in sorted(backend_entry_points())]),
        ("genoml predict ", ["file,"]),
        ("genoml evaluate run pos.fa s", ["plain,shuffle", "file,s"]),
        ("genoml kmers x", ["file,x"]),
        ("genoml train --config ", ["file,"]),
    ],
)
def test_the_shell_completes_commands_models_backends_and_files(typed: str, expected: list[str]) -> None:
    settings = {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
        "_GENOML_COMPLETE": "bash_complete",
    }
    done = run_python("from genoml.cli import main; main([])", **settings)
    assert done.stdout.splitlines() == expected, done.stderr
