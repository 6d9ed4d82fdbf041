"""Motifs in the HDF5 layout of TF-MoDISco's results, which its own report and other tools read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain import DiscoveredMotif
from genoml.io.files import FilePath, write_whole
from genoml.runs.attribute import Attributions

__all__ = ["require_h5py", "write_modisco"]

_GROUPS = {1: "pos_patterns", -1: "neg_patterns"}


def require_h5py() -> Any:
    """The module h5py; a ValueError with the remedy if it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise ValueError("HDF5 files need h5py: pip install 'genoml-xp[hdf5]'") from error
    return h5py


def write_modisco(path: FilePath, motifs: Sequence[DiscoveredMotif], attributions: Attributions) -> None:
    """Write ``pos_patterns/pattern_0/{sequence, contrib_scores, hypothetical_contribs, seqlets/...}`` and so on.

    ``seqlets`` holds ``n_seqlets, example_idx, start, end, is_revcomp``, and the seqlets' own ``sequence``,
    ``contrib_scores`` and ``hypothetical_contribs`` (n_seqlets, width, 4), read as the motif is.

    Raises
    ------
    ValueError
        If h5py is not installed.
    """
    h5py, content = require_h5py(), io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["window_size"] = attributions.actual.shape[1]
        for sign, name in _GROUPS.items():
            own = [motif for motif in motifs if motif.sign == sign]
            if own:
                group = file.create_group(name)
                for number, motif in enumerate(own):
                    _write(group.create_group(f"pattern_{number}"), motif, attributions)
    with write_whole(path) as stream:
        stream.write(content.getbuffer())


def _write(group: Any, motif: DiscoveredMotif, attributions: Attributions) -> None:
    group["sequence"] = np.asarray(motif.probabilities, np.float64)
    group["contrib_scores"] = np.asarray(motif.contributions, np.float64)
    group["hypothetical_contribs"] = np.asarray(motif.hypothetical, np.float64)
    seqlets = group.create_group("seqlets")
    seqlets["n_seqlets"] = np.array([motif.n_seqlets])
    seqlets["example_idx"], seqlets["start"] = motif.example, motif.start
    seqlets["end"] = motif.start + motif.width
    seqlets["is_revcomp"] = motif.strand < 0
    for name, values in _read_as(motif, attributions).items():
        seqlets[name] = values
    for number, part in enumerate(motif.subpatterns):
        _write(group.create_group(f"subpattern_{number}"), part, attributions)


def _read_as(motif: DiscoveredMotif, attributions: Attributions) -> dict[str, NDArray[Any]]:
    """One-hot bases and contributions of a motif's seqlets, turned where the motif lies on the other strand.

    Beyond the ends of a sequence they are 0.
    """
    position = motif.start[:, None] + np.arange(motif.width)
    within = np.clip(position, 0, attributions.codes.shape[1] - 1)
    places = (motif.example[:, None], within)
    bases = (attributions.codes[places][:, :, None] == np.arange(4)) & (position == within)[:, :, None]
    hypothetical = attributions.hypothetical[places] * (position == within)[:, :, None]
    turned = (motif.strand < 0)[:, None, None]
    values = {
        "sequence": bases,
        "contrib_scores": hypothetical * bases,
        "hypothetical_contribs": hypothetical,
    }
    return {
        name: np.where(turned, each[:, ::-1, ::-1], each).astype(np.float32) for name, each in values.items()
    }
