"""How a model is trained, as one record: what ``--config FILE.toml`` holds and a run folder keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from genoml.data import Augmentation
from genoml.models import model_spec
from genoml.objectives import BinaryClassification
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
    #: passes over the training sequences; none = 20, or 40 where the negatives are drawn anew for each
    epochs: int | None = None
    batch_size: int = 128
    #: peak of the one-cycle schedule
    learning_rate: float = 0.01
    weight_decay: float = 0.1
    #: share of the steps over which the learning rate rises
    warmup: float = 0.25
    max_grad_norm: float | None = None
    #: largest norm of the weights into one output; Basset used 7
    max_weight_norm: float | None = None
    #: exponent of the focal loss; 0 = binary cross-entropy
    focal_gamma: float = 0.0
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
    #: largest random shift; none = a twentieth of the sequence length
    shift_bp: int | None = None
    ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero"
    #: ``balanced`` weighs each class by the inverse of its share
    class_weight: Literal["none", "balanced"] = "none"
    #: threads that share out each batch; none = all cores on NumPy
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "threads"):
            self._expect(name, lambda value: value is None or value >= 1, "a number of at least 1")
        self._expect("seed", lambda value: 0 <= value < 2**63, "a number from 0 to 2**63 - 1")
        self._expect("learning_rate", lambda value: 0 < value < math.inf, "a number above 0")
        for name in ("max_grad_norm", "max_weight_norm"):
            self._expect(name, lambda value: value is None or 0 < value < math.inf, "a number above 0")
        for name in ("shift_bp", "weight_decay", "focal_gamma"):
            self._expect(name, lambda value: value is None or 0 <= value < math.inf, "a number of at least 0")
        for name in ("average_decay", "label_smoothing", "warmup"):
            self._expect(name, lambda value: 0 <= value < 1, "a number from 0 to below 1")
        self._expect("validation_fraction", lambda value: 0 < value < 1, "a number between 0 and 1")

    def _expect(self, name: str, holds: Callable[[Any], bool], expected: str) -> None:
        if not holds(getattr(self, name)):
            raise ValueError(f"{name} expects {expected}, got {getattr(self, name)}")

    @property
    def n_epochs(self) -> int:
        """The number of epochs, also where it was left open."""
        return 20 if self.epochs is None else self.epochs

    def for_data(self, length_bp: int, *, shuffled: bool = False) -> TrainConfig:
        """The same, with what depends on the sequences filled in where it was left open."""
        epochs = 40 if self.epochs is None and shuffled else self.n_epochs
        options = model_spec(self.model).options_for(length_bp) | self.model_options
        shift_bp = length_bp // 20 if self.shift_bp is None else self.shift_bp
        return msgspec.structs.replace(self, model_options=options, shift_bp=shift_bp, epochs=epochs)

    def fit_options(self, n_examples: int, class_weight: tuple[float, float]) -> FitOptions:
        """What ``fit`` takes, for a training set of this size."""
        steps = self.n_epochs * -(-n_examples // self.batch_size)
        return FitOptions(
            epochs=self.n_epochs,
            batch_size=self.batch_size,
            optimizer=AdamW(self.learning_rate, weight_decay=self.weight_decay),
            schedule=one_cycle(steps, warmup=self.warmup),
            augmentation=Augmentation(self.reverse_complement, self.shift_bp or 0),
            objective=BinaryClassification(class_weight, self.label_smoothing, self.focal_gamma),
            max_grad_norm=self.max_grad_norm,
            max_weight_norm=self.max_weight_norm,
            average_decay=self.average_decay,
            patience=self.patience,
            ambiguous=self.ambiguous,
            threads=self.threads,
            seed=self.seed,
        )


def read_config(path: Path | None, overrides: Mapping[str, Any]) -> TrainConfig:
    """A configuration from a TOML file, or the defaults; ``overrides`` that are not None win.

    Raises
    ------
    ValueError
        If the file cannot be read, or a key is unknown, of the wrong type or out of range; the message names
        file and key.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = msgspec.toml.decode(path.read_bytes())
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not valid TOML ({error})") from error
    source = path or "configuration"
    for key in values:
        _expect_known(str(source), key)
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return msgspec.convert(values, TrainConfig)
    except msgspec.ValidationError as error:
        raise ValueError(f"{source}: {_explained(str(error))}") from error


def _explained(message: str) -> str:
    """The key first, and the values that it can have."""
    what, _, place = message.partition(" - at `$.")
    key = place.rstrip("`")
    if what.startswith("Invalid enum value"):
        what += f"; choose {', '.join(get_args(get_type_hints(TrainConfig)[key]))}"
    return f"{key}: {what}" if key else what


def _expect_known(source: str, key: str) -> None:
    known = TrainConfig.__struct_fields__
    if key in known:
        return
    nearest = get_close_matches(key, known, 1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"keys: {', '.join(known)}"
    raise ValueError(f"{source}: unknown key {key}; {hint}")
