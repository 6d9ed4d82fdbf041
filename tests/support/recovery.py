"""Can a motif layer find, by training, a motif that was planted in random sequences?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.data import Augmentation, SequenceData
from genoml.nn import Dense, GlobalMaxPool1D, MotifLayer, Sequential
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import reverse_complement
from genoml.train import FitOptions, fit

#: of the planted motif, in bases; each column has 0.85 on one base
WIDTH = 10


@dataclass(frozen=True)
class Setting:
    """One network and one training for all seeds."""

    width: int = 20
    positives: int = 1000
    length: int = 60
    epochs: int = 25
    batch_size: int = 64
    learning_rate: float = 0.3


def plant(seed: int, setting: Setting) -> tuple[np.ndarray, SequenceData]:
    """A random motif, and as many sequences with one site of it, on either strand, as without."""
    rng = np.random.default_rng(seed)
    motif = np.full((WIDTH, 4), 0.05)
    motif[np.arange(WIDTH), rng.integers(0, 4, WIDTH)] = 0.85
    count = setting.positives
    codes = rng.integers(0, 4, (2 * count, setting.length), dtype=np.uint8)
    sites = np.stack([rng.choice(4, count, p=row) for row in motif], axis=1).astype(np.uint8)
    sites = np.where(rng.random(count)[:, None] < 0.5, reverse_complement(sites), sites)
    for row, start in enumerate(rng.integers(0, setting.length - WIDTH + 1, count)):
        codes[row, start : start + WIDTH] = sites[row]
    return motif, SequenceData.binary(codes[:count], codes[count:])


def learn(data: SequenceData, seed: int, setting: Setting) -> np.ndarray:
    """The probabilities (width, 4) of the trained layer's motif.

    A log-odds score is a log-likelihood ratio, so the dense layer begins with the factor from bits to logits.
    The motif is centred after a quarter of the epochs, since it may have begun at the edge.
    """
    layers = {"motifs": MotifLayer(1, setting.width), "pool": GlobalMaxPool1D(), "dense": Dense(1, 1)}
    model = Sequential(layers, seed=seed)
    model["dense"].params["weights"] = model.backend.asarray([[np.log(2.0)]], "float32")
    layer = layers["motifs"]
    assert isinstance(layer, MotifLayer)
    first = setting.epochs // 4
    for epochs in (first, setting.epochs - first):
        options = FitOptions(
            epochs=epochs,
            batch_size=setting.batch_size,
            optimizer=AdamW(setting.learning_rate),
            schedule=one_cycle(epochs * -(-len(data) // setting.batch_size)),
            augmentation=Augmentation(reverse_complement=False),
            seed=seed,
        )
        fit(model, data, options=options)
        layer.centre()
    (motif,) = layer.motifs()
    return np.asarray(motif.matrix)


def best_correlation(found: np.ndarray, motif: np.ndarray) -> float:
    """Pearson's correlation over all entries of the true motif, at the best offset and strand."""
    flank = np.full((WIDTH, 4), 0.25)
    best = -1.0
    for oriented in (found, found[::-1, ::-1]):
        padded = np.concatenate([flank, oriented, flank])
        for start in range(1, len(padded) - WIDTH):
            window = padded[start : start + WIDTH]
            if np.ptp(window) > 0.0:  # a window of the flank alone correlates with nothing
                best = max(best, float(np.corrcoef(window.ravel(), motif.ravel())[0, 1]))
    return best


def recover(seed: int, setting: Setting | None = None) -> float:
    """How well the motif of this seed is recovered."""
    setting = setting or Setting()
    motif, data = plant(seed, setting)
    return best_correlation(learn(data, seed, setting), motif)
