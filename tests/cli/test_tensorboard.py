"""TensorBoard events of a training, read back record by record."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

from genoml.train import Callbacks, TensorBoard
from support.planted import SMALL_TOML, run_genoml, write_fasta_pair
from support.subprocesses import BLOCK, run_python


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum, bit by bit, masked as TFRecord files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, the content, its checksum."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        head = data[at : at + 8]
        (length,) = struct.unpack("<Q", head)
        content = data[at + 12 : at + 12 + length]
        stored = (
            struct.unpack("<I", data[at + 8 : at + 12]),
            struct.unpack("<I", data[at + 12 + length :][:4]),
        )
        assert stored == ((crc32c(head),), (crc32c(content),))
        yield content
        at += length + 16


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by name."""
    (path,) = folder.glob("events.out.tfevents.*")
    found: dict[str, list[tuple[int, float]]] = {}
    for content in records(path):
        event = Event.FromString(content)
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path)
    return tmp_path


def test_the_checksum_is_that_of_the_standard() -> None:
    # RFC 3720, appendix B.4: 32 bytes of zeros, before the mask
    unmasked = (crc32c(bytes(32)) - 0xA282EAD8) & 0xFFFFFFFF
    assert (unmasked << 15 | unmasked >> 17) & 0xFFFFFFFF == 0x8A9136AA


def test_the_events_of_a_training_are_those_of_its_log(folder: Path) -> None:
    options = ["--epochs", 2, "--config", "small.toml", "--quiet"]
    assert run_genoml("train", "pos.fa", "neg.fa", "--out", "run", "--tensorboard", *options) == 0
    assert run_genoml("train", "pos.fa", "neg.fa", "--out", "plain", *options) == 0
    found = scalars(Path("run/tensorboard"))
    log = [json.loads(line) for line in Path("run/log.jsonl").read_text().splitlines()]
    for name in set(log[0]) - {"epoch", "step"}:
        expected = [(record["step"], pytest.approx(record[name], rel=1e-6)) for record in log]
        assert found[f"epoch/{name}"] == expected
    assert [step for step, _ in found["step/loss"]] == list(range(1, 15))
    # events change nothing in the run
    assert Path("run/weights.safetensors").read_bytes() == Path("plain/weights.safetensors").read_bytes()
    assert not Path("plain/tensorboard").exists()


def test_several_callbacks_are_told_in_order(tmp_path: Path) -> None:
    first, second = TensorBoard(tmp_path / "events"), TensorBoard(tmp_path / "others")
    both = Callbacks(first, Callbacks(second))
    both.step(1, 0.75, 16)
    both.epoch({"epoch": 1, "step": 1, "loss": 0.75}, True)
    # on disk after each epoch, without an end
    found = {"step/loss": [(1, 0.75)], "epoch/loss": [(1, 0.75)]}
    assert scalars(tmp_path / "events") == scalars(tmp_path / "others") == found
    for events in (first, second, first):  # to close twice is nothing
        events.close()


def test_without_tensorboardx_the_option_says_how_to_get_it_and_leaves_nothing(folder: Path) -> None:
    code = BLOCK.format(library="tensorboardX") + "from genoml.cli import main\nmain(sys.argv[1:])\n"
    done = run_python(code, "train", "pos.fa", "neg.fa", "--out", "run", "--tensorboard")
    assert done.returncode == 2
    assert done.stderr == (
        "genoml: error: TensorBoard events need tensorboardX; pip install 'genoml-xp[tensorboard]'\n"
    )
    assert not Path("run").exists()
