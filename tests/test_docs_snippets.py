"""The Python blocks of the guides run as they stand, one after the other, on small data.

Those of README.md are in test_article.py, those of docs/data.md in data/test_documentation.py.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml import Conv1D, Dense, Flatten, GlobalMaxPool1D, Sequential, write_fasta, write_fastq
from genoml.convert import KERAS_RULES
from genoml.data import ProfileData, SequenceData
from genoml.models import build_model
from genoml.runs import load_run, save_run
from genoml.sequence import base_codes, decode
from genoml.train import Callbacks, FitOptions, Regression, Trained
from support.calls import LENGTH, small_genome, small_model, some_variants, vcf_text
from support.guides import BLOCKS, DOCS, ROOT, blocks_of

Names = dict[str, Any]
#: a search of hyper-parameters would take minutes
SHORTER = {
    "trials=20": "trials=1",
    "processes=4": "processes=1",
    'ranges={"learning_rate"': 'ranges={"epochs": 1, "model": "promoter_cnn", "learning_rate"',
}


def random_sequences(count: int, length: int, seed: int = 3) -> list[str]:
    return decode(np.random.default_rng(seed).integers(0, 4, (count, length), dtype=np.uint8))


def random_data(count: int = 16, length: int = 60, *, seed: int = 5) -> SequenceData:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (count, length), dtype=np.uint8)
    return SequenceData(codes, rng.integers(0, 2, (count, 1)).astype(np.float32))


def for_layers() -> Names:
    return {"sequences": random_sequences(6, 60), "labels": [[1], [0], [1], [0], [1], [0]]}


def for_training() -> Names:
    sequences = random_sequences(24, 40)
    for seed, name in enumerate(("pos.fa", "neg.fa", "test_pos.fa", "test_neg.fa")):
        records = enumerate(random_sequences(24, 40, seed))
        write_fasta(name, [(f"{name}_{i}", sequence) for i, sequence in records])
    ones = np.ones((24, 1), np.float32)
    names: Names = {"sequences": sequences, "counts": np.arange(24.0)[:, None], "log_depth": 0.0 * ones}
    return names | {
        "weights": ones[:, 0],
        "present": ones,
        "examples": random_data(24, 40),
        "held_out": random_data(24, 40, seed=6),
    }


def for_models() -> Names:
    rng = np.random.default_rng(7)
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (1, 2114))].transpose(0, 2, 1)
    return {"x": x, "counts": rng.poisson(1.0, (1, 2, 1000))}


def for_motif_layer() -> Names:
    return {"data": random_data()}


def for_explain() -> Names:
    options = {"filters": 4, "heads": 2, "blocks": 1}
    rng = np.random.default_rng(8)
    peaks = rng.integers(0, 4, (150, 120), dtype=np.uint8)
    hypothetical = rng.normal(0, 0.03, (150, 120, 4))
    for row, start in enumerate(rng.integers(15, 97, 150)):
        peaks[row, start : start + 8] = base_codes(["TGACTCAT"])[0]
        hypothetical[row, start : start + 8] += np.eye(4)[peaks[row, start : start + 8]]
    names: Names = {"hypothetical": hypothetical, "peaks": peaks}
    return names | {"sequences": random_sequences(2, 60), "model": build_model("attention_cnn", options)}


def for_design() -> Names:
    def network(seed: int) -> Sequential:
        network = Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, 2)], seed=seed)
        network.trained = Trained(Regression(task_names=("dev", "hk")), False, 60)
        return network

    return {"sequences": random_sequences(3, 60), "model": network(1), "other": network(2)}


def for_sequences() -> Names:
    chromosomes = list(zip(("chr1", "chr2", "chr3"), random_sequences(3, 4000), strict=True))
    letters = chromosomes[0][1]
    write_fasta("hg38.fa.gz", chromosomes)
    write_fasta("ecoli.fna.gz", [("ecoli", letters)])
    write_fastq("reads.fq.gz", [("read", letters[:100], np.full(100, 40))])
    peaks = "".join(f"{name}\t500\t560\tp\t0\t.\t1\t-1\t-1\t30\n" for name, _ in chromosomes)
    Path("peaks.narrowPeak.gz").write_bytes(gzip.compress(peaks.encode()))
    return {}


def for_alignment() -> Names:
    pairs = ["MKVLAAGIVG", "MKTLAGIVGA"]
    return {"read": "ACGTGA", "reference": "TTACGTGATT", "queries": pairs, "targets": pairs[::-1]}


def for_restarts() -> Names:
    data = random_data(40)
    options = FitOptions(epochs=1, batch_size=8)
    return {
        "model": Sequential([Flatten(), Dense(240, 1)]),
        "data": data,
        "held_out": random_data(40, seed=6),
        "options": options,
    }


def for_imbalance() -> Names:
    rng = np.random.default_rng(9)
    labels = np.arange(60) % 3 == 0
    logits = rng.standard_normal(60) + labels
    probabilities = 1.0 / (1.0 + np.exp(-logits))
    names: Names = {"labels": labels, "probabilities": probabilities}
    names |= {"targets": labels[:, None], "outputs": probabilities[:, None], "mask": np.ones((60, 1))}
    return names | {"validation_logits": logits, "validation_labels": labels, "test_logits": logits}


def for_configuration() -> Names:
    return {**for_training(), **for_restarts(), "my_callback": Callbacks()}


def for_splice() -> Names:
    (letters,) = random_sequences(1, 300)
    write_fasta("GENOME.fa", [("chr1", letters)])
    Path("GENES.gtf").write_text('chr1\t.\texon\t100\t200\t.\t+\t.\tgene_id "G"\n')
    record = f"chr1\t150\t.\t{letters[149]}\t{letters[149]}A\t.\t.\t.\n"
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    Path("CALLS.vcf").write_text(head + record)
    return {}


def for_import() -> Names:
    specimens = Path(__file__).parent / "convert" / "specimens"
    shutil.copy(specimens / "recurrent-3.keras", "model.keras")
    return {}


def for_variants() -> Names:
    run = save_run(small_model(), "run", length_bp=LENGTH)
    with small_genome(Path.cwd()) as genome:
        Path("calls.vcf").write_text(vcf_text(some_variants(genome, 3)))
    return {"run": run}


def for_other_tools() -> Names:
    model = Sequential([Conv1D(4, 6, 7), GlobalMaxPool1D(), Dense(6, 2)], seed=3)
    names: Names = {"model": model, "run": load_run("run"), "sequences": random_sequences(6, 40)}
    return names | {"labels": np.arange(6)[:, None] % 2, "counts": np.arange(40)}


def for_bpnet_lite() -> Names:
    codes = np.random.default_rng(4).integers(0, 4, (8, 200), dtype=np.uint8)
    reads = ProfileData(codes=codes, targets=np.ones((8, 2, 60), np.float32), strands="+-")
    return {"reads": reads, "peaks": codes[:2], "sequences": random_sequences(2, 2114)}


SETUPS: dict[str, Callable[[], Names]] = {
    "../backends/README": dict,
    "coming_from/bpnet_lite": for_bpnet_lite,
    **{
        f"coming_from/{name}": for_other_tools
        for name in ("crested", "grelu", "keras", "selene", "tangermeme")
    },
    **{f"how_to/{name}": for_other_tools for name in ("gpu", "loss", "variants_do_not_match")},
    "alignment": for_alignment,
    "configuration": for_configuration,
    "design": for_design,
    "distributed": for_restarts,
    "explain": for_explain,
    "imbalance": for_imbalance,
    "import": for_import,
    "layers": for_layers,
    "models": for_models,
    "motif_layer": for_motif_layer,
    "restarts": for_restarts,
    "sequences": for_sequences,
    "splice": for_splice,
    "training": for_training,
    "variants": for_variants,
}


def test_every_guide_with_python_is_run() -> None:
    guides = {
        str((DOCS / f"{name}.md").resolve().relative_to(ROOT)) for name in (*SETUPS, "data", "../README")
    }
    assert {block.guide for block in BLOCKS if block.language == "python"} == guides


@pytest.mark.parametrize("guide", sorted(SETUPS))
def test_the_python_of_a_guide_runs(
    guide: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "/" in guide:
        shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.setitem(KERAS_RULES, "my_lambda", None)  # a rule that a guide adds goes with the test
    names = SETUPS[guide]()
    for block in blocks_of((DOCS / f"{guide}.md").resolve()):
        if block.language == "python":
            text = block.text
            for long, short in SHORTER.items():
                text = text.replace(long, short)
            exec(compile(text, str(block), "exec"), names)
