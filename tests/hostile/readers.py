"""Damaged files of every format: each is read, or refused with an error that names the file, and of text the line."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from genoml.data import read_table_data
from genoml.genome import GenomeStore
from genoml.genome.store_file import build_store
from genoml.io import (
    FormatError,
    read_bed,
    read_fasta,
    read_fastq,
    read_genes,
    read_jaspar,
    read_meme,
    read_motifs,
    read_narrowpeak,
    read_pairs,
    read_sequences,
    read_substitution_matrix,
    read_transfac,
    read_vcf,
    read_weights,
)
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import config_text, read_config
from genoml.runs.search_ranges import read_ranges
from support.mutations import mutations
from support.weights_files import sound_files

Read = Callable[[Path], Iterable[Any]]

_FASTA = b">a one\nACGTNACGTACGTAC\nRYKACGTACG\n>b\nACGUN\n\n>c\tx\nacgt\n"
_FASTQ = b"@r1/1 x\nACGTNACGT\n+\n!5I#+@~II\n@r2/1\nACGT\n+r2/1\nhhhh\n"
_WRAPPED = b"@r1\nACGTN\nACGT\n+\n@5I#+\n+~II\n@r2\nAC\n+\n@@\n"
_PAIRS = b"@r1/1\nACGT\n+\nIIII\n@r1/2\nGGTT\n+\nIIII\n@r2 1:N:0:A\nAC\n+\nII\n@r2 2:N:0:A\nGG\n+\nII\n"
_BED = b"track name=x\n# y\nchr1\t10\t50\tg1\t960\t+\t12\t48\t255,0,10\t2\t10,15,\t0,25,\n"
_PEAK = b"chr1\t9356548\t9356648\tp1\t0\t.\t182\t5.0945\t-1\t50\nchr2\t5\t9\t.\t0\t+\t1\t-1\t-1\t-1\n"
_JASPAR = (
    b">MA0004.1\tArnt\nA  [ 4 19  0 ]\nC  [16  0 20 ]\nG  [ 0  1  0 ]\nT  [ 0  0  0 ]\n"
    b">b\nA [3]\nC [8]\nG [2]\nT [1]\n"
)
_PFM = b">MA0004.1 Arnt\n 4 19  0\n16  0 20\n 0  1  0\n 0  0  0\n"
_HOMER = (
    b">ACGA\t1-ACGA\t5.17\t-342.61\t0\tT:22.0\n0.997\t0.001\t0.001\t0.001\n"
    b"0.001\t0.997\t0.001\t0.001\n1\t0\t0\t0\n"
)
_BUSTER = b"# two motifs\n>one\n0 1 9 0\n10 0 0 0\n2 3 4 1\n>two /weight=1\n1 0 0 9\n# inside\n4 0 6 0\n"
_PCM = b">AHR_HUMAN.H11MO.0.B\n40.5\t18.25\t56.25\t39\n10.75\t11.25\t34.75\t97.25\n0\t3.5\t0.5\t150\n"
_VCF = (
    b"##fileformat=VCFv4.3\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"
    b"1\t14370\trs6\tG\tA\t29\tPASS\tNS=3;DB\tGT\t0|1\n1\t17330\t.\tgtc\tG,GTCT,*\t3\tq10\t.\tGT\t1/2\n"
    b"X\t7\t.\tN\t<DEL>,]13:5]T\t.\t.\tEND=9\tGT\t0/1\n"
)
_SNPS = b"SNP,CHR,BP,A2,A1,P\nrs1,1,100,g,a,\nrs2,X,7,T,TA,0.5\n"
_COLUMNS = {"chrom": "CHR", "pos": "BP", "ref": "A2", "alt": "A1", "id": "SNP"}
_MEME = b"""MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF M1 TEST
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
0.1 0.2\t0.3 0.4
1.0 0.0 0.0 0.0
URL none

MOTIF M2
letter-probability matrix:
 0.25 0.25 0.25 0.25
"""
_TRANSFAC = (
    b"VV x\nXX\n//\nAC MA0001.1\nXX\nID TEST\nDE MA0001.1 TEST\nPO\tA\tC\tG\tT\n01\t1.0\t2.0\t3.0\t4.0\n"
    b"02\t10.0\t0.0\t0.0\t0.0\nXX\nCC tax_group:none\nXX\n//\nID b\nP0 A C G T\n00 1 2 3 4 N\nXX\n//\n"
)
_GTF = b"#!x\n" + b"".join(
    b'chr1\tE\texon\t%d\t%d\t.\t+\t.\tgene_id "G1"; gene_name "ONE";\n' % (at, at + 20) for at in (11, 41, 90)
)
_GFF3 = (
    b"##gff-version 3\nchr1\tx\tgene\t11\t60\t.\t-\t.\tID=g;Name=O%3B\nchr1\tx\tmRNA\t11\t60\t.\t-\t.\tID=t;Parent=g\n"
    b"chr1\tx\texon\t11\t20\t.\t-\t.\tParent=t\nchr1\tx\texon\t41\t60\t.\t-\t.\tParent=t\n"
)
_GENES = (
    b"#NAME\tCHROM\tSTRAND\tTX_START\tTX_END\tEXON_START\tEXON_END\nONE\t1\t+\t10\t60\t10,40,\t30,60,\n"
    b"TWO\t1\t-\t10\t60\t10,\t60,\n"
)
_TABLE = (
    b'name,seq,dev,hk,kind,set,w\na,ACGTACGT,1.5,-2,EI,chr1,1\nb,"acgun",NA,3e2,IE,chr2,0.5\n'
    b'"c, ""d""",RYSW,,nan,N,chr1,2\n'
)
_RANGES = (
    b'model = { choice = ["motif_cnn", "promoter_cnn"] }\nepochs = 9\nlearning_rate = { log_uniform = [1e-4, 0.1] }\n'
    b"[model_options]\nfilters = { log_integer = [8, 128] }\nkernel_size = { integer = [7, 19] }\n"
)
_NUMBERS: dict[str, Any] = {
    "sequence": "seq", "targets": ["dev", "hk"], "group": "set", "name": "name", "weight": "w",
}  # fmt: skip


def _store(path: Path) -> list[Any]:
    """Every base of a FASTA file through a genome's store."""
    store = path.with_suffix(".store")
    store.unlink(missing_ok=True)
    build_store(path, store)
    GenomeStore.open(store).verify()
    return []


@dataclass(frozen=True)
class Reader:
    """A reader with a sound file, and the share of the damaged files that it is given."""

    read: Read
    sound: bytes
    #: TOML names the key of a value, or the line of what is no TOML
    share: int = 4
    has_lines: bool = True


def readers() -> dict[str, Reader]:
    """Every reader of text and of weights by name; the model in zip is there as HDF5."""
    matrix = (files("genoml") / "resources" / "matrices" / "NUC.4.4").read_bytes()
    settings = config_text(TrainConfig(model_options={"dropout": [0.1, 0.2, 0.3]})).encode()
    return {
        "fasta": Reader(read_fasta, _FASTA),
        "fasta of protein": Reader(partial(read_fasta, letters="protein"), b">p\nMKV*\n>q z\nGGHY\n"),
        "sequences": Reader(read_sequences, _FASTA + _FASTA),
        "fastq": Reader(read_fastq, _FASTQ),
        "fastq, phred 64": Reader(
            partial(read_fastq, encoding="phred64"), _FASTQ.replace(b"!5I#+@~II", b"@Bhgfe~hh")
        ),
        "fastq, wrapped": Reader(read_fastq, _WRAPPED),
        "pairs": Reader(read_pairs, _PAIRS),
        "bed": Reader(lambda path: [read_bed(path)], _BED + _BED[17:]),
        "bed6": Reader(
            lambda path: [read_bed(path)], b"chr1 1 5\tx 1 +\nchr2 1 9 y 2 -\n".replace(b" ", b"\t")
        ),
        "narrowPeak": Reader(lambda path: [read_narrowpeak(path)], _PEAK),
        "vcf": Reader(lambda path: [read_vcf(path)], _VCF),
        "gtf": Reader(lambda path: read_genes(path).genes, _GTF),
        "gff3": Reader(lambda path: read_genes(path).genes, _GFF3),
        "table of genes": Reader(lambda path: read_genes(path).genes, _GENES, share=1),
        "table of variants": Reader(lambda path: [read_vcf(path, columns=_COLUMNS)], _SNPS),
        "jaspar": Reader(read_jaspar, _JASPAR),
        "pfm": Reader(read_jaspar, _PFM),
        "meme": Reader(read_meme, _MEME),
        "transfac": Reader(read_transfac, _TRANSFAC),
        "motifs": Reader(read_motifs, _JASPAR + _PFM),
        "homer": Reader(read_motifs, _HOMER),
        "cluster-buster": Reader(read_motifs, _BUSTER),
        "pcm": Reader(read_motifs, _PCM),
        "meme by content": Reader(read_motifs, _MEME),
        "transfac by content": Reader(read_motifs, _TRANSFAC),
        "substitution matrix": Reader(lambda path: [read_substitution_matrix(path)], matrix, share=2),
        "table of numbers": Reader(lambda path: [read_table_data(path, **_NUMBERS)], _TABLE),
        "table of classes": Reader(
            lambda path: [read_table_data(path, sequence="seq", classes="kind")], _TABLE.replace(b",", b"\t")
        ),
        "genome": Reader(_store, _FASTA.replace(b"\n\n", b"\n"), share=2),
        "settings": Reader(lambda path: [read_config(path, {})], settings, share=2),
        "ranges": Reader(lambda path: [read_ranges(path)], _RANGES, share=2),
    } | {
        f"weights, {name}": Reader(lambda path: [read_weights(path)], sound, share, has_lines=False)
        for name, sound in sound_files().items()
        if (share := {"model.keras": 0, "model.h5": 1}.get(name, 2))  # each takes a process
    }


@dataclass
class Tally:
    """What became of the damaged files; ``faults`` has an example of each kind of fault."""

    files: int = 0
    refused: int = 0
    faulty: int = 0
    faults: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.files} files, {self.refused} refused with file and line, {self.faulty} at fault"

    def add(self, other: Tally) -> None:
        """Add what another process found."""
        self.files += other.files
        self.refused += other.refused
        self.faulty += other.faulty
        self.faults = other.faults | self.faults

    def take(self, name: str, reader: Reader, path: Path) -> None:
        """Read one damaged file to its end."""
        self.files += 1
        try:
            for _ in reader.read(path):
                pass
        except FormatError as error:
            names_it = error.path == str(path) and str(path) in str(error) and str(error).isprintable()
            if names_it and ((error.line or 0) >= 1 or not reader.has_lines):
                self.refused += 1
            else:
                self._fault(f"{name}: line {error.line} of {error.path}: {error}", path)
        except Exception as error:
            self._fault(f"{name}: {type(error).__name__}: {error}", path)

    def _fault(self, words: str, path: Path) -> None:
        self.faulty += 1
        self.faults.setdefault(re.sub(r"\d+", "N", words), path.read_bytes())


def _damaged(sound: bytes, count: int, seed: int) -> Iterable[bytes]:
    """Damaged copies; every third is damaged twice or more, at random."""
    draw = random.Random(seed)
    for number, (_, content) in enumerate(mutations(sound, count, seed)):
        for _ in range(draw.randrange(1, 4) if number % 3 == 0 else 0):
            if len(content) > 1 and content.strip():
                kind = draw.randrange(11)
                ((_, content),) = islice(
                    mutations(content, kind + 1, draw.randrange(1 << 30)), kind, kind + 1
                )
        yield content


def read_damaged(
    folder: Path, count: int, seed: int, say: Callable[[str], None] = lambda line: None
) -> Tally:
    """Give about ``count`` damaged files to the readers."""
    known = readers()
    shares = sum(reader.share for reader in known.values())
    total = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place, (name, reader) in enumerate(known.items()):
            path = folder / f"damaged{place}"
            for content in _damaged(reader.sound, -(-count * reader.share // shares), seed + place):
                path.write_bytes(content)
                total.take(name, reader, path)
            say(f"{name}: {total} so far")
    return total
