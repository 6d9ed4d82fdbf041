from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from genoml.checkpoint import CheckpointError, load_generation, newest_generation, save_generation
from support.subprocesses import run_python

ARRAYS = {"live/a": np.arange(40, dtype=np.float32), "losses": np.array([0.5, 0.25])}


class About(msgspec.Struct, forbid_unknown_fields=True):
    note: str
    number: float = 0.1


def load(folder: Path) -> tuple[About, dict[str, np.ndarray]] | None:
    return load_generation(folder, About, lambda path, about, shapes: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_comes_back_and_the_older_one_goes(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert load(folder) is None
    for number in range(3):
        save_generation(folder, ARRAYS | {"losses": np.full(2, number + 0.1)}, About(f"n{number}"))
        found = load(folder)
        assert found is not None
        assert found[0] == About(f"n{number}")
        assert np.array_equal(found[1]["losses"], np.full(2, number + 0.1))
    assert names(folder) == ["manifest-000003.json", "state-000003.safetensors"]


def test_what_an_interrupted_save_leaves_is_passed_over_and_cleared_away(tmp_path: Path) -> None:
    save_generation(tmp_path, ARRAYS, About("whole"))
    for name in ("state-000002.safetensors", "manifest-000002.json.0123abcd.tmp", "state-000009.safetensors"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    found = load(tmp_path)
    assert found is not None
    assert found[0].note == "whole"
    save_generation(tmp_path, ARRAYS, About("next"))
    assert names(tmp_path) == ["manifest-000010.json", "notes.txt", "state-000010.safetensors"]


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        value = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([value ^ 1 << bit % 8]))


def test_a_thousand_flipped_bits_are_a_thousand_noticed(tmp_path: Path) -> None:
    save_generation(tmp_path, ARRAYS, About("whole"))
    files = [tmp_path / name for name in names(tmp_path)]
    draw, noticed = random.Random(0), 0
    bits = [(path, bit) for path in files for bit in range(8 * path.stat().st_size)]
    for path, bit in draw.sample(bits, 1000):
        flip(path, bit)
        with pytest.raises(CheckpointError) as caught:
            load(tmp_path)
        noticed += str(caught.value).startswith(str(tmp_path))
        flip(path, bit)
    print(f"{noticed} of 1000 flipped bits noticed")
    assert noticed == 1000
    assert load(tmp_path) is not None


def test_a_missing_state_and_a_newer_format_are_named(tmp_path: Path) -> None:
    save_generation(tmp_path, ARRAYS, About("whole"))
    (tmp_path / "state-000001.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"state-000001\.safetensors: no such file"):
        load(tmp_path)
    (tmp_path / "manifest-000002.json").write_text('{"sha256":"","manifest":{"format":2}}')
    with pytest.raises(CheckpointError, match=r"manifest-000002\.json: damaged or no checkpoint"):
        load(tmp_path)


#: saves once, then once more where no file can grow beyond some bytes, which fails as a full disk does
FULL = """
import resource, sys
from pathlib import Path
import msgspec, numpy as np
from genoml.checkpoint import CheckpointError, save_generation
class About(msgspec.Struct):
    note: str
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
arrays = {"live/a": np.zeros(40, np.float32), "losses": np.zeros(2)}
save_generation(folder, arrays, About("old"))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    save_generation(folder, arrays, About("new" * 1000))
except CheckpointError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limit", "file"),
    [(0, "state-000002.safetensors"), (300, "state-000002.safetensors"), (1000, "manifest-000002.json")],
)
def test_a_full_disk_leaves_the_old_one_whole_and_the_error_names_the_file(
    tmp_path: Path, limit: int, file: str
) -> None:
    # standard output is a pipe, which the limit does not count
    done = run_python(FULL, str(tmp_path), str(limit), PYTHONDONTWRITEBYTECODE="1")
    assert done.stdout == (
        f"{tmp_path / file}: cannot be written (File too large); the checkpoint before it is as it was\n"
    ), done.stderr
    found = load(tmp_path)
    assert found is not None
    assert found[0].note == "old"
    assert newest_generation(tmp_path) == 1
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
