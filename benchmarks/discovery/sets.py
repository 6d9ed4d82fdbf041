"""Contributions to discover motifs in: planted ones, whose sites are known, and those of trained networks.

A set is an NPZ file with ``codes`` (n, length), ``hypothetical`` (n, length, 4) and ``actual`` (n, length). A planted
one has its sites besides, ``site_example``, ``site_start``, ``site_strand`` and ``site_motif``, and the contributions
of each motif, ``motif_0``, ``motif_1`` and so on, (width, 4), with their ``names``.
"""

from __future__ import annotations

import importlib.util
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.data import split_three_ways
from genoml.explain import deeplift
from genoml.io import Motif, jaspar_motifs, read_fasta
from genoml.runs.attribute import attribute
from genoml.sequence import compare_motifs

Arrays = dict[str, NDArray[Any]]

#: motifs of a bank: positions, and bits at least
_WIDTHS, _BITS = (8, 20), 11.0
#: contribution of a site, and of a base where nothing is planted (Laplace scale), beside it
_NOISE = 0.01


def planted(
    seed: int, *, n: int = 2000, length: int = 200, motifs: int = 5, sites_each: tuple[int, int] = (1, 3)
) -> Arrays:
    """Sequences with sites of JASPAR motifs, and contributions as a network that knows these motifs would give.

    Each seed draws its motifs among those of 8 to 20 positions and at least 11 bits, of which no two match (p of
    ``compare_motifs`` 0.01 or more). A sequence has ``sites_each`` sites, 1 to 3, at random places; one that would
    overlap another is left out; a site is drawn from its matrix and lies on either strand. Hypothetical contributions
    at a site: the logarithm of the probabilities (of 0.01 at least) less its mean over the four bases, scaled so that
    the best site has 1, times the site's own strength (0.5 to 1.5). Everywhere: Laplace noise.
    """
    rng = np.random.default_rng([seed, 17])
    bank = _bank(rng, motifs)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    hypothetical = rng.laplace(0.0, _NOISE, (n, length, 4))
    hypothetical -= hypothetical.mean(axis=2, keepdims=True)
    known = [_contributions(motif) for motif in bank]
    sites = []
    for row in range(n):
        taken = np.zeros(length, bool)
        for _ in range(int(rng.integers(*sites_each, endpoint=True))):
            which, reverse = int(rng.integers(len(bank))), bool(rng.integers(2))
            start = int(rng.integers(length - bank[which].width + 1))
            at = slice(start, start + bank[which].width)
            if taken[at].any():
                continue
            taken[at] = True
            site = (rng.random(bank[which].width)[:, None] > bank[which].probabilities.cumsum(axis=1)).sum(
                axis=1
            )
            site = np.minimum(site, 3)
            values = known[which] * rng.uniform(0.5, 1.5)
            codes[row, at] = 3 - site[::-1] if reverse else site
            hypothetical[row, at] += values[::-1, ::-1] if reverse else values
            sites.append((row, start, -1 if reverse else 1, which))
    example, start, strand, motif = np.array(sites).T
    return {
        **_arrays(codes, hypothetical),
        "site_example": example,
        "site_start": start,
        "site_strand": strand.astype(np.int8),
        "site_motif": motif,
        "names": np.array([f"{motif.name} {motif.symbol}" for motif in bank]),
        **{f"motif_{number}": values for number, values in enumerate(known)},
    }


def _bank(rng: np.random.Generator, count: int) -> list[Motif]:
    """Motifs of which no two match."""
    known = jaspar_motifs()
    chosen: list[Motif] = []
    for index in rng.permutation(len(known)).tolist():
        motif = known[index]
        shares = motif.probabilities
        bits = float((shares * np.log2(np.maximum(shares, 1e-9) / 0.25)).sum())
        if not _WIDTHS[0] <= motif.width <= _WIDTHS[1] or bits < _BITS:
            continue
        if chosen and min(found.p_value.min() for found in compare_motifs([motif], chosen)) < 0.01:
            continue
        chosen.append(motif)
        if len(chosen) == count:
            break
    return chosen


def _contributions(motif: Motif) -> NDArray[np.float64]:
    """Centred logarithms of probabilities, of which the best site sums to 1."""
    values = np.log(np.maximum(motif.probabilities, 0.01))
    values -= values.mean(axis=1, keepdims=True)
    return values / values.max(axis=1).sum()


def _arrays(codes: NDArray[np.uint8], hypothetical: NDArray[Any]) -> Arrays:
    actual = np.take_along_axis(hypothetical, codes[:, :, None].astype(np.int64), axis=2)[:, :, 0]
    return {
        "codes": codes,
        "hypothetical": hypothetical.astype(np.float32),
        "actual": actual.astype(np.float32),
    }


def ctcf(limit: int | None = 3000) -> Arrays:
    """DeepLIFT's contributions of the shipped CTCF peaks to the network of ``genoml demo``."""
    from genoml.report.demo import run_demo

    records = list(read_fasta(str(files("genoml") / "resources" / "ctcf_peaks.fa.gz")))[:limit]
    with tempfile.TemporaryDirectory() as folder:
        run = run_demo(Path(folder) / "run").run
        names = [record.name for record in records]
        found = attribute(run, [record.sequence for record in records], names)
    return {
        "codes": found.codes,
        "hypothetical": found.hypothetical,
        "actual": found.actual,
        "names": np.array(names),
    }


def starr(task: int = 0) -> Arrays:
    """DeepLIFT's contributions of all windows of examples/starr_two_tasks.py to one of its outputs."""
    path = Path(__file__).parents[2] / "examples" / "starr_two_tasks.py"
    spec = importlib.util.spec_from_file_location("starr_two_tasks", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be read")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    data = example.read_enhancers()
    training, validation, _ = split_three_ways(data, validation=["validation"], test=["test"])
    model = example.train(training, validation, 20, 0)
    found = deeplift(model, data.codes, task=task)
    return {"codes": data.codes, "hypothetical": found.hypothetical, "actual": found.actual}
