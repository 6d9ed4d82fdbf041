"""Run folders that someone with bad intentions made: what must be refused, and by which reader."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from genoml.checkpoint import load_generation, save_generation
from genoml.checkpoint.files import open_tensors, seal_json, unseal_json
from genoml.data import split_random
from genoml.runs import begin_run, open_run
from genoml.runs.config import TrainConfig
from genoml.train.state import StateRecord
from support.hostile_files import contents, headers, one_array, pickles
from support.planted import planted_data

CONFIG = TrainConfig(
    model="promoter_cnn", model_options={"filters": 3, "kernel_size": 4}, epochs=3, batch_size=16,
    average_decay=0.9, baseline=False, shift_bp=0, threads=1,
)  # fmt: skip


class _Stop:
    """Events of a training that is interrupted in its second epoch."""

    def step(self, step: int, loss: float, examples: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        pass


def sound_run(folder: Path) -> Path:
    """An interrupted run with a checkpoint, as ``genoml train`` leaves it."""
    rest, held = split_random(planted_data(16), 0.25, 0)
    sources = {"positives": "pos.fa", "negatives": "neg.fa", "hashes": {}}
    begin_run(folder / "sound", rest, held, CONFIG, backend="numpy", sources=sources, callback=_Stop())
    open_run(folder / "sound")
    return folder / "sound"


def _records(sound: bytes) -> dict[str, bytes]:
    """Records that ask for what they shall not get, sealed as they should be."""
    whole = unseal_json(sound) or b""

    def changed(**values: Any) -> bytes:
        return seal_json(json.dumps(json.loads(whole) | values).encode())

    def of_config(**values: Any) -> bytes:
        return changed(config=json.loads(whole)["config"] | values)

    def of_network(
        kind: str, layers: Any = None, objective: str = "BinaryClassification", **options: Any
    ) -> bytes:
        made = {"kind": kind, "options": options, "layers": layers or {}}
        return changed(config=None, network={"layers": made, "objective": objective})

    nested: dict[str, Any] = {"kind": "ReLU"}
    for _ in range(300):
        nested = {"kind": "Sequential", "layers": {"x": nested}}
    deep = b"[" * 100_000 + b"]" * 100_000
    return {
        "model-code": of_config(model="os.system"),
        "model-path": of_config(model="../../models/x"),
        "model-nul": of_config(model="promoter_cnn\0"),
        "model-dunder": of_config(model="__import__"),
        "filters-1e15": of_config(model_options={"filters": 10**15}),
        "options-code": of_config(model_options={"__class__": "x"}),
        "layers": of_config(model="attention_cnn", model_options={"blocks": 10**9}),
        "gigabytes": of_config(model="deepstarr", model_options={"filters": [20_000] * 4, "length_bp": 200}),
        "negative-length": changed(length_bp=-5),
        "huge-length": changed(length_bp=10**30),
        "deep-data": seal_json(whole.replace(b'"data": {', b'"data": {"x":' + deep + b",", 1)),
        "not-json": b"os.system('true')",
        "too-large": b" " * (17 << 20) + sound,
        "wrong-format": changed(format=99),
        "unknown-key": changed(code="x"),
        "network-and-config": changed(network={}),
        "network-none": changed(config=None, network={}),
        "network-code": of_network("os.system"),
        "network-dunder": of_network("Dense", __class__="x"),
        "network-backend": of_network("Dense", in_features=4, out_features=1, backend="torch"),
        "network-holder": of_network("ReLU", {"backend": {"kind": "ReLU"}}),
        "network-1e15": of_network("Dense", in_features=10**15, out_features=1),
        "network-gigabytes": of_network("Dense", in_features=10**6, out_features=10**6),
        "network-names": of_network("MotifLayer", n_motifs=10**12, width=4),
        "network-many": of_network("Sequential", {str(i): {"kind": "ReLU"} for i in range(20_000)}),
        "network-deep": of_network("Sequential", {"x": nested}),
        "network-other": of_network("Dense", in_features=4, out_features=1),
        "network-objective": of_network("ReLU", objective="os.system"),
    }


def _states(sound: Path, make: Callable[[str], Path]) -> None:
    """Checkpoints with sound hashes, as whoever has the source code can make them."""
    found = load_generation(sound / "checkpoint", StateRecord, lambda *_: None)
    assert found is not None
    record, arrays = found
    moment = next(name for name in arrays if name.startswith("moments/"))
    changed: dict[str, tuple[dict[str, np.ndarray], StateRecord]] = {
        "state-nan": (arrays | {moment: np.full_like(arrays[moment], np.nan)}, record),
        "state-stranger": (arrays | {"moments/x/os.system": np.ones(3, np.float32)}, record),
        "state-path": (arrays | {"moments/../../etc/passwd": np.ones(3, np.float32)}, record),
        "state-losses": (arrays | {"losses": np.ones(10**6)}, record),
        "state-missing": ({name: value for name, value in arrays.items() if "best/" not in name}, record),
    }
    for word, values in {"epoch": 10**9, "batch": -1, "step": -1}.items():
        changed[f"place-{word}"] = arrays, msgspec.structs.replace(record, **{word: values})
    for word, value in {
        "learning_rate": -1.0, "optimizer_steps": -5, "average_steps": None, "best_epoch": 99, "best_score": None,
        "schedule": {"x": 1}, "options": {}, "data": {}, "epochs": [],
    }.items():  # fmt: skip
        changed[f"state-{word}"] = arrays, msgspec.structs.replace(record, **{word: value})
    for name, (table, about) in changed.items():
        folder = make(name) / "checkpoint"
        shutil.rmtree(folder)
        save_generation(folder, table, about)


def _replaced(path: Path, kind: str, outside: Path) -> None:
    """Put something else than a file of its own in the place of a file or folder."""
    kept = path.with_name(f"{path.name}.kept")
    path.rename(kept)
    if kind == "link":
        path.symlink_to(kept)
    elif kind == "outside":
        path.symlink_to(outside)
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        path.write_bytes(one_array(shape=(2**38,), offsets=(0, 2**40)))
        os.truncate(path, path.stat().st_size - 4 + 2**40)


def hostile_runs(folder: Path) -> list[tuple[str, str]]:
    """(reader, run folder) of each: ``load``, ``resume`` or ``log``."""
    sound, found = sound_run(folder), list[tuple[str, str]]()
    marker, outside = folder / "code-ran", folder / "outside"
    outside.write_bytes((sound / "weights.safetensors").read_bytes())

    def make(name: str, reader: str = "resume") -> Path:
        path = folder / f"{len(found)}-{name}"
        shutil.copytree(sound, path)
        found.append((reader, str(path)))
        return path

    pickled = pickles(marker)
    with open_tensors(sound / "weights.safetensors") as file:
        arrays, _ = file.read()
    for name, content in (pickled | headers() | contents(arrays)).items():
        (make(name, "load") / "weights.safetensors").write_bytes(content)
    for name, content in (_records((sound / "run.json").read_bytes()) | pickled).items():
        (make(f"record-{name}", "load") / "run.json").write_bytes(content)
    for name in ("run.json", "weights.safetensors"):
        for kind in ("link", "outside", "zeros", "pipe", "folder"):
            _replaced(make(f"{kind}-{name}", "load") / name, kind, outside)
    _replaced(make("sparse", "load") / "weights.safetensors", "sparse", outside)
    for kind in ("link", "outside", "zeros", "pipe", "folder"):
        _replaced(make(f"{kind}-log", "log") / "log.jsonl", kind, outside)
        for pattern in ("state-*", "manifest-*"):
            (path,) = (make(f"{kind}-{pattern[:-2]}") / "checkpoint").glob(pattern)
            _replaced(path, kind, outside)
    _replaced(make("link-checkpoint") / "checkpoint", "link", outside)
    for pattern in ("state-*", "manifest-*"):
        for name, content in (pickled | {"deep": b'{"sha256":' + b"[" * 10**5, "zeros": bytes(1000)}).items():
            (path,) = (make(f"{name}-{pattern[:-2]}") / "checkpoint").glob(pattern)
            path.write_bytes(content)
    _states(sound, make)
    return found
