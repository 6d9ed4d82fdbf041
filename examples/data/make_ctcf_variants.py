"""Make ctcf_variants.vcf: variants in and beside CTCF sites of ctcf_profiles.fa.gz.

For each of the first peaks with a strong site, by CTCF's matrix in JASPAR 2024: the base that matters most becomes the
one that it likes least (SITE=broken), a base 45 bp away becomes another (SITE=beside), and every third site loses four
bases of its core (SITE=deleted).

    python examples/data/make_ctcf_variants.py
"""

from pathlib import Path

import numpy as np

from genoml.io import jaspar_motifs, read_bed, read_fasta
from genoml.sequence import PWM

FOLDER = Path(__file__).parent
SITES, LEAST_SCORE, AWAY_BP = 40, 12.0, 45
HEADER = """##fileformat=VCFv4.3
##source=make_ctcf_variants.py
##contig=<ID=part1,length={length}>
##INFO=<ID=SITE,Number=1,Type=String,Description="What becomes of the CTCF site: broken, deleted, or beside it">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def main():
    pwm = PWM.from_motif(next(motif for motif in jaspar_motifs() if motif.symbol == "CTCF"))
    genome = next(record.sequence for record in read_fasta(FOLDER / "ctcf_profiles.fa.gz"))
    peaks = read_bed(FOLDER / "ctcf_profiles.bed")
    scores = pwm.window_scores(genome, "+")
    rows = []
    for start in peaks.start[peaks.chrom == "part1"].tolist():
        site = start + int(np.argmax(scores[start : start + 100 - pwm.width]))
        if scores[site] < LEAST_SCORE or len(rows) >= SITES:
            continue
        own = np.array(["ACGT".index(base) for base in genome[site : site + pwm.width]])
        losses = pwm.log_odds[np.arange(pwm.width), own][:, None] - pwm.log_odds
        position, base = np.unravel_index(np.argmax(losses), losses.shape)
        at, away = site + int(position), site + AWAY_BP
        other = "A" if genome[away] != "A" else "G"
        found = [(at, genome[at], "ACGT"[base], "broken"), (away, genome[away], other, "beside")]
        if len(rows) % 3 == 0:
            core = site + 7
            found.append((core, genome[core : core + 5], genome[core], "deleted"))
        rows.append(found)
    lines = sorted(line for found in rows for line in found)
    with open(FOLDER / "ctcf_variants.vcf", "w") as file:
        file.write(HEADER.format(length=len(genome)))
        for number, (at, ref, alt, what) in enumerate(lines):
            file.write(f"part1\t{at + 1}\tv{number + 1}\t{ref}\t{alt}\t.\tPASS\tSITE={what}\n")


if __name__ == "__main__":
    main()
