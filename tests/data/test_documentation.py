"""The snippets of docs/data.md run as they stand, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pybigtools
import pytest

from genoml.sequence import decode

GUIDE = Path(__file__).parents[2] / "docs" / "data.md"


def write_inputs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["chr1", "chr2", "chr3"]
    letters = decode(rng.integers(0, 4, (3, 4000), dtype=np.uint8))
    (folder / "genome.fa").write_text("".join(f">{n}\n{s}\n" for n, s in zip(names, letters, strict=True)))
    peaks = [(name, start) for name in names for start in range(20, 3900, 300)]
    rows = [
        f"{name}\t{start}\t{start + 60}\tp{i}\t{i}\t+\t{i}.5\t-1\t-1\t30\n"
        for i, (name, start) in enumerate(peaks)
    ]
    (folder / "peaks.narrowPeak").write_text("".join(rows))
    counts = ["peak\trep1\trep2\n"] + [f"p{i}\t{i}\t{2 * i}\n" for i in range(len(peaks))]
    (folder / "counts.tsv").write_text("".join(counts))
    signal = pybigtools.open(str(folder / "signal.bw"), "w")
    signal.write(dict.fromkeys(names, 4000), [(name, 0, 4000, 1.0) for name in names])
    for name in ("plus", "minus", "control"):
        track = pybigtools.open(str(folder / f"{name}.bw"), "w")
        track.write(dict.fromkeys(names, 4000), [(each, 0, 4000, 2.0) for each in names])
    table = ["id,seq,dev,hk,kind,chrom,w\n"]
    table += [
        f"s{i},{letters[0][i % 9 : i % 9 + 12]},{i},NA,{'ab'[i % 9 % 2]},chr{1 + i % 5},1\n"
        for i in range(20)
    ]
    (folder / "table.csv").write_text("".join(table))
    np.save(folder / "codes.npy", rng.integers(0, 4, (9, 30), dtype=np.uint8))


def test_the_guides_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(snippets) == 7
    space: dict[str, object] = {}
    with pytest.warns(UserWarning, match="past an end of their chromosome and are left out"):
        exec(compile("\n".join(snippets), str(GUIDE), "exec"), space)
    profile, counted, classes = space["profile"], space["counted"], space["classes"]
    assert profile.targets.shape == (36, 20)  # type: ignore[attr-defined]
    assert np.allclose(profile.targets, np.log(2.0))  # type: ignore[attr-defined]
    assert space["reads"].targets[0].tolist() == [[2.0] * 60] * 2  # type: ignore[attr-defined]
    assert counted.targets[0].tolist() == [1.0, 2.0]  # type: ignore[attr-defined]
    assert classes.target_names == ("a", "b")  # type: ignore[attr-defined]
