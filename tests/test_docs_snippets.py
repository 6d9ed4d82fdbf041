"""The Python blocks of the guides run as they stand, one after the other, on small data.

Those of README.md are in test_article.py, those of docs/data.md in data/test_documentation.py.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml import Dense, Flatten, Sequential, write_fasta, write_fastq
from genoml.convert import KERAS_RULES
from genoml.data import SequenceData
from genoml.models import build_model
from genoml.runs import save_run
from genoml.sequence import base_codes, decode
from genoml.train import Callbacks, FitOptions
from support.calls import LENGTH, small_genome, small_model, some_variants, vcf_text

DOCS = Path(__file__).parents[1] / "docs"
Names = dict[str, Any]


def blocks(guide: Path) -> list[str]:
    """Its Python blocks, but for a search of hyper-parameters, which takes minutes."""
    found = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    return [block for block in found if "run_search(" not in block]


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
    peaks = rng.integers(0, 4, (130, 90), dtype=np.uint8)
    hypothetical = rng.normal(0, 0.03, (130, 90, 4))
    for row, start in enumerate(rng.integers(15, 67, 130)):
        peaks[row, start : start + 8] = base_codes(["TGACTCAT"])[0]
        hypothetical[row, start : start + 8] += np.eye(4)[peaks[row, start : start + 8]]
    names: Names = {"hypothetical": hypothetical, "peaks": peaks}
    return names | {"sequences": random_sequences(2, 60), "model": build_model("attention_cnn", options)}


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
    return {**for_restarts(), "my_callback": Callbacks()}


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


SETUPS: dict[str, Callable[[], Names]] = {
    "alignment": for_alignment,
    "configuration": for_configuration,
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
    assert {guide.stem for guide in DOCS.glob("*.md") if blocks(guide)} == {*SETUPS, "data"}


@pytest.mark.parametrize("guide", sorted(SETUPS))
def test_the_python_of_a_guide_runs(guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(KERAS_RULES, "my_lambda", None)  # a rule that a guide adds goes with the test
    names = SETUPS[guide]()
    for block in blocks(DOCS / f"{guide}.md"):
        exec(compile(block, f"docs/{guide}.md", "exec"), names)
