"""Hits of motifs beside Fi-NeMo's: the same motifs and contributions, where each tool calls sites, and its time.

DIR/discovery is the folder of `python -m benchmarks.discovery`, with its sets and the motifs that genoml finds in
them. The package finemo is needed (`pip install finemo==0.41`, and PyTorch).
"""

from __future__ import annotations

import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement.table import Table
from benchmarks.discovery.found import Result, shared
from genoml.explain import DiscoveredMotif, call_hits

#: sets of benchmarks.discovery, and sequences of each
SETS = ("planted_0", "ctcf", "starr_dev")
_MOST = 1000
_THRESHOLD = 0.7
_NEAR_BP = 2

#: example, start, motif, strand and coefficient of hits
Sites = NDArray[np.float64]


def tables(data: Path) -> list[Table]:
    """Fi-NeMo's hits among ours, and ours among Fi-NeMo's."""
    rows = [_row(data / "discovery", name) for name in SETS]
    return [
        Table(
            "Hits beside Fi-NeMo",
            f"finemo {version('finemo')}, `fit_contribs(...)` with its own defaults (lambda 0.7, trim 0.3, "
            "contributions of the sequences' own bases), one thread; genoml: `call_hits(actual, codes, motifs)`. The "
            f"first {_MOST:,} sequences of sets of `python -m benchmarks.discovery`, and the motifs that genoml "
            "finds in the sets.",
            (
                "set",
                "sequences, motifs",
                "hits of finemo",
                "of genoml",
                f"of finemo's above their median coefficient, found within {_NEAR_BP} bp",
                "on either strand",
                "of genoml's above their median, in finemo",
                "of planted sites: finemo, genoml",
                "seconds: finemo, genoml",
            ),
            rows,
            (
                "Both minimise the same function, but for the candidates: genoml's are the windows that would be hits "
                "alone, finemo's are all, of which those below the correlation are left out afterwards. Where two "
                "motifs or both strands of a palindrome fit alike, which of them is taken is chance.",
                "Motifs are cut to their cores by either tool; finemo gives them unit norm before, genoml afterwards.",
            ),
        )
    ]


def _row(folder: Path, name: str) -> tuple[object, ...]:
    with np.load(folder / "sets" / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    codes, actual = arrays["codes"][:_MOST], arrays["actual"][:_MOST]
    motifs = [
        DiscoveredMotif(
            f"motif_{number}", each.sign, np.full_like(each.contributions, 0.25), each.contributions,
            each.hypothetical, each.example, each.start, each.strand,
        )
        for number, each in enumerate(Result.read(folder / "genoml" / f"{name}.npz").motifs)
    ]  # fmt: skip
    call_hits(actual[:10], codes[:10], motifs)  # what is compiled is compiled before the clock runs
    begun = time.perf_counter()
    found = call_hits(actual, codes, motifs)
    ours_took = time.perf_counter() - begun
    ours = np.stack(
        [found.example, found.start, found.motif, found.strand, found.coefficient], axis=1
    ).astype(np.float64)
    begun = time.perf_counter()
    theirs = finemo_hits(actual, codes, motifs)
    theirs_took = time.perf_counter() - begun
    strong, own = _above_median(theirs), _above_median(ours)
    return (
        name,
        f"{len(codes):,}, {len(motifs)}",
        len(theirs),
        len(ours),
        f"{_share(strong, ours, strand=True):.1%}",
        f"{_share(strong, ours, strand=False):.1%}",
        f"{_share(own, theirs, strand=True):.1%}",
        _planted(arrays, motifs, theirs, ours, len(codes)) if "site_start" in arrays else "",
        f"{theirs_took:.1f}, {ours_took:.2f}",
    )


def finemo_hits(
    actual: NDArray[np.float32], codes: NDArray[np.uint8], motifs: list[DiscoveredMotif]
) -> Sites:
    """Fi-NeMo's hits, with the first position of a motif's core."""
    import torch
    from finemo.data_io import trim_motif
    from finemo.hitcaller import fit_contribs

    torch.set_num_threads(1)
    cwms, masks, first = [], [], []
    for motif in motifs:
        values = (motif.contributions / np.linalg.norm(motif.contributions)).T
        for matrix in (values, values[::-1, ::-1]):
            low, high = trim_motif(matrix, 0.3)
            cwms.append(matrix)
            masks.append((np.arange(matrix.shape[1]) >= low) & (np.arange(matrix.shape[1]) < high))
            first.append(low)
    sequences = (codes[:, None, :] == np.arange(4)[:, None]).astype(np.int8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, _ = fit_contribs(
            np.stack(cwms).astype(np.float32), actual, sequences, np.stack(masks).astype(np.float32), False,
            np.full(len(cwms), _THRESHOLD, np.float32), batch_size=256, device=torch.device("cpu"),
        )  # fmt: skip
    columns: list[NDArray[Any]] = [
        table[name].to_numpy() for name in ("peak_id", "hit_start", "motif_id", "hit_coefficient")
    ]
    example, start, column, coefficient = (each.astype(np.float64) for each in columns)
    whole = column.astype(np.int64)
    strand = np.where(whole % 2, -1, 1)
    return np.stack([example, start + np.array(first)[whole], whole // 2, strand, coefficient], axis=1)


def _above_median(sites: Sites) -> Sites:
    return sites[sites[:, 4] > np.median(sites[:, 4])]


def _share(sites: Sites, others: Sites, *, strand: bool) -> float:
    """Of sites, those that one of the others lies near, of the same motif, and strand."""
    keys = [_keys(each, strand) for each in (sites, others)]
    here, _ = shared(keys[0], sites[:, 1], keys[1], others[:, 1], _NEAR_BP)
    return here / len(sites)


def _keys(sites: Sites, strand: bool) -> NDArray[np.int64]:
    """A number of each example, motif and, if wanted, strand."""
    key = sites[:, 0] * 1000 + sites[:, 2]
    return (2 * key + (sites[:, 3] > 0) if strand else key).astype(np.int64)


def _planted(
    arrays: dict[str, NDArray[Any]], motifs: list[DiscoveredMotif], theirs: Sites, ours: Sites, n: int
) -> str:
    """Shares of planted sites that a hit of any motif covers by its first position or its middle, within the site."""
    inside = arrays["site_example"] < n
    example, start = arrays["site_example"][inside], arrays["site_start"][inside]
    width = np.array([len(arrays[f"motif_{motif}"]) for motif in arrays["site_motif"][inside].tolist()])
    cores = np.array([motif.trimmed().width for motif in motifs])
    shares = []
    for sites in (theirs, ours):
        middle = sites[:, 1] + cores[sites[:, 2].astype(np.int64)] / 2
        here, _ = shared(example, start + width / 2, sites[:, 0].astype(np.int64), middle, float(_NEAR_BP))
        shares.append(f"{here / len(example):.1%}")
    return ", ".join(shares)
