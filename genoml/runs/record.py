"""Record of a run, ``run.json``, which is sealed: it holds hashes of itself, the weights and the training sequences."""

from __future__ import annotations

from hashlib import file_digest
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import msgspec

from genoml.checkpoint.files import seal_json, unseal_json
from genoml.io.errors import printable
from genoml.io.files import write_whole
from genoml.io.plain import open_plain, read_plain
from genoml.io.settings import make_settings, seal_toml
from genoml.runs.assess import HeldOut
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import config_text
from genoml.runs.network import NetworkSettings
from genoml.runs.tasks import TaskRecord

RECORD = "run.json"
WEIGHTS = "weights.safetensors"
SEQUENCES = "sequences.safetensors"
CONFIG = "config.toml"
#: longer than any chromosome
_MOST_LENGTH_BP = 1 << 32
#: bytes of a record, at most
_MOST_RECORD = 16 << 20
#: errors of reading a damaged file of JSON
DAMAGED = (ValueError, OSError, RecursionError)


#: kinds of what genoml itself writes and reads under ``data``
_DATA_KINDS: dict[str, Any] = {
    "positives": str, "negatives": str, "working_folder": str, "hashes": dict[str, str],
    "n_positives": int, "n_negatives": int, "n_training": int, "n_validation": int, "ambiguous_bases": int,
    "table": str, "h5ad": str, "genome": str, "genome_bases": str, "n_examples": int,
}  # fmt: skip


class RunError(ValueError):
    """Raised if a run folder is missing, incomplete or damaged, or would be overwritten."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the network of an imported run came from.

    Attributes
    ----------
    files, sha256 : list of str
        Names of the files, and their hashes.
    format, recipe : str
        Format of the files; the recipe that said how their arrays belong together.
    licence : str
        Of the weights, as whoever imported them named it.
    bases : str
        Order of the bases in the files; the network of the run reads A, C, G, T.
    outputs : list of str
        Names of the outputs in the files.
    last : {"", "softmax", "sigmoid"}
        Function of the outputs that was cut off, and that the objective applies.
    fixed_length : bool
        Whether the network reads sequences of the run's length alone.
    difference : float or None
        Largest difference from the original's outputs; None: nothing was compared.
    """

    files: list[str]
    sha256: list[str]
    format: str
    recipe: str = ""
    licence: str = ""
    bases: str = "ACGT"
    outputs: list[str] = []
    last: Literal["", "softmax", "sigmoid"] = ""
    fixed_length: bool = False
    difference: float | None = None


class RunRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Content of ``run.json``: either ``config`` or ``network``, which describe the model, and the rest."""

    format: Literal[1] = 1
    status: Literal["running", "finished", "interrupted", "diverged"] = "running"
    #: the settings of ``genoml train``
    config: TrainConfig | None = None
    #: the description of a network that was made by hand
    network: NetworkSettings | None = None
    #: where the network came from, if it was imported
    source: SourceRecord | None = None
    #: length of the training sequences after padding; shorter ones are padded to it
    length_bp: int
    alphabet: str = "auto"
    padding: Literal["both"] = "both"
    #: counts and sources of the training data
    data: dict[str, Any] = {}
    #: what the checks of the training data found: a line for each, by the name of the check
    warnings: dict[str, str] = {}
    #: what was guessed, chosen or left out: a line each
    notes: list[str] = []
    #: what was tried and chosen where the model is auto: a line each, and the score of baselines in validation
    auto: list[str] = []
    baselines: dict[str, float] = {}
    #: what the targets mean, and what was learned from those of the training data
    task: TaskRecord = TaskRecord()
    #: parameters that patterns froze, and the peak learning rates of those that have their own, by path
    frozen: list[str] = []
    rates: dict[str, float] = {}
    seed: int = 0
    #: processes that shared out each batch when training began, each with the threads of the settings
    ranks: int = 1
    backend: dict[str, str] = {}
    versions: dict[str, str] = {}
    best_epoch: int | None = None
    best: dict[str, float] = {}
    #: calibration, threshold and scores on the validation data, when training has ended
    held_out: HeldOut = HeldOut()
    #: sha256 of the file of weights; of more than one while a new one takes the place of another
    weights: list[str] = []
    #: sha256 of the file of hashes of the training sequences; empty without one
    sequences: str = ""
    #: what differed each time it was resumed: backend, device, versions
    resumed: list[dict[str, str]] = []

    def __post_init__(self) -> None:
        if (self.config is None) == (self.network is None):
            raise ValueError("a run expects either config, of genoml train, or network, made by hand")
        if self.network is not None:
            self.task = TaskRecord.of_objective(self.network.build_objective())
        for key in _DATA_KINDS.keys() & self.data.keys() if self.network is None else ():
            make_settings(self.data[key], _DATA_KINDS[key], f"data.{key}")
        if not 1 <= self.length_bp <= _MOST_LENGTH_BP:
            raise ValueError(
                f"length_bp expects at least 1 and at most {_MOST_LENGTH_BP}, got {self.length_bp}"
            )

    @property
    def settings(self) -> TrainConfig | NetworkSettings:
        """Settings of training, or of a network that was made by hand."""
        settings = self.config or self.network
        if settings is None:
            raise RunError("a run expects either config or network")
        return settings

    @property
    def training(self) -> TrainConfig:
        """The settings of ``genoml train``.

        Raises
        ------
        RunError
            If the network was made by hand.
        """
        if self.config is None:
            raise RunError("its network was made by hand, and genoml train has no settings for it")
        return self.config


def read_record(path: str | PathLike[str]) -> RunRecord:
    """Read the record of a run folder.

    Raises
    ------
    RunError
        If the folder or its record is missing or damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder; check the path, or make one with genoml train")
    try:
        content = unseal_json(read_plain(path / RECORD, _MOST_RECORD))
        if content is None:
            raise ValueError("its seal is not that of its content")
        return msgspec.json.decode(content, type=RunRecord)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not a run folder, it has no {RECORD}") from error
    except DAMAGED as error:
        what = f"{path / RECORD}: damaged or of another version ({error})"
        hint = "train the model again, or, if it was edited on purpose, seal it with genoml.runs.reseal"
        raise RunError(f"{what}; {hint}") from error


def sealed_record(record: RunRecord) -> bytes:
    """Content of ``run.json``."""
    return seal_json(msgspec.json.format(msgspec.json.encode(record), indent=2))


def sealed_config(config: TrainConfig) -> bytes:
    """Content of ``config.toml``."""
    return seal_toml(config_text(config)).encode()


def reseal(path: str | PathLike[str]) -> RunRecord:
    """Seal a run whose ``run.json`` or weights were edited on purpose, or that an older version wrote.

    ``config.toml`` is written anew, from the settings in ``run.json``.

    Parameters
    ----------
    path : path
        The run folder.

    Raises
    ------
    RunError
        If a file is missing, or the record is none.
    """
    path = Path(path)
    try:
        values = msgspec.json.decode(read_plain(path / RECORD, _MOST_RECORD), type=dict[str, Any])
        values.pop("seal", None)
        record = msgspec.convert(values, RunRecord)
        record.weights = [_sha256(path / WEIGHTS)]
        record.sequences = _sha256(path / SEQUENCES) if (path / SEQUENCES).exists() else ""
    except DAMAGED as error:
        raise RunError(f"{path}: cannot be sealed ({error})") from error
    if record.config is not None:
        with write_whole(path / CONFIG) as file:
            file.write(sealed_config(record.config))
    with write_whole(path / RECORD) as file:
        file.write(sealed_record(record))
    return record


def _sha256(path: Path) -> str:
    with open_plain(path) as (file, _):
        return file_digest(file, "sha256").hexdigest()
