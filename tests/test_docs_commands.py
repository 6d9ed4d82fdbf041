"""Every block of the guides runs, or is read by what would read it; test_docs_snippets.py runs the Python."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import tomllib
import warnings
from itertools import pairwise
from pathlib import Path

import pytest

from genoml.runs.config_text import read_config
from genoml.runs.design_settings import read_design
from genoml.runs.search_ranges import read_ranges
from support.guide_files import give, made_for
from support.guides import BLOCKS, ROOT, Block, parse
from support.planted import run_genoml

#: what is shown and not run: output, other programs' files
SHOWN = {"text", "dockerfile"}
SHELL = [block for block in BLOCKS if block.language in ("sh", "console")]
#: for the training commands of guides, which train for minutes
SHORT = ["--epochs", "1", "--config", "small.toml"]
#: words of commands whose options alone are read: what needs a GPU, files that a block downloads or long sequences, and
#: what takes seconds and has tests of its own
READ = {"cupy", "spliceai", "cispliceai", "space", "backends", "demo", "report", "search", "--report"}


def test_every_block_names_a_language_that_the_suite_knows() -> None:
    known = {"python", "pycon", "sh", "console", "toml"} | SHOWN
    assert [str(block) for block in BLOCKS if block.language not in known] == []


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_guide_run(
    block: Block,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    made: dict[str, str] = {}
    for words in block.commands():
        words = [os.path.expandvars(word) for word in words]
        if words[0] != "genoml":
            check_other(words)
        elif READ & {part for word in words for part in word.split("/")} or words[1:3] == [
            "train",
            "--resume",
        ]:
            parse(words[1:])
        else:
            run(words[1:], files, made, capsys)


def run(words: list[str], files: Path, made: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], words[words.index(">") + 1]
    give(files, words, made)
    short = SHORT if words[0] == "train" else []
    if "profile" in words:
        short = [*SHORT[:3], "profile.toml"]
    if "--config" in words:
        short = short[:2]
    give(files, short, {})
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status = run_genoml(*words, *short)
    assert status == 0, f"genoml {' '.join(words)}: {capsys.readouterr().err}"
    made |= {after: made_for(after, words) for word, after in pairwise(words) if word == "--out"}
    if target:
        Path(target).write_text(capsys.readouterr().out)
        assert Path(target).stat().st_size


def check_other(words: list[str]) -> None:
    """A command of another program: the modules, sessions, extras and commands of genoml that it names are there."""
    while re.match("[A-Z_]+=", words[0]):
        words = words[1:]
    program = words[0].removeprefix(".venv/bin/")
    if program == "genoml":
        return parse(words[1:])
    if program in ("python", "python3") and words[1] == "-m":
        assert words[2] == "venv" or importlib.util.find_spec(words[2]), words
        return None
    if program == "nox":
        wanted = words[2].split("(")[0] if "-s" in words else "docs"
        assert re.search(rf"def {wanted}\(|name=\"{wanted}", (ROOT / "noxfile.py").read_text()), words
        return None
    if program == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        named = re.findall(r"(?:genoml-xp|\.)\[([\w,-]+)\]", " ".join(words))
        assert {each for group in named for each in group.split(",")} <= project[
            "optional-dependencies"
        ].keys()
        return None
    if "genoml" in words:  # behind a launcher
        return parse(words[words.index("genoml") + 1 :])
    shell = ("cat", "export", "grep", "if", "python")
    assert program in ("mpiexec", "unzip", "pytest", "pre-commit", "docker", *shell), words
    return None


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "toml"], ids=str)
def test_the_settings_of_a_guide_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(block.text)
    if block.guide == "backends/README.md":
        tomllib.loads(block.text)
    elif "uniform" in block.text:
        read_ranges(path)
    elif "[goal]" in block.text:
        read_design(path, {})
    else:
        read_config(path, {})


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "pycon"], ids=str)
def test_a_session_of_a_guide_prints_what_it_says(block: Block) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, str(block), block.guide, block.line)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
