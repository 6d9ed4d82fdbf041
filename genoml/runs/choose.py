"""Choice of the network on validation data: baselines, and short trials of the networks that they leave open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from statistics import mean
from typing import get_args

import msgspec
import numpy as np

from genoml.backend import Backend
from genoml.data import SequenceData
from genoml.data.checks import FitCheck
from genoml.data.splits import FoldsBy, k_folds
from genoml.parallel import ONE_RANK, Ranks
from genoml.runs.config import TrainConfig
from genoml.runs.make_task import make_task
from genoml.runs.score_baselines import POSITIONS, baseline_scores, kmer_names
from genoml.runs.settle_task import network_for
from genoml.runs.tasks import LABELS, TaskRecord, begin_at_mean, build_network
from genoml.train import fit

#: validation sequences of the rarer class below which nothing is chosen by them
_FEWEST = 20
#: folds of the training part in which the baselines are compared then
_FOLDS = 5
#: training sequences up to which an ensemble is trained
_SMALL = 20_000
#: training sequences up to which batches are small, and promoter_cnn is tried, with these options
_FEW = 5_000
_FEW_OPTIONS = {"filters": 128, "kernel_size": 11}
#: how much better than k-mers positions must be for a network that knows them; from how much worse on they are not
#: tried
_BETTER, _WORSE = 0.02, 0.05
#: what each network is good at, for the lines
_WHY = {
    "promoter_cnn": "one layer of motifs, for few sequences",
    "site_cnn": "which knows positions, as they say more than k-mers",
    "motif_cnn": "which finds motifs anywhere",
}


def choose_network(
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    backend: Backend,
    say: Callable[[str], object],
    task: TaskRecord | None = None,
    ranks: Ranks = ONE_RANK,
) -> tuple[TrainConfig, dict[str, float]]:
    """Settings with the network, its strands and the number of members in place of ``model = "auto"``.

    Baselines are trained first. Where the base at each position is best among them (sites at one place of every
    sequence), the network is ``site_cnn``, on one strand. Otherwise it is ``motif_cnn``, or a better one of those
    that are tried for a third of their epochs: ``site_cnn`` where positions are near the k-mers, and up to 5,000
    training sequences ``promoter_cnn``, one layer of motifs. With few validation sequences nothing is tried: it is
    ``site_cnn`` or ``promoter_cnn``, by baselines in folds of the training part. Up to 20,000 training sequences it
    becomes an ensemble. All together takes at most about three times as long as one ``motif_cnn``. What the
    settings say themselves (strands, members, epochs, batches) is kept.

    Parameters
    ----------
    data, validation : SequenceData
        Sequences with their targets.
    config : TrainConfig
        Settings, whose ``model`` is ``"auto"``.
    backend : Backend
        Where the trials are trained.
    say : callable
        Told of each thing that is tried or chosen, a line each.
    task : TaskRecord, optional
        The task; labels 0 and 1 if None.
    ranks : Ranks
        Processes that train the trials together; baselines are rank 0's.

    Returns
    -------
    TrainConfig, dict
        The settings; the score in validation of each baseline.
    """
    task = task or TaskRecord()
    rarer = _rarer(validation, task)
    if config.best_within is None and config.patience is None:
        config = msgspec.structs.replace(config, best_within=0.25 / sqrt(max(rarer, 1)))
    if len(data) <= _FEW:
        config = msgspec.structs.replace(config, batch_size=config.batch_size or 32)
    enough = rarer >= _FEWEST
    scores = ranks.on_first(
        lambda: baseline_scores(data, validation, config, task) if enough else _in_folds(data, config, task)
    )
    listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    if not enough:
        say(f"auto: {len(validation)} validation sequences are too few to choose by")
    if scores:
        where = "validation" if enough else f"{_FOLDS} folds of the training part"
        say(f"auto: {_label(task)} of baselines in {where}: {listed}")
    open_ones = _candidates(data, config, task, scores, rarer if enough else _rarer(data, task))
    tried = enough and len(open_ones) > 1
    if tried:
        chosen = _try_each(open_ones, data, validation, task, backend, say, ranks)
    else:
        chosen = open_ones[min(1, len(open_ones) - 1) if len(data) <= _FEW else 0]
        short = network_for(config, data.codes.shape[1]) == "site_cnn"
        say(f"auto: {chosen.model}, {'as the sequences are short' if short else _WHY[chosen.model]}")
    if chosen.reverse_complement is False and config.reads_both_strands(data.alphabet):
        say("auto: one strand is read, as it says more than both; reverse_complement = true reads both")
    members = config.members or _members(len(data), chosen.model, tried)
    if members > 1 and config.members is None:
        say(f"auto: {members} members from different initial weights, whose outputs are averaged")
    return msgspec.structs.replace(chosen, members=members), scores if enough else {}


def _in_folds(data: SequenceData, config: TrainConfig, task: TaskRecord) -> dict[str, float]:
    """The mean score of each baseline over folds of the training part; none of too few sequences."""
    if _rarer(data, task) < _FEWEST:
        return {}
    by: FoldsBy = "class" if task.kind == "binary" else "random"
    found = [baseline_scores(*parts, config, task) for parts in k_folds(data, _FOLDS, config.seed, by=by)]
    return {
        name: mean(each[name] for each in found) for name in found[0] if all(name in each for each in found)
    }


def _rarer(data: SequenceData, task: TaskRecord) -> int:
    """Sequences of the rarer class; half of all where there are no two classes."""
    if task.kind != "binary":
        return len(data) // 2
    positives = int(np.sum(data.targets[:, 0] == 1))
    return min(positives, len(data) - positives)


def _label(task: TaskRecord) -> str:
    """The score of baselines in words."""
    return "Pearson's r of log counts" if task.kind == "counts" else LABELS[task.score]


def _members(count: int, network: str, tried: bool) -> int:
    """Members of an ensemble for ``count`` training sequences, by the time that they take."""
    if count > _SMALL:
        return 1
    return {"promoter_cnn": 5, "motif_cnn": 2 if tried else 3}.get(network, 3)


def _candidates(
    data: SequenceData, config: TrainConfig, task: TaskRecord, scores: dict[str, float], rarer: int
) -> list[TrainConfig]:
    """Settings of the networks that the baselines leave open."""
    kmers, one_strand = (scores.get(name, -1.0) for name in kmer_names(task))
    gap = scores[POSITIONS] - max(kmers, one_strand) if POSITIONS in scores else -1.0
    sites = msgspec.structs.replace(
        config, model="site_cnn", reverse_complement=bool(config.reverse_complement)
    )
    if gap >= _BETTER or network_for(config, data.codes.shape[1]) == "site_cnn":
        return [sites]
    # a difference that chance does not make among so few
    if config.reverse_complement is None and one_strand > kmers + 0.01 + 0.1 / sqrt(rarer):
        config = msgspec.structs.replace(config, reverse_complement=False)
    found = [msgspec.structs.replace(config, model="motif_cnn")]
    if len(data) <= _FEW:
        epochs = config.epochs or 40
        found.append(
            msgspec.structs.replace(config, model="promoter_cnn", model_options=_FEW_OPTIONS, epochs=epochs)
        )
    if gap >= -_WORSE:  # k-mers find the sites as well: their place is not exact to the base
        shift_bp = data.codes.shape[1] // 20 if config.shift_bp is None else config.shift_bp
        found.append(msgspec.structs.replace(sites, shift_bp=shift_bp))
    return found


def _try_each(
    candidates: list[TrainConfig],
    data: SequenceData,
    validation: SequenceData,
    task: TaskRecord,
    backend: Backend,
    say: Callable[[str], object],
    ranks: Ranks,
) -> TrainConfig:
    """The best of the candidates after a third of their epochs."""
    scores = []
    for config in candidates:
        shape = data.codes.shape[1], data.targets.shape[1]
        settings = config.for_data(shape[0], alphabet=data.alphabet, n_outputs=shape[1])
        epochs = max(1, settings.n_epochs // 3)
        settings = msgspec.structs.replace(settings, epochs=epochs, members=1)
        own, _ = make_task(data, settings)
        model = build_network(settings, own, backend)
        begin_at_mean(model, own)
        options = settings.fit_options(
            settings.sampler.epoch_size(data.targets), objective=own.objective(settings)
        )
        options = replace(options, no_checks=get_args(FitCheck))  # of the training itself
        history = fit(model, data, validation=validation, options=options, progress=None, ranks=ranks)
        if history.interrupted:
            raise KeyboardInterrupt
        best = history.best or {}
        scores.append(best.get(f"validation_{task.score}", -np.inf))
        say(
            f"auto: {config.model} after {epochs} epochs: {LABELS[task.score]} {scores[-1]:.4f} in validation"
        )
    chosen = candidates[int(np.argmax(scores))]
    say(f"auto: {chosen.model}, the {'better' if len(candidates) == 2 else 'best'} one")
    return chosen
