"""Agreement of genoml with the tools that people trust, as tables; ``python -m benchmarks.agreement --data DIR``."""
