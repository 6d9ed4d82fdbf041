from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.checkpoint import CheckpointError, host_weights, save_weights
from genoml.checkpoint.files import seal_json, unseal_json
from genoml.models import build_model
from genoml.nn.layer import Layer
from genoml.runs import (
    RunError,
    RunFolder,
    RunRecord,
    load_run,
    read_log,
    read_record,
    refuse_existing,
    reseal,
)
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import read_config
from genoml.train.fingerprint import versions

CONFIG = TrainConfig(model="promoter_cnn", model_options={"filters": 3})


save = RunFolder.save_record


def small_model(seed: int = 0) -> Layer:
    return build_model(CONFIG.model, CONFIG.model_options, seed=seed)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(
        tmp_path / "run", RunRecord(status="finished", config=CONFIG, length_bp=40), small_model(seed=4)
    )


def test_a_run_folder_gives_back_model_record_and_log(folder: RunFolder) -> None:
    records = [{"epoch": 0, "loss": 0.7}, {"epoch": 1, "loss": 1e-12}]
    for record in records:
        folder.log(record)
    folder.record.status, folder.record.best_epoch, folder.record.best = "finished", 1, records[1]
    folder.save_record()
    run = load_run(folder.path)
    model, record = run.model, run.record
    assert record == folder.record
    assert record.config == CONFIG
    assert read_log(folder.path) == records
    expected, found = host_weights(small_model(seed=4)), host_weights(model)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "config.toml",
        "log.jsonl",
        "run.json",
        "weights.safetensors",
    ]


def test_a_run_loads_on_another_backend(folder: RunFolder) -> None:
    model = load_run(folder.path, "jax").model
    assert model.backend.name == "jax"
    assert np.array_equal(
        host_weights(model)["conv.weights"], host_weights(small_model(seed=4))["conv.weights"]
    )


def test_versions_name_what_the_numbers_depend_on() -> None:
    assert set(versions(small_model().backend)) == {"genoml", "python", "numpy"}


def test_parents_are_made_and_an_empty_folder_is_taken(tmp_path: Path) -> None:
    record = RunRecord(config=CONFIG, length_bp=40)
    RunFolder.create(tmp_path / "a" / "b", record, small_model())
    (tmp_path / "c").mkdir()
    RunFolder.create(tmp_path / "c", record, small_model())
    assert read_record(tmp_path / "a" / "b") == read_record(tmp_path / "c") == record


def test_what_exists_is_not_overwritten(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (folder.path, tmp_path / "file"):
        with pytest.raises(RunError, match="already exists; choose another folder"):
            refuse_existing(path)
    refuse_existing(tmp_path / "new")


def test_a_folder_that_cannot_be_made_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"file/run: cannot be written \(Not a directory\)"):
        RunFolder.create(tmp_path / "file" / "run", RunRecord(config=CONFIG, length_bp=40), small_model())
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("write", ["fsync", "mkdir"])
def test_a_failure_while_it_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{write}", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); check space"):
        RunFolder.create(tmp_path / "a" / "b", RunRecord(config=CONFIG, length_bp=40), small_model())
    assert list(tmp_path.iterdir()) == []


def test_discarding_leaves_other_peoples_files_and_folders(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, RunRecord(config=CONFIG, length_bp=40), small_model())
    (tmp_path / "notes.txt").write_text("mine")
    folder.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def change(folder: RunFolder, **values: Any) -> None:
    record = json.loads(unseal_json((folder.path / "run.json").read_bytes()) or b"")
    for key, value in values.items():
        if value is None:
            del record[key]
        else:
            record[key] = value
    (folder.path / "run.json").write_bytes(seal_json(json.dumps(record).encode()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 2}, "of another version"),
        ({"status": "sleeping"}, "status"),
        ({"config": None}, "config"),
        ({"length_bp": "40"}, "length_bp"),
        ({"length_bp": -1}, "length_bp expects at least 1 and at most 4294967296, got -1"),
        ({"surprise": 1}, "surprise"),
        ({"config": {"epochs": 0}}, "epochs"),
        ({"config": {"model": "cnn"}}, "unknown model 'cnn'"),
        (
            {"config": {"model": "promoter_cnn", "model_options": {"size": 1}}},
            "size: unknown key of model promoter_cnn",
        ),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(
    folder: RunFolder, values: dict[str, Any], message: str
) -> None:
    change(folder, **values)
    with pytest.raises(RunError) as caught:
        load_run(folder.path)
    assert str(caught.value).startswith(f"{folder.path}/run.json: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"format":1}'])
def test_a_damaged_record_is_refused(folder: RunFolder, content: bytes) -> None:
    (folder.path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match="damaged or of another version"):
        load_run(folder.path)


def test_one_flipped_bit_or_a_cut_of_the_record_is_noticed(folder: RunFolder) -> None:
    sound = (folder.path / "run.json").read_bytes()
    for at in range(0, 8 * len(sound), 7):
        changed = bytearray(sound)
        changed[at // 8] ^= 1 << at % 8
        (folder.path / "run.json").write_bytes(changed)
        with pytest.raises(RunError, match="damaged or of another version"):
            read_record(folder.path)
    for end in range(0, len(sound), 17):
        (folder.path / "run.json").write_bytes(sound[:end])
        with pytest.raises(RunError, match="damaged or of another version"):
            read_record(folder.path)


def test_the_weights_of_another_run_are_noticed(folder: RunFolder, tmp_path: Path) -> None:
    other = RunFolder.create(tmp_path / "other", RunRecord(config=CONFIG, length_bp=40), small_model(seed=5))
    (folder.path / "weights.safetensors").write_bytes((other.path / "weights.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"not the weights that its run was written with; .*reseal"):
        load_run(folder.path)


def test_what_was_edited_on_purpose_is_sealed_again(folder: RunFolder) -> None:
    record = folder.path / "run.json"
    record.write_text(record.read_text().replace('"seed": 0', '"seed": 3'))
    with pytest.raises(RunError, match=r"if it was edited on purpose, seal it with genoml\.runs\.reseal"):
        load_run(folder.path)
    save_weights(folder.path / "weights.safetensors", small_model(seed=9))
    reseal(folder.path)
    run = load_run(folder.path)
    assert run.settings.seed == 3
    assert read_config(folder.path / "config.toml", {}) == run.settings
    assert np.array_equal(
        host_weights(run.model)["conv.weights"], host_weights(small_model(seed=9))["conv.weights"]
    )
    record.write_text("{")
    with pytest.raises(RunError, match="run: cannot be sealed"):
        reseal(folder.path)


def test_a_kill_between_record_and_weights_leaves_a_run_that_loads(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("genoml.runs.folder.RunFolder.save_record", lambda self: (save(self), killed()))
        with pytest.raises(KeyboardInterrupt):
            folder.save_weights(small_model(seed=5))
    load_run(folder.path)
    folder.save_weights(small_model(seed=6))
    load_run(folder.path)
    folder.save_record()
    assert len(load_run(folder.path).record.weights) == 1


def test_of_two_that_make_one_run_at_once_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_looked, outcomes = threading.Barrier(2), list[str]()

    def look(path: Path) -> None:
        refuse_existing(path)
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            both_looked.wait(30)

    def make(seed: int) -> None:
        record = RunRecord(config=CONFIG, length_bp=40, seed=seed)
        try:
            RunFolder.create(tmp_path / "run", record, small_model(seed))
            outcomes.append("made")
        except ValueError as error:
            outcomes.append(str(error))

    seen: set[threading.Thread] = set()
    monkeypatch.setattr("genoml.runs.folder.refuse_existing", look)
    threads = [threading.Thread(target=make, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1] == "made"
    assert re.search("run: (is being written by process|already exists)", sorted(outcomes)[0])
    made = read_record(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.toml", "log.jsonl", "run.json", "weights.safetensors",
    ]  # fmt: skip
    made.status = "finished"
    RunFolder(tmp_path / "run", made).save_record()
    found = host_weights(load_run(tmp_path / "run").model)["conv.weights"]
    assert np.array_equal(found, host_weights(small_model(made.seed))["conv.weights"])


def test_a_hard_linked_copy_of_a_run_is_read(folder: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(folder.path, tmp_path / "copy", copy_function=os.link)
    assert load_run(tmp_path / "copy").record == folder.record
    assert read_log(tmp_path / "copy") == []


@pytest.mark.parametrize(
    "data", [{"positives": 5}, {"hashes": "x"}, {"hashes": {"positives": 1}}, {"n_training": "many"}]
)
def test_a_record_whose_data_are_of_another_kind_is_refused(folder: RunFolder, data: dict[str, Any]) -> None:
    change(folder, data=data)
    with pytest.raises(RunError, match=r"run\.json: damaged or of another version \(data\."):
        load_run(folder.path)


def test_a_log_line_without_its_keys_is_refused(folder: RunFolder) -> None:
    for line in (b"{}", b'{"loss":1.0}', b'{"epoch":1.0}'):
        (folder.path / "log.jsonl").write_bytes(line + b"\n")
        with pytest.raises(
            RunError, match=r"line 1: not a readable log \(it lacks the epoch, or another of its keys"
        ):
            read_log(folder.path)


def test_what_is_missing_is_named(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run folder"):
        load_run(tmp_path / "none")
    with pytest.raises(RunError, match=r"not a run folder, it has no run\.json"):
        load_run(tmp_path)
    (folder.path / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: no such file"):
        load_run(folder.path)
    (folder.path / "log.jsonl").unlink()
    with pytest.raises(RunError, match="not a readable log"):
        read_log(folder.path)


def test_a_log_line_cut_short_is_left_out_and_a_damaged_one_refused(folder: RunFolder) -> None:
    folder.log({"epoch": 0.0})
    with (folder.path / "log.jsonl").open("ab") as file:
        file.write(b'{"epoch":1.0,"lo')
    assert read_log(folder.path) == [{"epoch": 0.0}]
    (folder.path / "log.jsonl").write_bytes(b'{"epoch":1.0,"lo\n')
    with pytest.raises(RunError, match="not a readable log"):
        read_log(folder.path)
