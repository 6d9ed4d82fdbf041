"""Alignment scores beside parasail, Biopython and EMBOSS, and the time that each takes."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement.table import Table
from genoml.io import read_fasta
from genoml.sequence import Alignment, align, align_scores

_MODES = {"nw": "global", "sg": "semiglobal", "sw": "local"}
_EMBOSS = {
    "needle": ("semiglobal", []),
    "needle -endweight Y": ("global", ["-endweight", "Y", "-endopen", "10", "-endextend", "0.5"]),
    "water": ("local", []),
}


def tables(data: Path) -> list[Table]:
    folder = data / "alignment" / "reference_results"
    sequences = {
        record.id: record.sequence
        for kind, letters in (("dna", "nucleotide"), ("protein", "protein"))
        for record in read_fasta(folder / f"seqs.{kind}.fa", letters=letters)
    }
    with open(folder / "parasail_biopython_scores.tsv", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [_reference(rows, sequences), _emboss(rows, sequences), _speed()]


def _reference(rows: list[dict[str, str]], sequences: dict[str, str]) -> Table:
    cells = []
    for column, mode in _MODES.items():
        one = [_options(row) for row in rows]
        pairs = [(sequences[row["a"]], sequences[row["b"]]) for row in rows]
        expected = [int(row[column]) for row in rows]
        alone = [align(*pair, mode, **options).score for pair, options in zip(pairs, one, strict=True)]
        together = [0] * len(rows)
        for options in {tuple(each.items()) for each in one}:
            chosen = [k for k, each in enumerate(one) if tuple(each.items()) == options]
            queries, targets = ([pairs[k][side] for k in chosen] for side in (0, 1))
            found = align_scores(queries, targets, mode, **dict(options), backend="numpy")
            for k, score in zip(chosen, found.tolist(), strict=True):
                together[k] = score
        cells.append((mode, column, len(rows), _equal(alone, expected), _equal(together, expected)))
    return Table(
        "Alignment scores",
        "`align` and `align_scores` beside the scores on which parasail 1.3.4 and Biopython 1.88 agree: 63 protein "
        "pairs (BLOSUM62, gaps 11/1 and 10/1) and 40 DNA pairs (NUC.4.4, gaps 10/1 and 16/4); a gap of n costs the "
        "first number and n - 1 times the second. The file is tests/data/alignment/parasail_biopython_scores.tsv.",
        ("mode", "parasail", "pairs", "`align` equal", "`align_scores` equal"),
        cells,
    )


def _options(row: dict[str, str]) -> dict[str, Any]:
    return {
        "matrix": row["matrix"],
        "gap_open": float(row["gap_first"]),
        "gap_extend": float(row["gap_next"]),
    }


def _equal(found: list[Any], expected: list[Any]) -> int:
    return sum(one == other for one, other in zip(found, expected, strict=True))


# ---------------------------------------------------------------- EMBOSS


def _emboss(rows: list[dict[str, str]], sequences: dict[str, str]) -> Table:
    if not (shutil.which("needle") and shutil.which("water")):
        raise FileNotFoundError("needle and water of EMBOSS are not installed; apt-get install emboss")
    pairs = {(row["a"], row["b"]): row["matrix"] for row in rows}
    cells = []
    for name, (mode, options) in _EMBOSS.items():
        counts = np.zeros(4, dtype=int)
        for (a, b), matrix in pairs.items():
            found = align(sequences[a], sequences[b], mode, matrix=matrix, gap_open=10, gap_extend=0.5)
            counts += _same(found, _run_emboss(name.split()[0], options, sequences[a], sequences[b]))
        cells.append((f"`{name}`", mode, len(pairs), *counts.tolist()))
    return Table(
        "Alignments beside EMBOSS",
        f"`align` beside needle and water of EMBOSS {_emboss_version()}, `-gapopen 10 "
        "-gapextend 0.5` and EMBOSS's own EBLOSUM62 and EDNAFULL, on the 103 pairs of the table above.",
        (
            "EMBOSS",
            "mode",
            "pairs",
            "score equal",
            "identities equal",
            "similarity equal",
            "gap letters equal",
        ),
        cells,
        (
            "needle's default leaves gaps at the ends free: it is our semiglobal mode. Its overhangs, which `align` "
            "leaves out, are taken off its gaps.",
            "Where identities, similarity or gaps differ, the score is the same: the pair has several best alignments, "
            "and each program gives one of them.",
        ),
    )


def _emboss_version() -> str:
    return subprocess.run(
        ["embossversion", "-auto"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _run_emboss(program: str, options: list[str], a: str, b: str) -> dict[str, float]:
    """Score, identities, similar pairs and gap letters inside the alignment, as EMBOSS prints them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, letters in (("a", a), ("b", b)):
            (Path(folder) / name).write_text(f">{name}\n{letters}\n")
        costs = ["-gapopen", "10", "-gapextend", "0.5", *options]
        done = subprocess.run(
            [
                program,
                "-asequence",
                f"{folder}/a",
                "-bsequence",
                f"{folder}/b",
                *costs,
                "-outfile",
                "stdout",
                "-auto",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    numbers = {key: float(value) for key, value in re.findall(r"^# (\w+): +([\d.-]+)", done.stdout, re.M)}
    rows = ["".join(re.findall(rf"^{name} +\d+ (\S+) +\d+$", done.stdout, re.M)) for name in ("a", "b")]
    if "-endweight" not in options and program == "needle":
        numbers["Gaps"] -= sum(len(row) - len(row.strip("-")) for row in rows)
    return numbers


def _same(found: Alignment, theirs: dict[str, float]) -> list[bool]:
    return [
        found.score == theirs["Score"],
        found.identities == theirs["Identity"],
        found.positives == theirs["Similarity"],
        found.gaps == theirs["Gaps"],
    ]


# ---------------------------------------------------------------- speed


def _speed() -> Table:
    one, many = _one_pair(), _many_pairs()
    return Table(
        "Time of alignments",
        "Random DNA, NUC.4.4, gaps 10/1, one thread, the best of 7 runs: one pair of 1000 letters, 90 % alike, and "
        f"1000 unrelated pairs of 200. Biopython {version('biopython')} PairwiseAligner (`score`, and the first "
        f"alignment of `align` as text), parasail {version('parasail')} (`*_striped_16`, and `*_trace_striped_16` with "
        "the CIGAR). Milliseconds.",
        ("what", "mode", "genoml", "Biopython", "parasail"),
        [*one, *many],
        (
            "genoml's rows are `align` (with the alignment) and `align_scores` on NumPy (scores alone).",
            "parasail's SIMD code is the tool for searching databases; Biopython's can give all best alignments.",
        ),
    )


def _time_ms(run: Callable[[], object]) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def _one_pair() -> list[tuple[object, ...]]:
    rng = np.random.default_rng(0)
    a = rng.choice(list("ACGT"), 1000)
    b = np.where(rng.random(1000) < 0.1, rng.choice(list("ACGT"), 1000), a)
    x, y = "".join(a), "".join(b[:300]) + "".join(b[320:])
    rows: list[tuple[object, ...]] = []
    for column, mode in _MODES.items():
        aligner, trace = _biopython(mode), _parasail(f"{column}_trace_striped_16")
        times = [
            _time_ms(run)
            for run in (
                lambda mode=mode: align(x, y, mode, matrix="NUC.4.4"),
                lambda aligner=aligner: str(aligner.align(x, y)[0]),
                lambda trace=trace: trace(x, y).cigar.decode,
            )
        ]
        rows.append(("1 pair of 1000, alignment", mode, *times))
    return rows


def _many_pairs() -> list[tuple[object, ...]]:
    rng = np.random.default_rng(1)
    queries, targets = (["".join(row) for row in rng.choice(list("ACGT"), (1000, 200))] for _ in range(2))
    rows: list[tuple[object, ...]] = []
    options: dict[str, Any] = {"matrix": "NUC.4.4", "backend": "numpy"}
    for column, mode in _MODES.items():
        aligner, score = _biopython(mode), _parasail(f"{column}_striped_16")
        found = align_scores(queries, targets, mode, **options).tolist()
        theirs = [aligner.score(x, y) for x, y in zip(queries, targets, strict=True)]
        others = [score(x, y).score for x, y in zip(queries, targets, strict=True)]
        if not found == theirs == others:
            raise ValueError(f"the three programs' {mode} scores of random pairs differ")
        times = [
            _time_ms(run)
            for run in (
                lambda mode=mode: align_scores(queries, targets, mode, **options),
                lambda aligner=aligner: [aligner.score(x, y) for x, y in zip(queries, targets, strict=True)],
                lambda score=score: [score(x, y).score for x, y in zip(queries, targets, strict=True)],
            )
        ]
        rows.append(("1000 pairs of 200, scores", mode, *times))
    return rows


def _biopython(mode: str) -> Any:
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(
        mode="local" if mode == "local" else "global",
        substitution_matrix=substitution_matrices.load("NUC.4.4"),
        open_gap_score=-10,
        extend_gap_score=-1,
    )
    if mode == "semiglobal":
        aligner.end_gap_score = 0.0
    return aligner


def _parasail(name: str) -> Callable[[str, str], Any]:
    import parasail

    function = getattr(parasail, name)
    return lambda a, b: function(a, b, 10, 1, parasail.nuc44)
