"""TFMoDISco of modisco-lite on a set; needs only modisco-lite, so it runs in an environment of its own.

    pip install modisco-lite==3.0.0
    NUMBA_NUM_THREADS=1 python benchmarks/discovery/modisco_side.py SET.npz RESULT.npz [--warm SMALL.npz]
    python benchmarks/discovery/modisco_side.py SET.npz RESULT.npz --seqlets

RESULT.npz holds, of each motif i, ``probabilities_i``, ``contributions_i`` and ``hypothetical_i`` (width, 4); of all
seqlets of motifs ``motif``, ``example``, ``start``, ``end`` and ``strand``; ``sign`` of each motif; the seqlets that
were extracted, ``extracted`` (example, start, end), in their order; ``seconds``, of the clock and of the processor, of
a run whose kernels are compiled (``--warm``); ``peak_mib``, of the process and of its largest child; ``version``, and
``runs`` of Leiden. With --seqlets it holds ``extracted`` and ``version`` alone.
"""

from __future__ import annotations

import argparse
import resource
import time
from importlib.metadata import version

import numpy as np
from modiscolite import extract_seqlets
from modiscolite.tfmodisco import TFMoDISco


def extracted(one_hot: np.ndarray, hypothetical: np.ndarray) -> np.ndarray:
    """Seqlets by modisco's defaults: example, start, end."""
    found, _ = extract_seqlets.extract_seqlets(
        attribution_scores=(one_hot * hypothetical).sum(axis=2),
        window_size=21,
        flank=10,
        suppress=20,
        target_fdr=0.2,
        min_passing_windows_frac=0.03,
        max_passing_windows_frac=0.2,
        weak_threshold_for_counting_sign=0.8,
    )
    return np.array([(seqlet.example_idx, seqlet.start, seqlet.end) for seqlet in found], np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set")
    parser.add_argument("result")
    parser.add_argument("--most", type=int, default=20_000, help="seqlets of either sign")
    parser.add_argument("--warm", default=None, help="a small set that compiles the kernels")
    parser.add_argument("--runs", type=int, default=50, help="of Leiden, of which the best is taken")
    parser.add_argument("--seqlets", action="store_true", help="extract seqlets, and no more")
    options = parser.parse_args()
    if options.seqlets:
        found = extracted(*inputs(options.set))
        np.savez_compressed(options.result, extracted=found, version=version("modisco-lite"))
        print(f"{options.set}: {len(found)} seqlets")
        return
    if options.warm:
        TFMoDISco(*inputs(options.warm), max_seqlets_per_metacluster=options.most)
    one_hot, hypothetical = inputs(options.set)
    start = time.perf_counter(), processor_seconds()
    patterns = TFMoDISco(
        one_hot, hypothetical, max_seqlets_per_metacluster=options.most, n_leiden_runs=options.runs
    )
    seconds = [time.perf_counter() - start[0], processor_seconds() - start[1]]
    peak = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    result: dict[str, object] = {"seconds": seconds, "peak_mib": peak, "version": version("modisco-lite")}
    result["runs"] = options.runs
    signs, seqlets = [], []
    for sign, own in zip((1, -1), patterns, strict=True):
        for pattern in own or ():
            number = len(signs)
            signs.append(sign)
            result[f"probabilities_{number}"] = pattern.sequence
            result[f"contributions_{number}"] = pattern.contrib_scores
            result[f"hypothetical_{number}"] = pattern.hypothetical_contribs
            seqlets += [
                (number, one.example_idx, one.start, one.end, -1 if one.is_revcomp else 1)
                for one in pattern.seqlets
            ]
    columns = np.array(seqlets, np.int64).reshape(-1, 5).T
    result.update(zip(("motif", "example", "start", "end", "strand"), columns, strict=True))
    np.savez_compressed(
        options.result, sign=np.array(signs, np.int8), extracted=extracted(one_hot, hypothetical), **result
    )
    counts = np.bincount(columns[0], minlength=len(signs)).tolist()
    print(f"{options.set}: {seconds[0]:.1f} s, {seconds[1]:.1f} s of the processor, {peak[0]:.0f} MiB")
    print(f"signs {signs}, seqlets {counts}")


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def inputs(path: str) -> tuple[np.ndarray, np.ndarray]:
    """One-hot sequences and hypothetical contributions (n, length, 4), float32."""
    with np.load(path) as file:
        codes, hypothetical = file["codes"], file["hypothetical"].astype(np.float32)
    return np.eye(5, 4, dtype=np.float32)[np.minimum(codes, 4)], hypothetical


if __name__ == "__main__":
    main()
