"""Speed beside PyTorch on the same machine, in one process: ``python -m benchmarks.speed``."""
