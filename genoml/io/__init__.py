"""Files: FASTA, FASTQ and motif formats; errors name file, line and record."""

from __future__ import annotations

from genoml.io.errors import FormatError
from genoml.io.fasta import FastaRecord, read_fasta, write_fasta
from genoml.io.fastq import FastqRecord, read_fastq, read_sequences, write_fastq
from genoml.io.motifs import Motif, jaspar_motifs, read_meme, read_transfac, write_meme

__all__ = [
    "FastaRecord",
    "FastqRecord",
    "FormatError",
    "Motif",
    "jaspar_motifs",
    "read_fasta",
    "read_fastq",
    "read_meme",
    "read_sequences",
    "read_transfac",
    "write_fasta",
    "write_fastq",
    "write_meme",
]
