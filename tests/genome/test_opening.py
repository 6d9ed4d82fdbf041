"""A genome given as FASTA gets its store once; one given as a store is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoml.genome import open_genome
from genoml.io import FormatError


def test_the_store_of_a_fasta_file_is_made_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    fasta, told = tmp_path / "g.fa", list[str]()
    fasta.write_text(">chr1\nACGT\n")
    for _ in range(2):
        with open_genome(fasta, tell=told.append) as store:
            assert store.sizes == {"chr1": 4}
    assert told == [f"making {fasta}.store from {fasta}"]
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
    assert told[1] == f"making {store} from {fasta}"


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
