"""``python -m genoml.testing --backend NAME``: check genoml's layers and losses on this machine.

Measures every public layer, in all settings of the registry, and every loss on a backend: gradients against
central differences and all numbers against NumPy's. Prints the figures. The exit code is 1 if one is over its limit,
2 if the backend cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from genoml.backend import Backend, BackendError, get_backend, use_backend
from genoml.testing.cases import loss_cases
from genoml.testing.layers import LAYERS
from genoml.testing.measure import LIMITS, Figures, has_float64, measure_layer, measure_loss

#: (backend, dtype) -> figures
Measure = Callable[[Backend, str], Figures]


def measurements() -> Iterator[tuple[str, Measure]]:
    """The name of every layer and loss, with the function that measures it."""
    for name, layer in LAYERS.items():
        yield name, lambda on, dtype, case=layer: measure_layer(case, backend=on, dtype=dtype)  # type: ignore[misc]
    for name, loss in loss_cases().items():
        yield name, lambda on, dtype, case=loss: measure_loss(case, backend=on, dtype=dtype)  # type: ignore[misc]


def line_of(name: str, figures: dict[str, Figures]) -> str:
    """One row of the table: the gradient's error, the differences from NumPy in each dtype, the verdict."""
    gradient = figures["float64"].gradient if "float64" in figures else None
    cells = [f"{gradient:.1e}" if gradient is not None else "-"]
    cells += [
        f"{figures[dtype].difference:.1e}" if dtype in figures else "-" for dtype in ("float64", "float32")
    ]
    failed = [text for dtype, found in figures.items() for text in found.failures(dtype)]
    return f"{name:40} {cells[0]:>10} {cells[1]:>10} {cells[2]:>10}  {'; '.join(failed) or 'ok'}"


def run(backend: Backend) -> int:
    """Print the table; return the number of entries over a limit."""
    facts = backend.describe()
    print(f"backend {backend.name}: {facts['version']} on {facts['device']}")
    dtypes = ["float64", "float32"] if has_float64(backend) else ["float32"]
    if len(dtypes) == 1:
        print("no float64 here: gradients are compared with NumPy's alone")
    print(f"{'':40} {'gradient':>10} {'float64':>10} {'float32':>10}")
    wrong = count = 0
    for name, measure in measurements():
        count += 1
        try:
            figures = {dtype: measure(backend, dtype) for dtype in dtypes}
        except Exception as error:  # whatever the library raises, the other layers are of interest
            wrong += 1
            print(f"{name:40} {type(error).__name__}: {' '.join(str(error).split())}", flush=True)
            continue
        wrong += any(found.failures(dtype) for dtype, found in figures.items())
        print(line_of(name, figures), flush=True)
    limits = ", ".join(f"{limit:.0e} in {dtype}" for dtype, limit in LIMITS.difference.items())
    print(f"\ngradient: against central differences, limit {LIMITS.gradient:.0e}")
    print(f"float64, float32: outputs and gradients against NumPy in float64, limits {limits}")
    print(f"{count - wrong} of {count} layers and losses are right on {backend.name}")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m genoml.testing", description=__doc__)
    parser.add_argument("--backend", help="numpy, cupy, torch, jax, ...; the default backend if not given")
    options = parser.parse_args(arguments)
    try:
        backend = get_backend(options.backend)
    except BackendError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with use_backend(backend):
        return 1 if run(backend) else 0


if __name__ == "__main__":
    sys.exit(main())
