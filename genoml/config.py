"""How a model is trained, as one record: what ``--config FILE.toml`` holds and a run folder keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from genoml.data import Augmentation
from genoml.optim import AdamW
from genoml.schedules import one_cycle
from genoml.train import FitOptions


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run, but for the data.

    The defaults were chosen on validation chromosomes of a Nanog ChIP-seq training set; docs/accuracy.md
    tells how.
    """

    model: str = "motif_cnn"
    model_options: dict[str, Any] = {}
    epochs: int = 20
    batch_size: int = 128
    #: peak of the one-cycle schedule
    learning_rate: float = 0.01
    weight_decay: float = 0.01
    #: share of the steps over which the learning rate rises
    warmup: float = 0.25
    max_grad_norm: float | None = None
    label_smoothing: float = 0.0
    #: decay of the moving average of the weights; 0 = none
    average_decay: float = 0.99
    #: epochs without a better validation AUROC before training stops; none = never
    patience: int | None = None
    #: share of the training sequences held out to choose the best epoch by
    validation_fraction: float = 0.1
    #: chromosomes held out instead, as named in the headers (``>chr8:100-300``)
    validation_chromosomes: list[str] = []
    reverse_complement: bool = True
    shift_bp: int = 10
    ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero"
    #: ``balanced`` weighs each class by the inverse of its share
    class_weight: Literal["none", "balanced"] = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} expects a number of at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate expects a number above 0, got {self.learning_rate}")
        if self.shift_bp < 0 or self.weight_decay < 0:
            raise ValueError("shift_bp and weight_decay expect numbers of at least 0")
        for name in ("average_decay", "label_smoothing", "warmup"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} expects 0 <= value < 1, got {getattr(self, name)}")
        if not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(f"validation_fraction expects 0 < value < 1, got {self.validation_fraction}")

    def fit_options(self, n_examples: int, class_weight: tuple[float, float]) -> FitOptions:
        """What ``fit`` takes, for a training set of this size."""
        steps = self.epochs * -(-n_examples // self.batch_size)
        return FitOptions(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=AdamW(self.learning_rate, weight_decay=self.weight_decay),
            schedule=one_cycle(steps, warmup=self.warmup),
            augmentation=Augmentation(self.reverse_complement, self.shift_bp),
            class_weight=class_weight,
            label_smoothing=self.label_smoothing,
            max_grad_norm=self.max_grad_norm,
            average_decay=self.average_decay,
            patience=self.patience,
            ambiguous=self.ambiguous,
            seed=self.seed,
        )


def read_config(path: Path | None, overrides: Mapping[str, Any]) -> TrainConfig:
    """A configuration from a TOML file, or the defaults; ``overrides`` that are not None win.

    Raises
    ------
    ValueError
        If the file cannot be read, or a key is unknown or of the wrong type; the message names file and key.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = msgspec.toml.decode(path.read_bytes())
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: not valid TOML ({error})") from error
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return msgspec.convert(values, TrainConfig)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path or 'configuration'}: {error}") from error
