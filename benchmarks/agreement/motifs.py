"""Motifs: files beside Biopython, scans beside memelite's FIMO, comparisons beside memelite's Tomtom."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.agreement.table import Table
from genoml.io import Motif, jaspar_motifs, read_fasta, read_jaspar, read_meme, read_motifs, write_meme
from genoml.sequence import PWM, MotifComparison, MotifScanner, base_codes, compare_motifs
from genoml.sequence.motifs.scanner import window_scores
from genoml.sequence.motifs.score_distribution import ScoreDistribution
from genoml.sequence.motifs.score_tables import turned

#: motif, sequence, start, strand -> score in bits, p-value
Hits = dict[tuple[str, str, int, str], tuple[float, float]]
_EPS = 1e-4


def tables(data: Path) -> list[Table]:
    """Files, FIMO and Tomtom."""
    folder = data / "motifs"
    return [_files(folder), _fimo(folder / "memesuite_lite"), _tomtom()]


# ------------------------------------------------------------ files


def _files(folder: Path) -> Table:
    from Bio import motifs as bio

    jaspar = read_motifs(folder / "jaspar2024_core.transfac.gz")
    consensus = read_motifs(folder / "jaspar_2024_consensus.meme")
    rows = [_round_trip(name, motifs) for name, motifs in (("JASPAR", jaspar), ("gReLU's", consensus))]
    counts = [dict(zip("ACGT", motif.matrix.T.tolist(), strict=True)) for motif in jaspar]
    theirs = [bio.Motif(alphabet="ACGT", counts=columns) for columns in counts]
    letters = [PWM.from_motif(motif, pseudocount=0).degenerate_consensus for motif in jaspar]
    rows.append(
        (
            "IUPAC consensus as Biopython's, JASPAR 2024 CORE",
            sum(str(t.degenerate_consensus) == mine for t, mine in zip(theirs, letters, strict=True)),
            len(jaspar),
        )
    )
    rows.append(
        ("log-odds as Biopython's (pseudocount 0.25, within 1e-12)", _log_odds(jaspar, theirs), len(jaspar))
    )
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "all.jaspar"
        path.write_text("".join(_as_jaspar(motif) for motif in jaspar))
        read = read_jaspar(path)
        with open(path) as stream:
            bio_read = bio.parse(stream, "jaspar")
    same = sum(
        np.array_equal(np.array([b.counts[letter] for letter in "ACGT"]).T, m.matrix)
        and b.matrix_id == m.name
        for b, m in zip(bio_read, read, strict=True)
    )
    rows.append(("JASPAR text format: counts and names as Biopython reads them", same, len(jaspar)))
    return Table(
        "Motif files",
        "JASPAR 2024 CORE (TRANSFAC format), gReLU's consensus motifs (MEME format); "
        f"Biopython {version('biopython')}.",
        ("what", "equal", "of"),
        rows,
        (
            "A MEME file is written with the fewest digits, 17 at most, that give the same float64 back: "
            "probabilities that are written and read are identical to the last bit.",
            "The consensus follows Cavener (1987) as TRANSFAC uses it, which is Biopython's rule. The three others "
            "(MA2190.1, MA2230.1, MA2272.1) have a position of 2/3 and 1/3 in rounded numbers: the first base is "
            "twice as frequent as the second, not more, which rounding hides from a comparison without tolerance.",
        ),
    )


def _round_trip(name: str, motifs: list[Motif]) -> tuple[str, int, int]:
    with tempfile.TemporaryDirectory() as folder:
        write_meme(Path(folder) / "all.meme", motifs)
        again = read_meme(Path(folder) / "all.meme")
    expected = [motif.probabilities if motif.kind == "counts" else motif.matrix for motif in motifs]
    same = sum(np.array_equal(now.matrix, was) for now, was in zip(again, expected, strict=True))
    return f"{name} motifs read, written as MEME, read: identical", same, len(motifs)


def _log_odds(motifs: list[Motif], theirs: Sequence[object]) -> int:
    same = 0
    for motif, other in zip(motifs, theirs, strict=True):
        pssm = other.counts.normalize(pseudocounts=0.25).log_odds()  # type: ignore[attr-defined]
        expected = np.array([pssm[letter] for letter in "ACGT"]).T
        same += bool(np.allclose(PWM.from_motif(motif).log_odds, expected, rtol=1e-12, atol=1e-12))
    return same


def _as_jaspar(motif: Motif) -> str:
    rows = [
        f"{letter}  [ {' '.join(f'{count:g}' for count in column)} ]\n"
        for letter, column in zip("ACGT", motif.matrix.T.tolist(), strict=True)
    ]
    return f">{motif.name}\t{motif.symbol}\n{''.join(rows)}"


# ------------------------------------------------------------ FIMO


def _fimo(folder: Path) -> Table:
    motifs = read_meme(folder / "test.meme")
    records = read_fasta(folder / "test.fa", letters=None)
    sequences = {record.id: re.sub("[^ACGT]", "N", record.sequence.upper()) for record in records}
    with open(folder / "fimo.memelite0.5.0.test.thresh1e-3.tsv") as stream:
        recorded = {
            (row["motif_name"], row["sequence_name"], int(row["start"]), row["strand"]): (
                float(row["score"]),
                float(row["p-value"]),
            )
            for row in csv.DictReader(stream, delimiter="\t")
        }
    known = jaspar_motifs()
    rng = np.random.default_rng(0)
    random_motifs = [
        Motif(known[i].name, known[i].probabilities) for i in rng.permutation(len(known))[:50].tolist()
    ]
    codes = rng.integers(0, 4, (100, 2000), dtype=np.uint8)
    random_sequences = {str(i): row for i, row in enumerate(codes)}
    live = _memelite_fimo(random_motifs, codes, 1e-4)
    rows = [
        _fimo_row("recorded, test.meme and test.fa, p < 1e-3", motifs, sequences, recorded, 1e-3),
        _fimo_row(
            "live, 50 JASPAR motifs, 100 x 2 kb of random bases, p < 1e-4",
            random_motifs,
            random_sequences,
            live,
            1e-4,
        ),
    ]
    return Table(
        "Scans beside FIMO",
        f"memelite {version('memelite')}, `memelite.fimo(motifs, sequences, threshold=...)`; genoml: "
        "`MotifScanner([PWM.from_counts(probabilities, pseudocount=1e-4)], p_value=...)`, both strands.",
        (
            "set",
            "FIMO hits",
            "of these over an N, and in genoml too",
            "shared, no N",
            "only FIMO, no N",
            "only genoml",
            "genoml's p-values of those that one lacks, over the threshold",
            "largest score difference (bits)",
            "p-value ratio FIMO / genoml, least to largest",
            "FIMO hits, scores and p-values got with FIMO's rules",
        ),
        rows,
        (
            "FIMO scores an N as 0 bits, genoml as the worst of the four bases, so that a hit over an N is one "
            "whatever the base is; a run of N, as in test.fa, is none. (The letter Z in test.fa is taken for N.)",
            "memelite rounds the scores of the positions to bins of 0.1 bits, genoml to 0.001 bits: a sum over w "
            "positions is off by up to 0.05 w and 0.0005 w bits. p-values differ by what that is worth, and hits "
            "at the threshold come and go: those that only one reports have p-values (to 0.001 bits) as near the "
            "threshold as the ratios allow.",
            "memelite adds 1e-4 to probabilities and does not rescale them to sum to 1: its scores are higher by a "
            "constant of each motif, sum log2(row sum + 4e-4) = 0.0006 bits a position, which is taken off before "
            "the largest score difference. It also asks for scores above, not at, its threshold's bin, and takes the "
            "p-value of a score from the bin below it: most of its p-values are the larger ones, and most of the "
            "hits that one lacks are genoml's.",
            "The last column: memelite's rules (0.1 bits, N as 0, no rescaling, strict threshold) put into "
            "genoml's score distribution and window scores give its hits back, with scores within 1e-9 bits and "
            "p-values within 1e-9 of themselves.",
        ),
    )


def _memelite_fimo(motifs: list[Motif], codes: np.ndarray, p_value: float) -> Hits:
    import memelite

    one_hot = np.eye(4, dtype=np.int8)[codes].transpose(0, 2, 1)
    frames = memelite.fimo({m.name: m.matrix.T.copy() for m in motifs}, one_hot, threshold=p_value)
    columns = ["motif_name", "sequence_name", "start", "strand", "score", "p-value"]
    found: Hits = {}
    for frame in frames:
        for name, row, start, strand, score, p in frame[columns].itertuples(index=False, name=None):
            found[name, str(row), int(start), strand] = (float(score), float(p))
    return found


def _fimo_row(
    name: str, motifs: list[Motif], sequences: Mapping[str, str | np.ndarray], theirs: Hits, p_value: float
) -> tuple[object, ...]:
    mine = _mine(motifs, sequences, p_value)
    widths = {motif.name: motif.width for motif in motifs}
    shift = {m.name: float(np.log2((m.matrix + _EPS).sum(axis=1)).sum()) for m in motifs}
    over_n = {
        place
        for place in theirs
        if isinstance(text := sequences[place[1]], str)
        and "N" in text[place[2] : place[2] + widths[place[0]]]
    }
    shared = set(mine) & set(theirs) - over_n
    difference = max(abs(theirs[place][0] - shift[place[0]] - mine[place][0]) for place in shared)
    ratios = np.array([theirs[place][1] / mine[place][1] for place in shared])
    by_their_rules = _with_their_rules(motifs, sequences, p_value)
    same = sum(
        place in by_their_rules and bool(np.allclose(by_their_rules[place], values, rtol=1e-9, atol=1e-9))
        for place, values in theirs.items()
    )
    extra = len(set(by_their_rules) - set(theirs))
    only_theirs, only_mine = set(theirs) - set(mine) - over_n, set(mine) - set(theirs)
    pwms = {m.name: PWM.from_counts(m.matrix, pseudocount=_EPS) for m in motifs}
    near = [mine[place][1] / p_value for place in only_mine]
    near += [pwms[place[0]].p_value(theirs[place][0] - shift[place[0]]) / p_value for place in only_theirs]
    return (
        name,
        len(theirs),
        f"{len(over_n)}, {len(over_n & set(mine))}",
        len(shared),
        len(only_theirs),
        len(only_mine),
        f"{min(near):.2f} to {max(near):.2f}",
        difference,
        f"{ratios.min():.2f} to {ratios.max():.2f}",
        f"{same} of {len(theirs)}, {extra} others",
    )


def _mine(motifs: list[Motif], sequences: Mapping[str, str | np.ndarray], p_value: float) -> Hits:
    bank = [PWM.from_counts(motif.matrix, pseudocount=_EPS, name=motif.name) for motif in motifs]
    hits = MotifScanner(bank, p_value=p_value).scan(list(sequences.values()))
    names = list(sequences)
    columns = (hits.motif, hits.sequence, hits.start, hits.strand, hits.score, hits.p_value)
    return {
        (bank[motif].name, names[row], start, strand): (score, p)
        for motif, row, start, strand, score, p in zip(*(c.tolist() for c in columns), strict=True)
    }


def _with_their_rules(motifs: list[Motif], sequences: Mapping[str, str | np.ndarray], p_value: float) -> Hits:
    found: Hits = {}
    for motif in motifs:
        log_odds = np.log2(motif.matrix + _EPS) + 2.0
        table = np.concatenate([log_odds, np.zeros((motif.width, 12))], axis=1)
        distribution = ScoreDistribution(log_odds, np.full(4, 0.25), granularity=0.1)
        limit_bin = distribution.threshold_bin(p_value)
        if limit_bin is None:
            continue
        for name, letters in sequences.items():
            codes = base_codes([letters])[0].astype(np.intp)
            for strand in "+-":
                scores = window_scores(table if strand == "+" else turned(table), codes)
                places = np.flatnonzero(scores > np.float32(limit_bin * 0.1))
                p = distribution.p_value(np.trunc(scores[places] / 0.1))
                for place, score, value in zip(
                    places.tolist(), scores[places].tolist(), p.tolist(), strict=True
                ):
                    found[motif.name, name, place, strand] = (score, value)
    return found


# ------------------------------------------------------------ Tomtom


def _tomtom() -> Table:
    known = jaspar_motifs()
    chosen = np.random.default_rng(1).permutation(len(known))[:40].tolist()
    queries = [known[i] for i in chosen]
    return Table(
        "Motif comparison beside Tomtom",
        f"memelite {version('memelite')}, `memelite.tomtom(queries, targets, n_score_bins=..., "
        "n_target_bins=None)`; genoml: `compare_motifs(queries, targets, n_bins=...)`. 40 JASPAR motifs against "
        "the 879 of JASPAR 2024 vertebrates, so 35,160 pairs.",
        (
            "bins",
            "least Spearman of a query's p-values",
            "same first target",
            "mean overlap of the first ten",
            "median and largest difference of log10 p, p above 1e-2",
            "p 1e-10 to 1e-2",
            "p below 1e-10",
            "E < 0.05 in both, in one",
            "same alignment where E < 0.05",
            "largest difference of the others' scores (bins)",
        ),
        [_tomtom_row(known, queries, n_bins) for n_bins in (100, 1000)],
        (
            "Both use Tomtom's complete score: Euclidean distances of columns, less the median of each query "
            "column, rounded to bins; exact null distributions of each span; offsets and strands independent.",
            "The bins differ: memelite's are 1 / n wide for a whole n, and its medians are read from 1000 bins; "
            "genoml divides the range by the number of bins, and takes exact medians. Ten times as many bins make "
            "the differences about ten times smaller, so these are of the rounding. A small p-value sums few "
            "cells of a distribution, and below 1e-10 a bin more or less is worth more.",
            "Where alignments differ their scores before rounding are within the bins' error: palindromes, which "
            "fit as well on either strand (memelite takes -, genoml +), and neighbouring offsets.",
        ),
    )


def _tomtom_row(known: list[Motif], queries: list[Motif], n_bins: int) -> tuple[object, ...]:
    import memelite
    from scipy.stats import spearmanr

    theirs, _, offsets, _, strands = memelite.tomtom(
        [query.probabilities.T.copy() for query in queries],
        [target.probabilities.T.copy() for target in known],
        n_score_bins=n_bins,
        n_target_bins=None,
    )
    mine = compare_motifs(queries, known, n_bins=n_bins)
    p = np.stack([found.p_value for found in mine])
    change = np.abs(np.log10(p) - np.log10(theirs))
    ranges = [(1e-2, 1.0), (1e-10, 1e-2), (0.0, 1e-10)]
    parts = [change[(theirs > low) & (theirs <= high)] for low, high in ranges]
    ten = [set(np.argsort(a)[:10]) & set(np.argsort(b)[:10]) for a, b in zip(p, theirs, strict=True)]
    limit = 0.05 / len(known)
    reverse = np.stack([found.strand for found in mine]) == "-"
    same = (np.stack([found.offset for found in mine]) == offsets) & (reverse == (strands == 1))
    strong = (p < limit) & (theirs < limit)
    others = [
        _apart(queries[i], known, j, mine[i], int(offsets[i, j]), bool(strands[i, j]), n_bins)
        for i, j in np.argwhere(strong & ~same).tolist()
    ]
    return (
        n_bins,
        f"{min(spearmanr(a, b)[0] for a, b in zip(p, theirs, strict=True)):.5f}",
        f"{int((p.argmin(axis=1) == theirs.argmin(axis=1)).sum())} of {len(queries)}",
        float(np.mean([len(both) for both in ten])),
        *(f"{np.median(part):.4f}, {part.max():.3f}" for part in parts),
        f"{int(strong.sum())}, {int(((p < limit) ^ (theirs < limit)).sum())}",
        f"{int(same[strong].sum())} of {int(strong.sum())}",
        max(others, default=0.0),
    )


def _apart(
    query: Motif, known: list[Motif], j: int, mine: MotifComparison, offset: int, reverse: bool, n_bins: int
) -> float:
    """How far the unrounded scores of the two alignments are apart, in genoml's bins."""
    columns = np.concatenate([motif.probabilities for motif in known])
    columns = np.concatenate([columns, columns[:, ::-1]])
    distances = np.sqrt(((query.probabilities[:, None] - columns) ** 2).sum(axis=2))
    medians = np.median(distances, axis=1)
    scores = medians[:, None] - distances
    grain = float(scores.max() - scores.min()) / n_bins

    def total(offset: int, reverse: bool) -> float:
        target = known[j].probabilities[::-1, ::-1] if reverse else known[j].probabilities
        rows = [i for i in range(query.width) if 0 <= i + offset < len(target)]
        return sum(
            float(medians[i] - np.sqrt(((query.probabilities[i] - target[i + offset]) ** 2).sum()))
            for i in rows
        )

    here = total(int(mine.offset[j]), bool(mine.strand[j] == "-"))
    return abs(here - total(offset, reverse)) / grain
