"""Files that a page holds, to be saved from it: scores and predictions as tables, motifs in MEME format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genoml.explain import Match
from genoml.io.meme import meme_text
from genoml.report.filters import FoundFilter
from genoml.report.motifs import FoundMotif
from genoml.sequence.motifs.motif import Motif

__all__ = ["motif_downloads", "prediction_download", "score_download"]

#: predictions that a page holds, at most
_MOST_ROWS = 10_000


def score_download(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """The table of scores."""
    if not metrics:
        return {}
    keys = list(dict.fromkeys(key for row in metrics.values() for key in row))
    rows = [[name, *(row.get(key, "") for key in keys)] for name, row in metrics.items()]
    return {"scores.tsv": _table(["", *keys], rows)}


def prediction_download(names: Sequence[str], labels: np.ndarray, predictions: np.ndarray) -> dict[str, str]:
    """Name, label and probability of each sequence; nothing of more than 10,000, which ``genoml predict`` writes."""
    if len(names) > _MOST_ROWS:
        return {}
    rows = zip(
        names, labels.astype(int).tolist(), (f"{value:.6g}" for value in predictions.tolist()), strict=True
    )
    return {"predictions.tsv": _table(["name", "label", "probability"], rows)}


def motif_downloads(filters: Sequence[FoundFilter], motifs: Sequence[FoundMotif]) -> dict[str, str]:
    """The motifs of filters, and those that were found, in MEME format, with the names of what they match."""
    files = {
        "filters.meme": [
            Motif(
                f"card_{place}_filter_{motif.index}",
                motif.probabilities,
                symbol=_symbol(match),
                n_sites=motif.n_sites or None,
            )
            for place, (motif, match, *_) in enumerate(filters, 1)
        ],
        "motifs.meme": [
            Motif(motif.name, motif.probabilities, symbol=_symbol(match), n_sites=float(motif.n_seqlets))
            for motif, match, _ in motifs
        ],
    }
    return {name: meme_text(each) for name, each in files.items() if each}


def _symbol(match: Match | None) -> str:
    return "" if match is None else "_".join((match.symbol or match.accession).split())


def _table(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in (heading, *rows))
