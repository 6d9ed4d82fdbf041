"""Choice of the network for labels 0 and 1 on validation data: baselines, and short trials where they leave it open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any, get_args

import msgspec
import numpy as np

from genoml.backend import Backend
from genoml.data import SequenceData
from genoml.data.checks import FitCheck
from genoml.metrics import auroc
from genoml.models import build_model
from genoml.runs.assess import MOST_FOR_BASELINE, some_examples
from genoml.runs.baseline import KmerBaseline
from genoml.runs.config import TrainConfig
from genoml.runs.site_baselines import composition_baseline, positional_baseline
from genoml.sequence.alphabet import PAD_CODE
from genoml.train import fit

#: validation sequences of the rarer class below which nothing is chosen by them
_FEWEST = 20
#: training sequences up to which an ensemble is trained
_SMALL = 20_000
#: length up to which a network has weights for each position
_LONGEST_BP = 1000
#: how much better than k-mers positions must be in AUROC for a network that knows them; from how much worse on they
#: are not tried
_BETTER, _WORSE = 0.02, 0.05
#: names of the baselines, as lines and records have them
TRAITS, KMERS, ONE_STRAND, POSITIONS = (
    "length and GC alone", "6-mers", "6-mers of one strand", "base at each position",
)  # fmt: skip


def choose_network(
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    backend: Backend,
    say: Callable[[str], object],
) -> tuple[TrainConfig, dict[str, float]]:
    """Settings with the network, its strands and the number of members in place of ``model = "auto"``.

    Baselines are trained first. Where the base at each position is best among them (sites at one place of every
    sequence), the network is ``site_cnn``, on one strand. Where it is near the k-mers, ``site_cnn`` and ``motif_cnn``
    are trained for a third of the epochs, and the better one is taken. Otherwise it is ``motif_cnn``. Up to 20,000
    training sequences it becomes an ensemble. All together takes at most three times as long as one ``motif_cnn``.
    What the settings say themselves (strands, members) is kept.

    Parameters
    ----------
    data, validation : SequenceData
        Sequences with one label each.
    config : TrainConfig
        Settings, whose ``model`` is ``"auto"``.
    backend : Backend
        Where the trials are trained.
    say : callable
        Told of each thing that is tried or chosen, a line each.

    Returns
    -------
    TrainConfig, dict
        The settings; AUROC in validation of each baseline.
    """
    chosen, scores = "motif_cnn", dict[str, float]()
    strands, tried = config.reverse_complement, False
    positives = int(np.sum(validation.targets[:, 0] == 1))
    rarer = min(positives, len(validation) - positives)
    if rarer < _FEWEST:
        say(f"auto: motif_cnn, as {len(validation)} validation sequences are too few to choose by")
    else:
        scores = baseline_scores(data, validation, config)
        listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
        say(f"auto: AUROC of baselines in validation: {listed}")
        both = config.reads_both_strands(data.alphabet)
        gap = scores.get(POSITIONS, 0.0) - max(scores[KMERS], scores.get(ONE_STRAND, 0.0))
        if gap >= _BETTER:
            chosen = "site_cnn"
            say("auto: site_cnn, which knows positions, as they say more than k-mers")
        elif gap >= -_WORSE:
            tried = True
            chosen = _try_both(data, validation, config, backend, say)
        else:
            say("auto: motif_cnn, which finds motifs anywhere")
        if chosen == "site_cnn" and strands is None:
            strands = False
        # a difference of AUROC that chance does not make among so few
        margin = 0.01 + 0.1 / sqrt(rarer)
        if strands is None and both and scores[ONE_STRAND] > scores[KMERS] + margin:
            strands = False
        if both and strands is False and config.reverse_complement is None:
            say("auto: one strand is read, as it says more than both; reverse_complement = true reads both")
    members = config.members
    if members is None:
        members = 1 if len(data) > _SMALL else 2 if tried and chosen == "motif_cnn" else 3
        if members > 1:
            say(f"auto: {members} members from different initial weights, whose outputs are averaged")
    shift_bp = _shift(config, chosen, data) if tried else config.shift_bp
    return msgspec.structs.replace(
        config, model=chosen, reverse_complement=strands, members=members, shift_bp=shift_bp
    ), scores


def _shift(config: TrainConfig, network: str, data: SequenceData) -> int | None:
    """Random shift of sites that k-mers find as well as positions do: their place is not exact to the base."""
    vague = config.shift_bp is None and network == "site_cnn"
    return data.codes.shape[1] // 20 if vague else config.shift_bp


def baseline_scores(data: SequenceData, validation: SequenceData, config: TrainConfig) -> dict[str, float]:
    """AUROC in validation of each baseline by name; that of positions for sequences of one length alone."""
    rows = some_examples(data.targets[:, 0], MOST_FOR_BASELINE, config.seed)
    codes, targets = data.codes[rows], data.targets[rows]
    both, ambiguous = config.reads_both_strands(data.alphabet), config.ambiguous
    baselines: dict[str, Any] = {
        TRAITS: composition_baseline(),
        KMERS: KmerBaseline(both_strands=both, ambiguous=ambiguous),
    }
    if both:
        baselines[ONE_STRAND] = KmerBaseline(both_strands=False, ambiguous=ambiguous)
    held = validation.codes[np.arange(len(validation))]
    if codes.shape[1] <= _LONGEST_BP and not any((part == PAD_CODE).any() for part in (codes, held)):
        baselines[POSITIONS] = positional_baseline(bool(config.reverse_complement), ambiguous)
    found = {name: each.fit(codes, targets).predict(held) for name, each in baselines.items()}
    return {
        name: float(auroc(np.asarray(p, np.float64), validation.targets[:, 0])) for name, p in found.items()
    }


def _try_both(
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    backend: Backend,
    say: Callable[[str], object],
) -> str:
    """The better of both networks after a third of the epochs."""
    scores = {}
    for name, strands in (
        ("motif_cnn", config.reverse_complement),
        ("site_cnn", config.reverse_complement or False),
    ):
        shift_bp = _shift(config, name, data)
        settings = msgspec.structs.replace(config, model=name, reverse_complement=strands, shift_bp=shift_bp)
        settings = settings.for_data(data.codes.shape[1], alphabet=data.alphabet)
        epochs = max(1, settings.n_epochs // 3)
        settings = msgspec.structs.replace(settings, epochs=epochs)
        model = build_model(name, settings.model_options, seed=config.seed, backend=backend)
        options = settings.fit_options(config.sampler.epoch_size(data.targets))
        options = replace(options, no_checks=get_args(FitCheck))  # of the training itself
        history = fit(model, data, validation=validation, options=options, progress=None)
        if history.interrupted:
            raise KeyboardInterrupt
        scores[name] = -np.inf if history.best is None else history.best.get("validation_auroc", -np.inf)
        say(f"auto: {name} after {epochs} epochs: AUROC {scores[name]:.4f} in validation")
    best = max(scores, key=lambda name: scores[name])
    say(f"auto: {best}, the better one")
    return best
