"""Small files of the names that the guides' commands use, made once; a command gets copies of those it names."""

from __future__ import annotations

import gzip
import shutil
from itertools import pairwise
from pathlib import Path

import anndata
import numpy as np
import pandas

from genoml import Conv1D, Dense, GlobalMaxPool1D, Sequential, load_run, save_run, write_fasta, write_fastq
from genoml.io.bigwig import write_bigwig
from genoml.models import spliceai
from genoml.train import CellTypes, Objective, Regression
from support.guides import ROOT
from support.planted import SMALL_TOML, run_genoml
from support.sites import attributions
from support.tasks import CHROMOSOMES, SIZE, WINDOW, write_genome

SPECIMENS = Path(__file__).parents[1] / "convert" / "specimens"
TASKS = ("dev", "hk", "liver")
PROFILE_TOML = """
model = "bpnet"
model_options = { filters = 4, kernel_size = 7, dilated_layers = 1, profile_kernel_size = 9 }
batch_size = 16
shift_bp = 4
"""
#: other names of the same file, in lower case
SAME = {
    "run1": "run", "run2": "run", "run3": "run", 
    "pos.fa": "positives.fa", "test_pos.fa": "positives.fa", "neg.fa": "negatives.fa", "a.fa": "positives.fa",
    "b.fa": "positives.fa", "new.fa": "sequences.fa", "peaks.fa": "sequences.fa", "hg38.fa": "genome.fa",
    "calls.vcf.gz": "calls.vcf", "others.bed": "regions.bed", "nonpeaks.bed": "regions.bed",
    "genes.gff3.gz": "genes.gtf", "cuts.bw": "plus.bw", "minus.bw": "plus.bw", "signal.bw": "plus.bw",
    "other.h5ad": "regions.h5ad", "model": "model.keras",
}  # fmt: skip


def make_files(folder: Path) -> None:
    """All files, in the folder, which is also the current one; their names are in lower case."""
    rng = np.random.default_rng(0)
    (folder / "small.toml").write_text(SMALL_TOML)
    (folder / "profile.toml").write_text(PROFILE_TOML)
    _genome(folder)
    windows = _windows(folder)
    half = len(windows) // 2
    for name, records in (
        ("positives.fa", windows[:half]), ("negatives.fa", windows[half:]), ("sequences.fa", windows[:12]),
    ):  # fmt: skip
        write_fasta(name, records)
    write_fastq("reads.fq.gz", [(name, letters, np.full(WINDOW, 40)) for name, letters in windows[:5]])
    rows = [f"{letters}\t{rng.normal():.3f}\t{rng.normal():.3f}\n" for _, letters in windows]
    (folder / "data.tsv").write_text("seq\tdev\thk\n" + "".join(rows))
    shutil.copy(SPECIMENS / "plain-3.keras", "model.keras")
    arrays = np.load(SPECIMENS / "plain-3.keras.npz")
    for axis in "xy":
        np.save(f"{axis}.npy", arrays[axis])
    (folder / "design.toml").write_text("rounds = 2\n[constraints]\nno_run = 6\n")
    (folder / "settings.toml").write_text(SMALL_TOML)
    (folder / "ranges.toml").write_text(
        SMALL_TOML + "epochs = 1\nweight_decay = { log_uniform = [1e-5, 1e-3] }\n"
    )
    (folder / "known.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1 AP1\nletter-probability matrix: alength= 4 w= 7\n"
        + "".join(" ".join("0.91" if a == b else "0.03" for a in "ACGT") + "\n" for b in "TGACTCA")
    )
    attributions(120).save("contributions.npz")
    _runs(windows)


def _genome(folder: Path) -> None:
    """Genome, regions, signal, variants, genes, and an AnnData file of regions by cell types."""
    peaks = write_genome(folder)
    for old, new in (("a.bed", "peaks.bed"), ("all.bed", "regions.bed")):
        (folder / old).rename(folder / new)
    spans = [(name, start + at, start + at + 1, 3.0) for name, start in peaks for at in range(0, WINDOW, 4)]
    write_bigwig("plus.bw", dict.fromkeys(CHROMOSOMES, SIZE), spans)
    letters = (folder / "genome.fa").read_text().split("\n")[1]
    calls = [(at, letters[at], "CGTA"["ACGT".index(letters[at])]) for at in (220, 320, 420)]
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [f"chr1\t{at + 1}\tv{at}\t{ref}\t{alt}\t.\t.\t.\n" for at, ref, alt in calls]
    (folder / "calls.vcf").write_text(head + "".join(lines))
    table = [f"chr1\t{at + 1}\t{ref}\t{alt}\n" for at, ref, alt in calls]
    (folder / "snps.tsv").write_text("CHR\tBP\tA1\tA2\n" + "".join(table))
    (folder / "genes.gtf").write_text('chr1\t.\texon\t200\t600\t.\t+\t.\tgene_id "G"\n')
    places = [line.split("\t") for line in (folder / "peaks.bed").read_text().splitlines()]
    values = np.random.default_rng(1).uniform(0.1, 2.0, (len(TASKS), len(places))).astype(np.float32)
    names = [f"{chrom}:{start}-{end}" for chrom, start, end, *_ in places]
    var = pandas.DataFrame(
        {"sequence": [letters for _, letters in _windows(folder)[: len(names)]]}, index=names
    )
    cells = anndata.AnnData(values, pandas.DataFrame(index=list(TASKS)), var, layers={"mean": values})
    cells.write_h5ad("regions.h5ad")
    (folder / "sites.bed").write_text(
        "".join(f"{name}:{start}-{start + WINDOW}\t16\t24\n" for name, start in peaks[:12])
    )


def _windows(folder: Path) -> list[tuple[str, str]]:
    """The peaks as records, named by their loci, then as many others."""
    genome = (folder / "genome.fa").read_text().split("\n")
    found = []
    for name in ("peaks.bed", "none.bed"):
        for line in (folder / name).read_text().splitlines():
            chrom, start, end, *_ = line.split("\t")
            letters = genome[2 * CHROMOSOMES.index(chrom) + 1][int(start) : int(end)]
            found.append((f"{chrom}:{start}-{end}", letters))
    return found


def _runs(windows: list[tuple[str, str]]) -> None:
    """A run that is trained, others of networks as they begin, and ONNX of the first with its outputs."""
    train = ("train", "positives.fa", "negatives.fa", "--out", "run", "--config", "small.toml", "--epochs", 1)
    assert run_genoml(*train) == 0
    made: dict[str, Objective] = {
        "activities": Regression(task_names=TASKS),
        "cells": CellTypes(task_names=TASKS),
    }
    for name, objective in made.items():
        network = Sequential([Conv1D(4, 6, 7), GlobalMaxPool1D(), Dense(6, len(TASKS))], seed=3)
        save_run(network, name, length_bp=WINDOW, objective=objective)
    bias = (
        "--signal",
        "plus.bw",
        "--task",
        "profile",
        "--config",
        "profile.toml",
        "--epochs",
        1,
        "--out",
        "bias",
    )
    assert run_genoml("train", "--genome", "genome.fa", "--regions", "regions.bed", *bias) == 0
    _bpnet_lite()
    save_run(spliceai(context_bp=80, filters=4), "splice", length_bp=181)
    assert run_genoml("export", "run", "--onnx", "model.onnx", "--one-strand") == 0
    assert run_genoml("import", "model.onnx", "--bases", "AGCT", "--out", "again") == 0
    codes = np.random.default_rng(3).integers(0, 4, (5, WINDOW))
    x = np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1)
    np.save("onnx_x.npy", x)
    np.save("onnx_y.npy", 1 / (1 + np.exp(-load_run("run").model(x))))
    np.save("outputs.npy", load_run("again").predict([letters for _, letters in windows[:12]]))


def _bpnet_lite() -> None:
    """Weights by the names of bpnet-lite, and the run of them."""
    shapes = {"iconv": (4, 4, 21), "fconv": (1, 4, 75), "linear": (1, 4)}
    shapes |= {f"rconvs.{number}": (4, 4, 3) for number in range(8)}
    rng = np.random.default_rng(2)
    arrays = {
        f"{name}.weight": rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()
    }
    arrays |= {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}
    np.savez("bpnet.npz", **arrays)
    Path("bpnet.npz").rename("bpnet.pt")
    assert run_genoml("import", "bpnet.pt", "--recipe", "bpnet-lite", "--out", "OTHER") == 0


def made_for(word: str, words: list[str]) -> str:
    """The file that a word of a command means; of runs, one of the kind that the command reads or writes."""
    name = SAME.get(word.lower(), word.lower())
    if name != "run":
        return name
    return "cells" if "--h5ad" in words else {"design": "activities", "splice": "splice"}.get(words[0], "run")


def give(source: Path, words: list[str], made: dict[str, str]) -> None:
    """Copy the files that the words name to the current folder, but for those that commands before have made.

    ``made`` has the outputs of these, and what they stand for.
    """
    outputs = {after for word, after in pairwise(words) if word in ("--out", "--onnx")}
    for word in words:
        name = made_for(word, words)
        if (
            word in outputs
            or made.get(word) == name
            or not ((source / name).exists() or word.startswith("examples/"))
        ):
            continue
        if word.startswith("examples/"):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / word, word)
        elif word.endswith(".gz") and not name.endswith(".gz"):
            Path(word).write_bytes(gzip.compress((source / name).read_bytes()))
        elif (source / name).is_dir():
            shutil.rmtree(word, ignore_errors=True)
            shutil.copytree(source / name, word)
        else:
            shutil.copy(source / name, word)
