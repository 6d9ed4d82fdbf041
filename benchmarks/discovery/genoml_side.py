"""discover_motifs on a set, in a process of its own: writes what modisco_side.py writes.

GENOML_THREADS=1 python -m benchmarks.discovery.genoml_side SET.npz RESULT.npz [--most 20000] [--warm SMALL.npz]
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np

from genoml.explain import call_seqlets, discover_motifs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set")
    parser.add_argument("result")
    parser.add_argument("--most", type=int, default=20_000, help="seqlets of either sign")
    parser.add_argument("--warm", default=None, help="a small set that compiles the kernels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    threads = int(os.environ.get("GENOML_THREADS", "1"))
    if options.warm:
        with np.load(options.warm) as file:
            discover_motifs(file["hypothetical"], file["codes"], threads=threads)
    with np.load(options.set) as file:
        hypothetical, codes, actual = file["hypothetical"], file["codes"], file["actual"]
    start = time.perf_counter(), time.process_time()
    motifs = discover_motifs(
        hypothetical, codes, most_seqlets=options.most, seed=options.seed, threads=threads
    )
    seconds = [time.perf_counter() - start[0], time.process_time() - start[1]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seqlets = call_seqlets(actual, "windows")
    found: dict[str, object] = {
        "seconds": seconds,
        "peak_mib": [peak],
        "sign": np.array([motif.sign for motif in motifs], np.int8),
        "extracted": np.stack([seqlets.example, seqlets.start, seqlets.end], axis=1),
        "motif": np.repeat(np.arange(len(motifs)), [motif.n_seqlets for motif in motifs]),
    }
    for name in ("example", "start", "strand"):
        found[name] = np.concatenate([np.zeros(0, np.int64), *(getattr(motif, name) for motif in motifs)])
    for name in ("probabilities", "contributions", "hypothetical"):
        found.update({f"{name}_{number}": getattr(motif, name) for number, motif in enumerate(motifs)})
    np.savez_compressed(options.result, **found)
    counts = [motif.n_seqlets for motif in motifs]
    print(
        f"{options.set}: {seconds[0]:.1f} s, {seconds[1]:.1f} s of the processor, {peak:.0f} MiB, "
        f"signs {[motif.sign for motif in motifs]}, seqlets {counts}"
    )


if __name__ == "__main__":
    main()
