"""Work that is no network's step: explaining, scanning and reading, as each library's users would write it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.rows import network


@dataclass(frozen=True)
class Ready:
    """Work that can be run again and again; it gives what the sides are to agree in."""

    run: Callable[[], np.ndarray]


#: (threads, what lives as long as the work) -> the work
Start = Callable[[int, ExitStack], Ready]


@dataclass(frozen=True)
class Work:
    """A piece of work.

    Attributes
    ----------
    sides : mapping of str to callable
        By side; ``"genoml"`` is one.
    tolerance : float
        How far the results may be apart, relative to their norm. memelite bins its scores: its numbers of hits are
        some percent off.
    target : float or None
        The other side's time over genoml's that is to be reached.
    """

    sides: Mapping[str, Start]
    tolerance: float
    target: float | None = None


_SALIENCY = network("bpnet", 16, 2114)
_MUTATED = network("deepstarr", 4, 249, dropout=0.0)


def _codes(row: Any) -> np.ndarray:
    return np.ascontiguousarray(row.inputs().argmax(axis=1)).astype(np.uint8)


def _torch(row: Any, threads: int) -> Any:
    import torch

    from benchmarks.speed.torch_side import build, copy_parameters

    torch.set_num_threads(threads)
    module = build(row)
    copy_parameters(row.build().params, module)
    return module.eval()


def _genoml_saliency(threads: int, stack: ExitStack) -> Ready:
    from genoml.explain import saliency

    model, codes = _SALIENCY.build(), _codes(_SALIENCY)
    return Ready(lambda: saliency(model, codes, task=-1, corrected=False, both_strands=False).actual)


def _torch_saliency(threads: int, stack: ExitStack) -> Ready:
    import torch

    module = _torch(_SALIENCY, threads)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    x = torch.tensor(np.ascontiguousarray(_SALIENCY.inputs()))

    def run() -> np.ndarray:
        given = x.clone().requires_grad_(True)
        (grad,) = torch.autograd.grad(module(given)[:, -1].sum(), given)
        return (grad * x).sum(dim=1).numpy()

    return Ready(run)


def _genoml_mutants(threads: int, stack: ExitStack) -> Ready:
    from genoml.explain import in_silico_mutagenesis

    model, codes = _MUTATED.build(), _codes(_MUTATED)
    return Ready(lambda: in_silico_mutagenesis(model, codes, both_strands=False))


def _torch_mutants(threads: int, stack: ExitStack) -> Ready:
    """Every mutant whole: a batch for the mutants of each sequence."""
    import torch

    module, x = _torch(_MUTATED, threads), torch.tensor(np.ascontiguousarray(_MUTATED.inputs()))
    length = x.shape[2]
    at, base = (
        grid.flatten() for grid in torch.meshgrid(torch.arange(length), torch.arange(4), indexing="ij")
    )

    def run() -> np.ndarray:
        found = []
        with torch.inference_mode():
            own = module(x)[:, 0]
            for number, sequence in enumerate(x):
                changed = sequence[base, at] == 0  # the sequence's own base changes nothing
                mutants = sequence.repeat(int(changed.sum()), 1, 1)
                each = torch.arange(len(mutants))
                mutants[each, :, at[changed]] = 0.0
                mutants[each, base[changed], at[changed]] = 1.0
                effects = torch.zeros(4 * length)
                effects[changed] = (
                    torch.cat([module(some)[:, 0] for some in mutants.split(256)]) - own[number]
                )
                found.append(effects.reshape(length, 4))
        return torch.stack(found).numpy()

    return Ready(run)


def _scanned() -> tuple[list[Any], np.ndarray]:
    """50 JASPAR motifs, and 500 sequences of 2,000 bp as codes."""
    from genoml.io import jaspar_motifs

    known, rng = jaspar_motifs(), np.random.default_rng(0)
    motifs = [known[i] for i in rng.permutation(len(known))[:50].tolist()]
    return motifs, rng.integers(0, 4, (500, 2000), dtype=np.uint8)


def _genoml_scan(threads: int, stack: ExitStack) -> Ready:
    from genoml.sequence import PWM, MotifScanner, decode

    motifs, codes = _scanned()
    letters = [str(row) for row in decode(codes)]

    def run() -> np.ndarray:
        hits = MotifScanner([PWM.from_motif(motif) for motif in motifs]).scan(letters)
        return np.bincount(hits.motif, minlength=len(motifs)).astype(float)

    return Ready(run)


def _memelite_scan(threads: int, stack: ExitStack) -> Ready:
    import memelite
    import numba

    numba.set_num_threads(threads)
    motifs, codes = _scanned()
    bank = {motif.name: motif.probabilities.T.copy() for motif in motifs}
    one_hot = np.eye(4, dtype=np.int8)[codes].transpose(0, 2, 1)
    return Ready(
        lambda: np.array([float(len(hits)) for hits in memelite.fimo(bank, one_hot, threshold=1e-4)])
    )


def _sequences(stack: ExitStack, kind: str) -> Path:
    """100,000 reads of 150 bp, or a genome of 4.6 Mb in lines of 80."""
    rng = np.random.default_rng(0)
    path = Path(stack.enter_context(tempfile.TemporaryDirectory()), f"sequences.{kind}")
    if kind == "fasta":
        letters = rng.choice(list(b"ACGT"), 4_640_000).astype(np.uint8).reshape(-1, 80)
        path.write_bytes(b">genome\n" + b"\n".join(row.tobytes() for row in letters) + b"\n")
        return path
    reads = rng.choice(list(b"ACGT"), (100_000, 150)).astype(np.uint8)
    qualities = rng.integers(35, 74, reads.shape, dtype=np.uint8)
    path.write_bytes(
        b"".join(
            b"@read:%d\n%b\n+\n%b\n" % (number, read.tobytes(), quality.tobytes())
            for number, (read, quality) in enumerate(zip(reads, qualities, strict=True))
        )
    )
    return path


def _total(records: Any) -> np.ndarray:
    return np.array([float(sum(len(record.sequence) for record in records))])


def _genoml_reads(kind: str) -> Start:
    def start(threads: int, stack: ExitStack) -> Ready:
        from genoml.io import read_fasta, read_fastq

        path, read = _sequences(stack, kind), read_fasta if kind == "fasta" else read_fastq
        return Ready(lambda: _total(read(path)))

    return start


def _dnaio_reads(kind: str) -> Start:
    def start(threads: int, stack: ExitStack) -> Ready:
        import dnaio

        path = _sequences(stack, kind)

        def run() -> np.ndarray:
            with dnaio.open(path) as records:
                return _total(records)

        return Ready(run)

    return start


def _reading(kind: str) -> dict[str, Start]:
    return {"genoml": _genoml_reads(kind), "dnaio": _dnaio_reads(kind)}


WORK: dict[str, Work] = {
    "saliency, BPNet, 16 x 2114": Work({"genoml": _genoml_saliency, "eager": _torch_saliency}, 1e-3),
    "mutagenesis, DeepSTARR, 4 x 249": Work({"genoml": _genoml_mutants, "eager": _torch_mutants}, 1e-3),
    "scan, 50 motifs, 500 x 2 kb, p < 1e-4": Work({"genoml": _genoml_scan, "memelite": _memelite_scan}, 0.15, 0.5),
    "FASTQ record by record, 100,000 x 150 bp": Work(_reading("fastq"), 0.0, 0.8),
    "FASTA, 4.6 Mb": Work(_reading("fasta"), 0.0),
}  # fmt: skip
