"""What each rank of tests/parallel/test_mpi.py runs: ``python mpi_job.py TASK FOLDER``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from genoml.checkpoint import host_weights
from genoml.data import Augmentation
from genoml.parallel import ONE_RANK, Ranks, Threads
from genoml.parallel.mpi import world
from genoml.train import FitOptions, fit
from genoml.train.predict import predict_outputs
from support.models import small_model
from support.planted import planted_data


class Slow:
    """Waits a moment at each step, and tells how far the training is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self, step: int, loss: float, examples: int) -> None:
        (self.folder / "step").write_text(str(step))
        time.sleep(0.05)

    def epoch(self, record: dict[str, float], improved: bool) -> None: ...


def trained(ranks: Ranks, threads: int, **more: Any) -> tuple[dict[str, np.ndarray], bool, list[float]]:
    """Weights, whether the training was interrupted, and the losses of its epochs."""
    model = small_model("motif_cnn", "numpy", "float32")
    epochs = more.pop("epochs", 3)
    options = FitOptions(
        epochs=epochs, batch_size=16, threads=threads, augmentation=Augmentation(True, 2), max_grad_norm=1.0
    )
    held = planted_data(20, seed=4)
    history = fit(
        model, planted_data(40), validation=held, options=options, progress=None, ranks=ranks, **more
    )
    return host_weights(model), history.interrupted, [epoch["loss"] for epoch in history.epochs]


def predicted(ranks: Ranks) -> np.ndarray:
    """Outputs for more sequences than a run has."""
    with Threads(1, ranks) as threads:
        return predict_outputs(
            small_model("motif_cnn", "numpy", "float32"), planted_data(100).codes, threads=threads
        )


def run(ranks: Ranks, task: str, folder: Path) -> None:
    """Do the task; rank 0 writes what came out."""
    (folder / f"pid-{ranks.rank}").write_text(str(os.getpid()))
    if task == "fail" or task == f"fail-{ranks.rank}":
        raise SystemExit(f"rank {ranks.rank} has failed")
    more: dict[str, Any] = {}
    if task in ("slow", "resume"):
        more = {"checkpoints": folder / "saved", "resume": task == "resume", "epochs": 8}
        more |= {"callback": Slow(folder)} if task == "slow" else {}
    weights, interrupted, losses = trained(ranks, 1, **more)
    outputs = predicted(ranks) if task == "train" else np.zeros(0)
    if ranks.first:
        np.savez(folder / "found.npz", outputs=outputs, **weights)
        (folder / "found.json").write_text(json.dumps({"interrupted": interrupted, "losses": losses}))


if __name__ == "__main__":
    Threads.__init__.__kwdefaults__.update(least_input=1, least_work=1)
    with world() as of_job:
        assert of_job is not ONE_RANK
        run(of_job, sys.argv[1], Path(sys.argv[2]))
