"""Several networks trained alike from different seeds, whose outputs are averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genoml.data import Augmentation, SequenceData
from genoml.nn import BatchNorm1D, Conv1D, Dropout, Layer, MaxPool1D, ReLU
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.train import FitOptions, fit
from genoml.train.objectives import Objective
from genoml.train.predict import predict_outputs


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained; the number of epochs is fixed, so no data are held out for it."""

    #: seed -> network
    build: Callable[[int], Layer]
    objective: Objective
    epochs: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 0.05
    shift_bp: int = 0
    ambiguous: str = "zero"

    def train(self, data: SequenceData, seed: int) -> Layer:
        """One network, on one strand only, its weights averaged over the last steps."""
        model = self.build(seed)
        steps = self.epochs * -(-len(data) // self.batch_size)
        options = FitOptions(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=AdamW(self.learning_rate, weight_decay=self.weight_decay),
            schedule=one_cycle(steps, warmup=0.25),
            augmentation=Augmentation(reverse_complement=False, shift_bp=self.shift_bp),
            objective=self.objective,
            average_decay=0.99,
            ambiguous=self.ambiguous,
            seed=seed,
        )
        fit(model, data, options=options, progress=None)
        return model

    def outputs(self, model: Layer, data: SequenceData) -> np.ndarray:
        return predict_outputs(model, data.codes, both_strands=False, ambiguous=self.ambiguous)


def ensemble(recipes: list[Recipe], training: SequenceData, test: SequenceData, seed: int) -> np.ndarray:
    """The mean outputs for ``test`` of one network for each recipe, trained on the whole of ``training``."""
    found = [
        recipe.outputs(recipe.train(training, 1000 * seed + member), test)
        for member, recipe in enumerate(recipes)
    ]
    mean: np.ndarray = np.mean(found, axis=0)
    return mean


def block(
    in_channels: int, channels: int, kernel_size: int, dropout: float, pool_size: int = 1
) -> list[Layer]:
    """Convolution, maximum of ``pool_size`` positions, batch norm, ReLU, dropout."""
    layers: list[Layer] = [
        Conv1D(in_channels, channels, kernel_size, padding="same", bias=False, activation=None)
    ]
    if pool_size > 1:
        layers.append(MaxPool1D(pool_size))
    return [*layers, BatchNorm1D(channels), ReLU(), Dropout(dropout)]
