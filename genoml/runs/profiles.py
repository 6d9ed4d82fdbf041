"""The task profile: its data from bigWig files, its settings of the network, and the bias model of another run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from genoml.data import ProfileData, profile_data
from genoml.data.profiles import replicate_tracks
from genoml.genome.store import GenomeStore
from genoml.models import check_options, join_profile, model_spec
from genoml.nn import Ensemble
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings, found_files
from genoml.runs.make_task import check_settings
from genoml.runs.score import read_known
from genoml.runs.tasks import TaskRecord
from genoml.sequence.intervals import Intervals
from genoml.train import Profile

if TYPE_CHECKING:
    from genoml.nn.layer import Layer
    from genoml.runs.record import RunRecord
    from genoml.runs.run import Run

#: length of the windows of published profile networks
_PUBLISHED_BP = 2114
#: options of the network that follow from the data
_OF_DATA = ("tracks", "profile_length_bp", "control_tracks")


def read_profiles(
    settings: DataSettings,
    config: TrainConfig,
    store: GenomeStore,
    regions: Intervals,
    signal: Sequence[str],
    control: Sequence[str],
    length_bp: int | None,
) -> ProfileData:
    """Windows around regions with the profiles of their signal; errors as in ``profile_data``."""
    if not signal:
        raise ValueError("task profile: expects --signal, bigWig files of reads, one a track")
    if settings.negatives:
        raise ValueError(
            "task profile: negatives have no value; add their regions to --regions, or leave them out"
        )
    if len(signal) > 1 and settings.strands is None:
        raise ValueError(
            f"{len(signal)} signals: expects --strands (data.strands), a letter each: +- for the two strands of one "
            "experiment, . for a signal without strands"
        )
    _expect_bpnet(config)
    width = settings.window_bp or length_bp or _PUBLISHED_BP
    data = profile_data(
        store, regions, list(signal), control=list(control), strands=settings.strands, length_bp=width,
        profile_bp=_profile_bp(settings, config, width), edges=settings.edges,
    )  # fmt: skip
    for file, reads in zip(signal, data.totals.sum(axis=0), strict=True):
        if not reads:
            raise ValueError(
                f"{file}: has no reads in any of {len(data)} windows; is this the signal of these regions?"
            )
    return data


def _profile_bp(settings: DataSettings, config: TrainConfig, width: int) -> int:
    """Positions of a profile: as the settings say, or as many as the network has from windows of this length."""
    given = settings.profile_bp or config.model_options.get("profile_length_bp")
    if given is not None:
        if given > width or (width - given) % 2:
            raise ValueError(
                f"profiles of {given} bp are expected in the middle of windows, shorter by an even number of "
                f"bp, got windows of {width} bp; change --profile-bp or --window-bp"
            )
        return int(given)
    own = {key: value for key, value in config.model_options.items() if key not in _OF_DATA}
    shortest = model_spec("bpnet").min_length_bp(**check_options("bpnet", {**own, "profile_length_bp": 1}))
    if width < shortest:
        raise ValueError(
            f"windows of {width} bp are shorter than the model reads (at least {shortest} bp); choose a larger "
            "--window-bp, or fewer dilated_layers in model_options"
        )
    return width - shortest + 1


def _expect_bpnet(config: TrainConfig) -> None:
    if config.model not in ("bpnet", TrainConfig().model):
        raise ValueError(f"model: expects bpnet for the task profile, got {config.model}")


def profile_config(config: TrainConfig, data: ProfileData) -> TrainConfig:
    """Settings with the network for profiles, and its options that follow from the data.

    Raises
    ------
    ValueError
        If the settings name another network, or other sizes than the data have.
    """
    _expect_bpnet(config)
    controls = 0 if data.control is None else data.control.shape[1]
    found = dict(zip(_OF_DATA, (data.targets.shape[1], data.targets.shape[2], controls), strict=True))
    for key, value in found.items():
        if config.model_options.get(key, value) != value:
            raise ValueError(
                f"model_options.{key}: expects {value}, as the data have, got {config.model_options[key]}; leave it out"
            )
    return msgspec.structs.replace(
        config,
        model="bpnet",
        model_options=config.model_options | found,
        data=msgspec.structs.replace(config.data, task="profile"),
    )


def profile_task(data: ProfileData, config: TrainConfig) -> tuple[TaskRecord, list[str]]:
    """The task of training data, with the weight of their counts, and a line that says it; as ``make_task``."""
    check_settings("profile", config)
    weight = Profile(*data.targets.shape[1:]).for_data(data).count_weight
    record = TaskRecord(
        kind="profile",
        names=list(data.target_names),
        strands=data.strands,
        profile_bp=data.targets.shape[2],
        count_weight=float(weight),
        mean=np.log1p(data.totals).mean(axis=0).tolist(),
    )
    stranded = zip(data.target_names, data.strands, strict=False) if data.strands.strip(".") else ()
    of_each = ", ".join(f"{name} {strand}" for name, strand in stranded)
    line = f"profiles: {data.totals.mean():.1f} reads a window and track, counts weigh {weight:.2f}"
    return record, [line + (f"; strands: {of_each}" if of_each else "")]


def expect_bias(bias: Run, data: ProfileData) -> None:
    """Raise ValueError unless a run's network can be the bias model of profiles like these."""
    record = bias.record
    options = {} if record.config is None else record.config.model_options
    tracks, length = data.targets.shape[1:]
    if record.task.kind != "profile" or record.task.bias or options.get("control_tracks"):
        raise ValueError(
            f"{bias.path}: a bias model expects a run of genoml train --task profile, without --control and --bias"
        )
    if isinstance(bias.model, Ensemble):
        raise ValueError(
            f"{bias.path}: a bias model expects one network, got {len(bias.model)}; train it with --members 1"
        )
    if record.task.strands != data.strands:
        raise ValueError(
            f"{bias.path}: was trained with --strands {record.task.strands}, and the data have {data.strands}; train "
            "it with the same"
        )
    if (options["tracks"], options["profile_length_bp"]) != (tracks, length):
        raise ValueError(
            f"{bias.path}: predicts {options['tracks']} profiles of {options['profile_length_bp']} bp, and the data "
            f"have {tracks} of {length} bp; train it with the same --signal, --window-bp and --profile-bp"
        )


def put_bias(model: Layer, bias: Run) -> None:
    """Copy the weights of a bias model into the network that was built around it, or each of several."""
    for member in model if isinstance(model, Ensemble) else [model]:
        frozen = member.children["bias"].children["layer"]
        frozen.params, frozen.state = dict(bias.model.params), dict(bias.model.state)


def note_bias(record: RunRecord, bias: Run, hashes: np.ndarray) -> None:
    """Write down the bias model of a run that begins, and warn of sequences that it has learned itself.

    Parameters
    ----------
    record : RunRecord
        Of the run.
    bias : Run
        The bias model.
    hashes : (n,) uint64
        Of the sequences of the run.
    """
    record.data["bias_weights"] = bias.record.weights[0]
    record.notes.append(f"bias model: {bias.record.training.title} of {bias.path}, frozen")
    known = read_known(bias.path, bias.record)
    shared = 0 if known is None else int(np.isin(hashes, known.hashes).sum())
    if shared and "bias" not in record.training.no_checks:
        record.warnings["bias"] = (
            f"{shared} of {len(hashes)} sequences have trained the bias model too, which then explains what the "
            "network should learn; train it on regions without peaks"
        )


def replicate_outputs(data: ProfileData, files: Sequence[str]) -> np.ndarray:
    """Reads of a replicate as a network's outputs, log k and log(1 + n), which the objective scores; (n, outputs).

    Errors as in ``replicate_tracks``. A window without reads of the replicate has a flat profile.
    """
    tracks = replicate_tracks(data, found_files(list(files), "replicate"))
    reads = np.asarray(tracks[:], np.float64)
    outputs: np.ndarray = join_profile(np.log(np.maximum(reads, 1e-12)), np.log1p(reads.sum(axis=2)))
    return outputs
