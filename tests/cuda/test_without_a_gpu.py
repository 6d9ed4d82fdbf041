"""``--backend cupy`` where there is no GPU: one line that says so, of every command, of pytest, of the check."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from genoml_cupy import CupyBackend
from support.planted import write_fasta_pair
from support.subprocesses import output_of, run_python

#: no GPU is seen, also where there is one
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}
NO_GPU = "backend 'cupy' needs a CUDA GPU and its driver, and none was found; check nvidia-smi, or use --backend numpy"
NO_CUPY = "backend 'cupy' cannot be loaded: CuPy is not installed"

#: runs every command that takes --backend, on what its required parameters ask for
EACH_COMMAND = """
import contextlib, io, json, sys
import click
from genoml.cli import _COMMANDS, cli, main

fasta, other, settings, out = sys.argv[1:]
#: commands that ask for more than click knows
MORE = {
    "align": [fasta, other, "--score-only"], "attribute": [out, fasta, "--out", out + ".npz"],
    "demo": ["--out", out], "scan": [fasta], "splice": ["--example", "--out", out + ".tsv"],
    "train": [fasta, other, "--out", out],
}

def value_of(parameter):
    if parameter.name in ("out", "run"):
        return out
    return settings if parameter.name.endswith("_path") else fasta

def commands(group, path):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, [*path, name])
        elif any(parameter.name == "backend_name" for parameter in command.params):
            yield [*path, name], command

context, found = click.Context(cli), {}
for path, command in commands(cli, []):
    given = list(MORE.get(path[0], []))
    for parameter in [] if given else [p for p in command.params if p.required]:
        given += [value_of(parameter)] if isinstance(parameter, click.Argument) else [
            parameter.opts[-1], value_of(parameter)]
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            main([*path, *given, "--backend", "cupy"])
        except SystemExit as stopped:
            found[" ".join(path)] = [stopped.code, error.getvalue()]
print(json.dumps(found))
"""


def test_every_command_says_so_in_one_line_and_exits_with_2(tmp_path: Path) -> None:
    positives, negatives = write_fasta_pair(tmp_path)
    (tmp_path / "settings.toml").write_text("learning_rate = 0.01\n")
    out = tmp_path / "out"
    found = json.loads(
        output_of(EACH_COMMAND, positives, negatives, str(tmp_path / "settings.toml"), str(out), **HIDDEN)
    )
    assert {"align", "demo", "evaluate", "predict", "scan", "train"} <= set(found)
    for command, (status, error) in found.items():
        assert status == 2, (command, error)
        assert error.startswith((f"genoml: error: {NO_GPU}", f"genoml: error: {NO_CUPY}")), (command, error)
        assert error.count("\n") == 1
        assert error.endswith("see genoml backends\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("named", "count", "expected"),
    [(None, 2, ["0", "1"]), ("3,GPU-7", 2, ["3", "GPU-7"]), ("3,-1,4", 1, ["3"])],
)
def test_the_visible_gpus_are_named_as_the_environment_names_them(
    named: str | None, count: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    runtime = SimpleNamespace(getDeviceCount=lambda: count)
    backend = object.__new__(CupyBackend)
    backend.cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    assert backend.devices == expected


def test_the_check_of_ones_own_gpu_says_so() -> None:
    done = run_python("import sys; from genoml.testing.__main__ import main; sys.exit(main(['--backend', 'cupy']))",
                      **HIDDEN)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith((f"error: {NO_GPU}", f"error: {NO_CUPY}"))
    assert done.stdout == ""


PYTEST = """
import sys, pytest
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--backend", "cupy", *sys.argv[1:]]))
"""


def test_pytest_fails_and_skips_nothing() -> None:
    root = Path(__file__).resolve().parents[2]
    arguments = ("--rootdir", str(root), str(root / "tests" / "ops" / "test_segments.py"))
    done = run_python(PYTEST, *arguments, path=root / "tests", **HIDDEN)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "needs a CUDA GPU" in done.stdout or "CuPy is not installed" in done.stdout
    assert "skipped" not in done.stdout
