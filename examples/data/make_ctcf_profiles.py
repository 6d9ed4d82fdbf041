"""Make ctcf_profiles.{fa.gz,bed,plus.bw,minus.bw,control.bw}: real CTCF peaks, and reads of a ChIP-exo that is made up.

Sequences are peaks that genoml ships, 100 bp each, with dinucleotide shuffles of peaks between them. Reads are drawn
from a model of CTCF's matrix: how strongly a site is bound follows from its score, and the enzyme stops upstream of a
site on its own strand and downstream on the other. The control is reads of the input alone, which are in both tracks.

    python examples/data/make_ctcf_profiles.py
"""

import gzip
from pathlib import Path

import numpy as np

from genoml.genome import Intervals
from genoml.io import jaspar_motifs, read_fasta, write_bed
from genoml.io.bigwig import write_bigwig
from genoml.sequence import PWM, base_codes, decode, klet_shuffle

FOLDER = Path(__file__).parent
PEAKS = Path(__file__).parents[2] / "genoml" / "resources" / "ctcf_peaks.fa.gz"
PER_CHROMOSOME, CHROMOSOMES, FLANK_BP, PEAK_BP = 160, 5, 100, 100
#: where the enzyme stops, counted from the first base of the site along its strand, and the spread
UPSTREAM_BP, DOWNSTREAM_BP, SPREAD_BP = -6, 26, 2.5
BACKGROUND, LEAST_SCORE = 0.01, 8.0


def chromosome(peaks, rng):
    """Flank, peak, flank, peak, ..., flank; flanks are shuffles, so that they have no sites but by chance."""
    shuffles = klet_shuffle(peaks, 2, seed=int(rng.integers(1 << 30)))
    parts = [part for pair in zip(shuffles, peaks, strict=True) for part in pair]
    return np.concatenate([shuffles[-1], shuffles[0], *parts, shuffles[0], shuffles[-1]])


def expected_reads(codes, pwm, rng):
    """Rates of reads (2, length) on both strands, and of the control (length,)."""
    openness = np.exp(0.6 * np.convolve(rng.standard_normal(len(codes)), np.ones(400) / 20, "same"))
    control = BACKGROUND * openness
    rates = np.stack([control, control])
    letters = decode(codes[None])[0]
    positions = np.arange(len(codes))
    for track, strand in enumerate("+-"):
        scores = pwm.window_scores(letters, strand)
        for site in np.flatnonzero(scores > LEAST_SCORE):
            bound = 60.0 / (1.0 + np.exp(-(scores[site] - 14.0) / 2.0))
            up, down = site + UPSTREAM_BP, site + DOWNSTREAM_BP
            if strand == "-":  # the same from the other side
                up, down = (2 * site + pwm.width - 1 - place for place in (up, down))
            for row, place in ((track, up), (1 - track, down)):
                near = slice(max(place - 8, 0), place + 9)
                shape = np.exp(-0.5 * ((positions[near] - place) / SPREAD_BP) ** 2)
                rates[row, near] += bound * shape / (SPREAD_BP * np.sqrt(2 * np.pi))
    return rates, control


def main():
    rng = np.random.default_rng(2026)
    motif = next(motif for motif in jaspar_motifs() if motif.symbol == "CTCF")
    pwm = PWM.from_motif(motif)
    letters = [record.sequence for record in read_fasta(PEAKS)]
    peaks = base_codes(letters[: PER_CHROMOSOME * CHROMOSOMES])
    records, tracks, places = [], [{}, {}, {}], []
    for number in range(CHROMOSOMES):
        name = f"part{number + 1}"
        own = peaks[number * PER_CHROMOSOME : (number + 1) * PER_CHROMOSOME]
        codes = chromosome(own, rng)
        rates, control = expected_reads(codes, pwm, rng)
        for track, rate in zip(tracks, (*rates, 4.0 * control), strict=True):
            track[name] = rng.poisson(rate)
        records.append(f">{name}\n{decode(codes[None])[0]}\n")
        starts = 2 * PEAK_BP + FLANK_BP + (FLANK_BP + PEAK_BP) * np.arange(PER_CHROMOSOME)
        places += [(name, int(start), int(start) + PEAK_BP) for start in starts]
    with gzip.GzipFile(FOLDER / "ctcf_profiles.fa.gz", "wb", mtime=0) as file:
        file.write("".join(records).encode())
    chrom, start, end = zip(*places, strict=True)
    write_bed(FOLDER / "ctcf_profiles.bed", Intervals(list(chrom), list(start), list(end)))
    for name, track in zip(("plus", "minus", "control"), tracks, strict=True):
        sizes = {key: len(values) for key, values in track.items()}
        rows = (
            (key, int(at), int(at) + 1, float(values[at]))
            for key, values in track.items()
            for at in np.flatnonzero(values)
        )
        write_bigwig(FOLDER / f"ctcf_profiles.{name}.bw", sizes, rows)


if __name__ == "__main__":
    main()
