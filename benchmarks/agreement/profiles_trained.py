"""Profile networks trained to the end beside bpnet-lite, on planted data: what either side reaches."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from contextlib import chdir, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.agreement.table import Table
from genoml.data import ProfileData
from genoml.metrics import jensen_shannon_distance, pearson
from genoml.models import bpnet
from genoml.optim import Adam
from genoml.random import host_generator
from genoml.sequence import base_codes
from genoml.train import FitOptions, Profile, fit
from genoml.train.predict import predict_outputs

LENGTH_BP, PROFILE_BP = 272, 150
#: windows to train on, to choose the epoch by, and to test on
WINDOWS = (3000, 600, 1500)
FILTERS, DILATED, BATCH, RATE, EPOCHS, PATIENCE, SEEDS = 16, 3, 32, 0.004, 40, 10, (0, 1, 2)
#: the planted motif; where reads lie about its first base, and their spread
MOTIF, PLACES, SPREAD_BP = "TGACCACAGGGTGGC", (-6, 22), 2.5
#: reads of a site with so many bases changed, and of each position without a site
READS, BACKGROUND = (300.0, 120.0, 50.0), 0.1


class Parts(NamedTuple):
    """Codes (n, length) and reads (n, 1, positions) of three parts, and the rates that the test's are drawn from."""

    training: ProfileData
    validation: ProfileData
    test: ProfileData
    rates: np.ndarray


def planted() -> Parts:
    """Random bases with none, one or two sites of a motif on either strand; fewer reads the more bases are changed."""
    rng = host_generator(0, "planted profiles")
    count = sum(WINDOWS)
    codes = rng.integers(0, 4, (count, LENGTH_BP), dtype=np.uint8)
    motif = base_codes([MOTIF])[0]
    rates = np.full((count, LENGTH_BP), BACKGROUND)
    positions = np.arange(LENGTH_BP)
    first, last = 80, LENGTH_BP - 80 - len(motif)
    for row in range(count):
        middle = (first + last) // 2
        halves = [(first, middle - 20), (middle, last)]
        for low, high in halves[: rng.integers(0, 3)]:
            start, changed, turned = int(rng.integers(low, high)), int(rng.integers(3)), rng.random() < 0.5
            site = motif.copy()
            which = rng.permutation(len(motif))[:changed]
            site[which] = (site[which] + rng.integers(1, 4, changed)) % 4
            codes[row, start : start + len(motif)] = 3 - site[::-1] if turned else site
            for place in PLACES:
                at = start + len(motif) - 1 - place if turned else start + place
                shape = np.exp(-0.5 * ((positions - at) / SPREAD_BP) ** 2)
                rates[row] += READS[changed] / len(PLACES) * shape / shape.sum()
    middle = slice((LENGTH_BP - PROFILE_BP) // 2, (LENGTH_BP + PROFILE_BP) // 2)
    rates = rates[:, None, middle]
    reads = rng.poisson(rates).astype(np.float32)
    bounds = np.cumsum((0, *WINDOWS))
    parts = [
        ProfileData(codes=codes[start:end], targets=reads[start:end], strands=".")
        for start, end in pairwise(bounds)
    ]
    return Parts(*parts, rates[bounds[-2] :])


def tables(data: Path) -> list[Table]:
    try:
        version = importlib.metadata.version("bpnet-lite")
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("this comparison trains bpnet-lite; pip install 'bpnet-lite==1.1.*' torch") from None
    parts = planted()
    weight = float(parts.training.totals.mean()) / 10.0
    rows, means = [], []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name, train in (("genoml", _train_ours), (f"bpnet-lite {version}", _train_theirs)):
            scores = np.array([_scores(*train(parts, weight, seed), parts.test.targets) for seed in SEEDS])
            means.append(scores.mean(axis=0))
            cells = [f"{column.mean():.4f} ({column.min():.4f} to {column.max():.4f})" for column in scores.T]
            rows.append([name, *cells])
    ratios = means[0] / means[1] - 1.0
    rows.append(["genoml beside bpnet-lite", *(f"{100 * ratio:+.2f} %" for ratio in ratios)])
    best = _scores(np.log(parts.rates), np.log1p(parts.rates.sum(axis=2)), parts.test.targets)
    rows.append(["the rates that the reads were drawn from", *(f"{score:.4f}" for score in best)])
    return [
        Table(
            "Profiles: trained beside bpnet-lite",
            f"Random windows of {LENGTH_BP} bp with none, one or two sites of a planted motif, and reads about them "
            f"over {PROFILE_BP} bp: {WINDOWS[0]} to train on, {WINDOWS[1]} to choose the epoch by, {WINDOWS[2]} to "
            f"test. Either side by its own loop: `fit`, and `BPNet.fit`. The same network ({FILTERS} filters, "
            f"{DILATED} dilated layers), weight of the counts, batches of {BATCH}, windows turned at random, Adam at "
            f"{RATE}, gradients clipped at norm 1, {EPOCHS} epochs at most, stopped {PATIENCE} after the best loss. "
            "Mean (and range) of three seeds on the test part, read on one strand.",
            ("", "Jensen-Shannon distance", "correlation of log counts"),
            rows,
            ["The last row is the best that can be reached: the reads of a test window are drawn at random."],
        )
    ]


def _scores(logits: np.ndarray, counts: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    z = logits.astype(np.float64)
    shapes = np.exp(z - z.max(axis=2, keepdims=True))
    distance = float(np.nanmean(jensen_shannon_distance(shapes, targets.astype(np.float64))))
    return distance, float(pearson(counts[:, 0].astype(np.float64), np.log1p(targets.sum(axis=(1, 2)))))


def _train_ours(parts: Parts, weight: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    model = bpnet(profile_length_bp=PROFILE_BP, filters=FILTERS, dilated_layers=DILATED, seed=seed)
    options = FitOptions(
        epochs=EPOCHS, batch_size=BATCH, optimizer=Adam(RATE), objective=Profile(1, PROFILE_BP, weight),
        max_grad_norm=1.0, patience=PATIENCE, seed=seed,
    )  # fmt: skip
    fit(model, parts.training, validation=parts.validation, options=options, progress=None)
    model.trained = None  # both sides are read on one strand
    outputs = predict_outputs(model, parts.test.codes, both_strands=False)
    return outputs[:, None, :PROFILE_BP], outputs[:, PROFILE_BP:]


def _train_theirs(parts: Parts, weight: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    import torch
    from bpnetlite import BPNet

    def encoded(data: ProfileData) -> Any:
        return torch.from_numpy(np.eye(4, dtype=np.float32)[data.codes].transpose(0, 2, 1).copy())

    class Turned(torch.utils.data.Dataset[Any]):
        def __init__(self) -> None:
            self.x, self.y = encoded(parts.training), torch.from_numpy(parts.training.targets)
            self.rng = np.random.default_rng(seed)

        def __len__(self) -> int:
            return len(self.x)

        def __getitem__(self, row: int) -> Any:
            x, y = self.x[row], self.y[row]
            return (x.flip(0, 1), y.flip(1), 1) if self.rng.random() < 0.5 else (x, y, 1)

    torch.manual_seed(seed)
    model = BPNet(
        n_filters=FILTERS, n_layers=DILATED, n_outputs=1, n_control_tracks=0, count_loss_weight=weight,
        name="theirs", trimming=(LENGTH_BP - PROFILE_BP) // 2, verbose=False,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(Turned(), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        model.fit(
            loader, optimizer, X_valid=encoded(parts.validation),
            y_valid=torch.from_numpy(parts.validation.targets), max_epochs=EPOCHS, batch_size=64, device="cpu",
            early_stopping=PATIENCE,
        )  # fmt: skip
    best = torch.load("theirs.torch", weights_only=False)
    with torch.no_grad():
        logits, counts = best.eval()(encoded(parts.test))
    return logits.numpy(), counts.numpy()
