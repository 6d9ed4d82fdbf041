"""Facts about a run: the first line of its page, how it was made, and what simple methods reach in validation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from genoml.report.cards import is_clear
from genoml.report.filters import FoundFilter
from genoml.report.motifs import FoundMotif
from genoml.runs import Run, RunRecord
from genoml.runs.record import WEIGHTS
from genoml.runs.score_baselines import baseline_score
from genoml.runs.tasks import LABELS

__all__ = ["first_line", "known_motifs", "model_name", "run_details", "validation_rows"]

#: motifs named in the first line, at most
_NAMED = 3
#: words for negatives that were made
_MADE = {"shuffle": "their dinucleotide shuffles", "gc": "windows of the genome with the same GC content"}


def model_name(record: RunRecord) -> str:
    """The network of a run, in words."""
    if record.source is not None:
        return f"the network of {', '.join(record.source.files)}"
    return "the network" if record.config is None else record.config.title


def first_line(
    record: RunRecord, result: str, motifs: Sequence[FoundMotif] = (), filters: Sequence[FoundFilter] = ()
) -> str:
    """What a network was trained on, what it reaches, also beside a simple method, and which known motifs it looks for.

    ``result`` is what it reaches on the sequences of the page: a sentence without its full stop whose subject is the
    network; empty of a page without scores.
    """
    trained, validation = _trained_on(record), _in_validation(record)
    if result and validation:
        result += f"; in validation it {validation}"
    elif validation:
        result = f"{validation} in validation"
    if not result:
        return known_motifs(motifs, filters).strip()
    beginning = f"Trained on {trained}, {model_name(record)}" if trained else model_name(record)
    return f"{beginning} {result}.{known_motifs(motifs, filters)}"


def known_motifs(motifs: Sequence[FoundMotif], filters: Sequence[FoundFilter]) -> str:
    """Sentence that names the known motifs that found ones clearly match, those that raise the output.

    Of filters, where there are no such motifs; empty if nothing is matched.
    """
    found = [each for each in motifs if each[0].sign > 0] or filters
    named = [
        f"{match.symbol} ({match.accession})" if match.symbol else match.accession
        for motif, match, *_ in found
        if match is not None and is_clear(motif.probabilities, match)
    ]
    named = list(dict.fromkeys(named))[:_NAMED]
    return f" It looks for {_and(named)}." if named else ""


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _trained_on(record: RunRecord) -> str:
    """The data of the training in a few words; empty if they are not known."""

    def named(key: str) -> str:
        # several files are one text, or further keys: "regions", "regions 2"
        kept = [str(value) for name, value in record.data.items() if re.fullmatch(rf"{key}( \d+)?", name)]
        return ", ".join(Path(word).name for text in kept for word in text.split(", ") if word)

    negatives = str(record.data.get("negatives", ""))
    positives = named("positives") or named("regions") or named("table") or named("h5ad")
    return f"{positives} against {_MADE.get(negatives) or named('negatives')}" if negatives else positives


def _in_validation(record: RunRecord) -> str:
    """What the network and a simple method reach on the validation data; empty if it is not known."""
    held_out, score = record.held_out, baseline_score(record.task)
    if score not in held_out.scores:
        return ""
    reached = f"reaches {LABELS[score]} {held_out.scores[score]:.3f}"
    if score not in held_out.baseline:
        return reached
    return f"{reached} ({record.task.baseline} {held_out.baseline[score]:.3f})"


def validation_rows(record: RunRecord) -> dict[str, dict[str, float]]:
    """Scores of the network and of simple methods on the validation data of the training."""
    held_out = record.held_out
    if not held_out.baseline and not record.baselines:
        return {}
    keys = [key for key in LABELS if key in held_out.scores]
    rows = {model_name(record): {key: held_out.scores[key] for key in keys}}
    if held_out.baseline:
        rows[record.task.baseline] = {key: held_out.baseline[key] for key in keys if key in held_out.baseline}
    score = baseline_score(record.task)
    return rows | {f"{name}, tried at first": {score: value} for name, value in record.baselines.items()}


def run_details(run: Run, command: str = "") -> dict[str, str]:
    """Facts about how a run, and the page about it, were made."""
    record = run.record
    config, data, source = record.config, record.data, record.source
    of_epochs = "" if config is None else f" of {config.epochs}"
    epochs = f"best epoch {record.best_epoch}{of_epochs}" if record.best_epoch is not None else ""
    options = {} if config is None else config.model_options
    roles = dict.fromkeys(("positives", "negatives", *data.get("hashes", {})))
    facts = {
        "licence": "" if source is None else source.licence,
        "model": ", ".join(filter(None, [model_name(record), epochs, record.status])),
        "options": ", ".join(f"{key} {value}" for key, value in options.items()),
        "task": "" if record.task.kind == "binary" else f"{record.task.kind}: {', '.join(record.task.names)}",
        **{role: str(data.get(role, "")) for role in roles},
        "bias model": "" if config is None else config.data.bias or "",
        "examples": f"{data.get('n_training', '?')} to train on, {data.get('n_validation', '?')} to validate"
        if source is None
        else "",
        "length": f"{record.length_bp} bp",
        "notes": "; ".join(record.notes),
        "warnings": "; ".join(record.warnings.values()),
        "trained": _day(run.path / WEIGHTS),
        "command": command,
        "backend": ", ".join(record.backend.values()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "seed": str(record.seed),
        "hashes of the data": _hashes(data.get("hashes", {})),
        "hash of the weights": ", ".join(record.weights[:1]),
    }
    return {key: value for key, value in facts.items() if value}


def _hashes(hashes: Mapping[str, str]) -> str:
    return ", ".join(f"{role} {digest}" for role, digest in hashes.items())


def _day(path: Path) -> str:
    """The day on which a file was written; empty without one."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat() if path.exists() else ""
