"""Views of sequences for a report: what each base contributes to a model's output, and attention maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain import attention_maps, deeplift, in_silico_mutagenesis, saliency
from genoml.explain.references import reference_codes
from genoml.nn.layer import Layer
from genoml.report.content import AttentionView, SequenceView
from genoml.runs.explained import THE_OUTPUT, Explained
from genoml.sequence.alphabet import PAD_CODE
from genoml.train.objectives import Objective
from genoml.train.predict import finite_outputs
from genoml.train.profile_objective import Profile
from genoml.train.trained import reading_of

__all__ = ["attention_views", "sequence_views"]

#: sequences longer than this many bp have no mutagenesis in profile networks, whose every mutant is computed whole
_LONGEST_MUTATED = 600
_REFERENCES = 20
_LETTERS = np.array(list("ACGT" + "N" * 12))


def sequence_views(
    model: Layer,
    names: Sequence[str],
    codes: NDArray[np.uint8],
    *,
    both_strands: bool | None = None,
    ambiguous: str | None = None,
    objective: Objective | None = None,
    explained: Explained = THE_OUTPUT,
) -> list[SequenceView]:
    """Prediction, DeepLIFT and mutagenesis of each sequence, without its padding.

    ``objective`` turns outputs into predictions, as in ``genoml.train.predict.predict``; what is None is as the model
    was trained. ``explained`` is the output that the bases are explained for. Without a rule of DeepLIFT for a layer
    contributions are gradient times input. Long sequences of profile networks have contributions alone.

    Shapes
    ------
    codes : (n, length), uint8
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous)
    options: dict[str, Any] = {"both_strands": read.both_strands, "ambiguous": read.ambiguous}
    named = np.where(_LETTERS == "T", "U", _LETTERS) if read.alphabet == "RNA" else _LETTERS
    wanted = reading_of(model, objective=objective).objective
    numbers = wanted.numbers(finite_outputs(model, codes, **options))
    probabilities = explained.number_of(numbers.reshape(len(codes), -1))
    method, contributions = _contributions(model, codes, explained, options)
    mutations = None
    if not isinstance(wanted, Profile) or codes.shape[1] <= _LONGEST_MUTATED:
        mutations = in_silico_mutagenesis(model, codes, task=explained.task, **options)
    views = []
    for i, name in enumerate(names):
        real = codes[i] != PAD_CODE
        letters = "".join(named[codes[i][real]])
        effects = None if mutations is None else mutations[i][real]
        found = contributions[i][real]
        views.append(SequenceView(name, letters, float(probabilities[i]), found, effects, method))
    return views


def _contributions(
    model: Layer, codes: NDArray[np.uint8], explained: Explained, options: dict[str, Any]
) -> tuple[str, NDArray[np.floating[Any]]]:
    """DeepLIFT contributions; gradient times input where a layer has no rule, or all shuffles are the sequence."""
    shuffles = reference_codes(codes, "dinucleotide", _REFERENCES, 0)
    if shuffles is not None and (shuffles != codes[:, None, :]).any():
        try:
            found = deeplift(model, codes, task=explained.task, references=shuffles, **options)
            return "DeepLIFT", found.actual
        except NotImplementedError:
            pass
    return "gradient x input", saliency(model, codes, task=explained.task, **options).actual


def attention_views(
    model: Layer, names: Sequence[str], codes: NDArray[np.uint8], *, ambiguous: str | None = None
) -> list[AttentionView]:
    """Maps of every attention layer for each sequence; none for a model without attention.

    Shapes
    ------
    codes : (n, length), uint8
    """
    maps = attention_maps(model, codes, ambiguous=ambiguous)
    return [
        AttentionView(layer, name, "".join(_LETTERS[codes[i]]), weights[i])
        for i, name in enumerate(names)
        for layer, weights in maps.items()
    ]
