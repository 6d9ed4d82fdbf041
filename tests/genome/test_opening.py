"""A genome given as FASTA gets its store once; one given as a store is opened."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.genome import GenomeStore, open_genome
from genoml.io import FormatError
from genoml.sequence import decode
from support.planted import GENOML, run_genoml
from support.subprocesses import process


def test_the_store_of_a_fasta_file_is_made_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    fasta, told = tmp_path / "g.fa", list[str]()
    fasta.write_text(">chr1\nACGT\n")
    for _ in range(2):
        with open_genome(fasta, tell=told.append) as store:
            assert store.sizes == {"chr1": 4}
    assert told == [f"making {fasta}.store from {fasta}, about 0.0 MB; later commands read it in its place"]
    fasta.write_text(">chr1\nACGTACGT\n")
    with open_genome(fasta, tell=told.append) as store:
        assert store.sizes == {"chr1": 8}
    assert "stale" in told[1]
    with open_genome(store.path) as again:
        assert again.sizes == {"chr1": 8}
    with open_genome(fasta, store=tmp_path / "elsewhere.store") as other:
        assert other.path == str(tmp_path / "elsewhere.store")


def test_a_store_of_an_older_format_is_made_anew_from_fasta_and_refused_alone(tmp_path: Path) -> None:
    fasta, told = tmp_path / "g.fa", list[str]()
    fasta.write_text(">chr1\nACGT\n")
    open_genome(fasta).close()
    store = tmp_path / "g.fa.store"
    store.write_bytes(store.read_bytes().replace(b"GMLS\r\n\x1a\2", b"GMLS\r\n\x1a\1", 1))
    with pytest.raises(FormatError, match="is of version 1, expects 2; build it again from its FASTA file"):
        open_genome(store)
    with open_genome(fasta, tell=told.append) as opened:
        opened.verify()
    assert "is of version 1" in told[0]
    assert told[1].startswith(f"making {store} from {fasta}, about ")


#: begins to make a store, and says so when it has read the first piece
BUILDING = """
import sys
import genoml.genome.store_file as module

def slowly(source, read=module.fasta_codes):
    for piece in read(source):
        print("building", flush=True)
        sys.stdin.read()
        yield piece

module.fasta_codes = slowly
module.build_store("g.fa", "g.store")
"""


def test_of_two_processes_that_make_one_store_one_does_and_one_killed_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(">a\nACGTACGT\n")
    Path("i.bed").write_text("a\t2\t5\n")
    fetch = ("fetch", "g.fa", "i.bed", "--store", "g.store")
    for ending in ("killed", "finished"):
        command = [sys.executable, "-c", BUILDING]
        with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == b"building\n"
            assert run_genoml(*fetch) == 2
            who = f"process {first.pid} on {socket.gethostname()}"
            assert f"g.store: is being written by {who}; wait until it has ended" in capsys.readouterr().err
            assert not Path("g.store").exists()
            if ending == "finished":
                first.communicate(timeout=60)
        assert Path("g.store").exists() == (ending == "finished")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "g.fa",
        "g.store",
        "i.bed",
    ]  # nothing of the killed one
    assert run_genoml(*fetch) == 0
    with GenomeStore.open("g.store") as store:
        store.verify()


def test_processes_that_make_one_store_at_once_leave_a_sound_one(tmp_path: Path) -> None:
    letters = decode(np.random.default_rng(0).integers(0, 4, (1, 300_000), dtype=np.uint8))[0]
    (tmp_path / "g.fa").write_text(f">a\n{letters}\n>b\n{letters[::-1]}\n")
    (tmp_path / "i.bed").write_text("b\t0\t20\n")
    command = [*GENOML, "fetch", str(tmp_path / "g.fa"), str(tmp_path / "i.bed")]
    with ExitStack() as stack:
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        all_of_them = [stack.enter_context(process(command, **options)) for _ in range(4)]
        ended = [(each.communicate(timeout=120), each.returncode) for each in all_of_them]
    for (out, err), code in ended:
        assert code == 0 or (code == 2 and "is being written by process" in err), err
        assert code or out.split("\n")[1] == letters[::-1][:20]
    assert 0 in [code for _, code in ended]
    with GenomeStore.open(tmp_path / "g.fa.store") as store:
        store.verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.fa", "g.fa.store", "i.bed"]


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    fasta = tmp_path / "g.fa"
    fasta.write_text(">chr1\nACGT\n")
    with pytest.raises(ValueError, match="got standard input"):
        open_genome("-")
    with pytest.raises(FileNotFoundError):
        open_genome(tmp_path / "absent.fa")
    (tmp_path / "g.fa.store").write_text("notes that are somebody's")
    with pytest.raises(FormatError, match=r"g\.fa\.store"):
        open_genome(fasta)
    assert (tmp_path / "g.fa.store").read_text() == "notes that are somebody's"
    with (
        open_genome(fasta, store=tmp_path / "x.store") as store,
        pytest.raises(ValueError, match="a store already"),
    ):
        open_genome(store.path, store=tmp_path / "y.store")
