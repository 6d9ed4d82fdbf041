"""A small genome with sites of a motif, and bigWig files of reads that lie around them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genoml.io.bigwig import write_bigwig
from genoml.sequence import base_codes, decode
from genoml.sequence.intervals import Intervals

MOTIF = "TGACTCATC"
#: reads at these distances from a site's first base, on the site's own strand and on the other one
PEAKS = ((3, 40.0), (9, 20.0))


@dataclass(frozen=True)
class Planted:
    """Files, the sites as intervals, and the reads (2, bp) of each chromosome, plus and minus."""

    genome: Path
    plus: Path
    minus: Path
    sites: Intervals
    reads: dict[str, np.ndarray]


def planted_profiles(folder: Path, sites: int = 20, chromosomes: int = 2, *, seed: int = 0) -> Planted:
    """Sites on both strands, 120 bp apart, of two strengths; a chromosome has so many, and 500 bp around them."""
    rng = np.random.default_rng(seed)
    size = 120 * sites + 1000
    records, places, reads = [], [], {}
    for number in range(chromosomes):
        name = f"chr{number + 1}"
        codes = rng.integers(0, 4, size, dtype=np.uint8)
        rates = np.full((2, size), 0.02)
        for site in range(sites):
            start = 500 + 120 * site + int(rng.integers(0, 40))
            strand, strength = "+-"[int(rng.integers(2))], (1.0, 0.5)[int(rng.integers(2))]
            motif = base_codes([MOTIF])[0]
            codes[start : start + len(MOTIF)] = motif if strand == "+" else 3 - motif[::-1]
            if strength < 1.0:  # the bases beside the site say how strong it is
                codes[start - 6 : start] = 0
                codes[start + len(MOTIF) : start + len(MOTIF) + 6] = 3
            for own, (at, rate) in enumerate(PEAKS):
                place = start + at if strand == "+" else start + len(MOTIF) - 1 - at
                rates[own if strand == "+" else 1 - own, place - 1 : place + 2] += strength * rate / 3
            places.append((name, start, start + len(MOTIF), strand))
        records.append(f">{name}\n{decode(codes[None])[0]}\n")
        reads[name] = rng.poisson(rates).astype(np.float64)
    genome = folder / "genome.fa"
    genome.write_text("".join(records))
    paths = [folder / "plus.bw", folder / "minus.bw"]
    for track, path in enumerate(paths):
        write_track(path, {name: values[track] for name, values in reads.items()})
    chrom, start, end, strand = zip(*places, strict=True)
    return Planted(
        genome, *paths, Intervals(list(chrom), list(start), list(end), ["." for _ in strand]), reads
    )


def write_track(path: Path, values: dict[str, np.ndarray]) -> None:
    """The positions with reads as a bigWig file."""
    sizes = {name: len(track) for name, track in values.items()}
    rows = (
        (name, int(at), int(at) + 1, float(track[at]))
        for name, track in values.items()
        for at in np.flatnonzero(track)
    )
    write_bigwig(path, sizes, rows)
