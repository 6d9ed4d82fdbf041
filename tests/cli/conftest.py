"""A small trained run that the tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.planted import SMALL_TOML, run_genoml, write_fasta_pair


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pos.fa, neg.fa and the run ``run``, not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.toml").write_text(SMALL_TOML)
    pair = write_fasta_pair(folder)
    settings = folder / "small.toml"
    assert run_genoml("train", *pair, "--out", folder / "run", "--epochs", 12, "--config", settings) == 0
    return folder
