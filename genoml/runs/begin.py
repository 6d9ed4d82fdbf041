"""Beginning of a training: its record, the network where settings say ``auto``, and weights of another run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from genoml.backend import Backend
from genoml.data import ProfileData, SequenceData, ShuffledNegatives
from genoml.data.checks import check_split, check_windows
from genoml.data.peaks import genome_of
from genoml.data.traits import TrainedOn, Traits
from genoml.nn.layer import Layer
from genoml.parallel import ONE_RANK, Ranks
from genoml.runs.choose import choose_network
from genoml.runs.config import TrainConfig
from genoml.runs.folder import RunFolder
from genoml.runs.make_task import make_task
from genoml.runs.profiles import note_bias, profile_task
from genoml.runs.record import RECORD, RunError, RunRecord, read_record
from genoml.runs.run import Run, load_run
from genoml.runs.tasks import guess_task
from genoml.train import take_weights
from genoml.train.fingerprint import versions
from genoml.train.transfer import apart_lines, frozen_parameters, rates_of

#: options of a network that belong to its data
_OF_DATA = ("length_bp", "n_outputs")
#: a sequence of this many median lengths is long, and a shift of more than such a part of it large
_LONG = 4


def new_record(
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    backend: Backend,
    bias: Run | None,
    tell: Callable[[str], None],
    ranks: Ranks,
) -> tuple[RunRecord, TrainedOn]:
    """Record of a run that begins, with what the checks of its data found, and what it is trained on."""
    shuffled = isinstance(data, ShuffledNegatives)
    length_bp, n_outputs = data.codes.shape[1], data.targets.shape[1]
    config, tried, baselines = settle_network(config, data, validation, backend, tell, ranks)
    config = config.for_data(length_bp, shuffled=shuffled, alphabet=data.alphabet, n_outputs=n_outputs)
    task, chosen = profile_task(data, config) if isinstance(data, ProfileData) else make_task(data, config)
    if bias is not None:
        task = msgspec.structs.replace(task, bias=bias.record.training.model_options)
    # another number of threads gives other bits, so the record keeps it
    config = msgspec.structs.replace(config, threads=config.threads or ranks.threads(backend))
    both = bool(config.reverse_complement)
    parts = [Traits.of_data(part, task.targets_are, both_strands=both) for part in (data, validation)]
    record = RunRecord(
        config=config,
        length_bp=length_bp,
        alphabet=data.alphabet,
        data={"n_training": len(data), "n_validation": len(validation)},
        warnings=check_split(*parts, skip=config.no_checks),
        notes=[*chosen, *_lengths(parts, config, data), *_strands(data.alphabet, config)],
        auto=tried,
        baselines=baselines,
        task=task,
        seed=config.seed,
        ranks=ranks.count,
        backend={"name": backend.name, **backend.describe()},
        versions=versions(backend),
    )
    if "overlap" not in config.no_checks:
        record.warnings |= check_windows(data, validation)
    if (store := genome_of(data)) is not None:
        record.data["genome_bases"] = store.bases_digest
    known = TrainedOn.of_parts([data, validation], [part.hashes for part in parts])
    if bias is not None:
        note_bias(record, bias, known.hashes)
    return record, known


def _lengths(parts: Sequence[Traits], config: TrainConfig, data: SequenceData) -> list[str]:
    """Lines if a few long sequences decide what all are padded to, or shifts move much of sequences out of view."""
    length_bp = np.concatenate([part.length_bp for part in parts])
    longest, median = length_bp.max(), np.median(length_bp)
    shift_bp, said = config.shift_bp or 0, list[str]()
    if shift_bp * _LONG > median and genome_of(data) is None:
        said = [
            f"shift_bp: moves up to {shift_bp} of {median:.0f} bp out of view; windows of a genome lose none"
        ]
    if longest <= _LONG * median:
        return said
    long = int((length_bp > _LONG * median).sum())
    return [
        *said,
        f"all sequences are padded to the longest, {longest} bp; half have {median:.0f} bp or less, {long} more than "
        f"{_LONG} times that",
    ]


def _strands(alphabet: str, config: TrainConfig) -> list[str]:
    """A line about RNA, which has one strand."""
    if alphabet != "RNA":
        return []
    if config.reverse_complement:
        return ["RNA (letter U): both strands are read, as the settings say"]
    return ["RNA (letter U): one strand is read, by the network and by the baseline"]


def settle_network(
    config: TrainConfig,
    data: SequenceData,
    validation: SequenceData,
    backend: Backend,
    say: Callable[[str], object],
    ranks: Ranks = ONE_RANK,
) -> tuple[TrainConfig, list[str], dict[str, float]]:
    """Settings that name a network, the lines of what was tried, and the score of baselines in validation.

    ``auto`` is the network of the run to begin with, if there is one; else the one that ``choose_network`` finds.
    """
    if config.model != "auto":
        return config, [], {}
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        say(line)

    if config.init is not None:
        other = read_record(config.init).config
        if other is not None:
            options = {key: value for key, value in other.model_options.items() if key not in _OF_DATA}
            tell(f"auto: {other.title}, the network of {config.init}")
            members = config.members or other.members
            changed = msgspec.structs.replace(
                config, model=other.network, model_options=options, members=members
            )
            return changed, lines, {}
    if (config.data.task or guess_task(data)) == "profile" or config.init is not None:
        return msgspec.structs.replace(config, model=config.network), lines, {}
    task, _ = make_task(data, config)
    config, scores = choose_network(data, validation, config, backend, tell, task, ranks)
    return config, lines, scores


def begin_with(run: str, model: Layer) -> tuple[str, str]:
    """Give a model the weights of a run, as far as they fit; their sha256, and a line that says which did.

    Raises
    ------
    RunError, CheckpointError
        If there is no such run, or it is damaged.
    ValueError
        If nothing fits.
    """
    other = load_run(run, model.backend)
    try:
        taken = take_weights(model, other.model)
    except ValueError as error:
        raise ValueError(f"{run}: {error}") from error
    return other.record.weights[0], f"begun with {run}: {taken}"


def set_apart(record: RunRecord, model: Layer) -> None:
    """Write down which parameters are frozen, and which have learning rates of their own; a line about each.

    Raises
    ------
    ValueError
        If a pattern matches no parameter.
    """
    config = record.training
    frozen = frozen_parameters(model, config.freeze)
    record.frozen = [path for path in model.params if path in frozen]
    record.rates = rates_of(model, config.learning_rates, frozen, 1.0)
    record.notes += apart_lines(model, frozen, record.rates, begun=config.init is not None)


def begin_again(folder: RunFolder, model: Layer) -> None:
    """Do so for a run that was stopped before its first checkpoint.

    Raises
    ------
    RunError
        If the other run has gone, or has other weights by now.
    """
    init = str(folder.record.training.init)
    place = os.path.dirname(folder.place_of(os.path.join(init, RECORD)))
    digest, _ = begin_with(place, model)
    if digest != folder.record.data.get("init_weights"):
        raise RunError(f"{place}: has other weights than {folder.path} was begun with; train anew")
