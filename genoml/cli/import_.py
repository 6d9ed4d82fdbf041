"""``genoml import``: make a run folder of another tool's network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.cli.options import examples
from genoml.convert import RECIPES
from genoml.data import load_sequences
from genoml.runs import import_weights


@click.command(
    "import",
    epilog=examples(
        "genoml import model.keras --out RUN",
        "genoml import model.onnx --out RUN --check x.npy y.npy",
        "genoml import weights.h5 --topology model.json --out RUN --tasks Dev,Hk",
        "genoml import deepsea.beluga.pth --recipe beluga --out RUN",
        "genoml import model_1.pt model_2.pt --recipe openspliceai --context 10000 --out RUN",
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run folder to make.")
@click.option(
    "--recipe",
    metavar="NAME",
    help=f"The published network, for files of arrays alone: {', '.join(RECIPES)}; or genoml:NAME, one of "
    "genoml's own networks.",
)
@click.option(
    "--topology", metavar="JSON", type=click.Path(), help="A Keras model's JSON, for weights alone."
)
@click.option(
    "--length", "length_bp", type=click.IntRange(min=1), metavar="BP", help="Length of the sequences."
)
@click.option("--context", type=click.IntRange(min=0), metavar="BP", help="Bases of context that you expect.")
@click.option("--outputs", metavar="NODES", help="Outputs of a frozen graph or ONNX, where not its own.")
@click.option(
    "--bases", metavar="ORDER", help="Order of the bases in the file, such as AGCT  [default: ACGT]"
)
@click.option("--licence", default="", metavar="TEXT", help="Licence of the weights, kept with the run.")
@click.option("--tasks", default="", metavar="A,B", help="Names of the outputs.")
@click.option(
    "--check",
    nargs=2,
    type=click.Path(),
    metavar="IN OUT.npy",
    help="Sequences (FASTA; or one-hot in .npy, with the bases in the order A, C, G, T), and the original's outputs "
    "for them, to compare with.",
)
def command(
    files: tuple[Path, ...],
    out: Path,
    recipe: str | None,
    topology: str | None,
    length_bp: int | None,
    context: int | None,
    outputs: str | None,
    bases: str | None,
    licence: str,
    tasks: str,
    check: tuple[str, str] | None,
) -> None:
    """Make the run folder OUT of the network in FILES, which predict, evaluate, report and the other commands read.

    FILES are Keras models (.keras, .h5), TensorFlow's frozen graphs (.pb), ONNX, or arrays by name (PyTorch's .pt and
    .pth, safetensors, NumPy), whose network a --recipe names. The outputs of several files are averaged. No code of a
    file is run. A last softmax or sigmoid becomes the objective.

    --check compares with the original's outputs, and refuses a difference of more than 1e-4. Bases in another order
    than --bases says give no other sign.
    """
    try:
        run = import_weights(
            files,
            out,
            recipe=recipe,
            topology=topology,
            length_bp=length_bp,
            context=context,
            outputs=_names(outputs or "") or None,
            bases=bases,
            licence=licence,
            tasks=_names(tasks),
            check=(_sequences(check[0]), _array(check[1])) if check else None,
        )
    except ModuleNotFoundError as error:  # the package that reads the format
        raise ValueError(str(error)) from error
    source = run.record.source
    numbers = sum(value.size for table in (run.model.params, run.model.state) for value in table.values())
    of_all = "networks, averaged" if len(files) > 1 else "network"
    click.echo(f"{len(files)} {of_all}: {numbers:,} numbers, {run.record.length_bp:,} bp; {out}", err=True)
    if source is not None and source.difference is not None:
        click.echo(f"outputs as the original's, to {source.difference:.1g}", err=True)
    else:
        order = "ACGT" if source is None else source.bases
        click.echo(
            f"nothing was compared with the original's outputs, and the bases are taken to be {order}; "
            "--check IN OUT.npy compares",
            err=True,
        )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sequences(path: str) -> Any:
    """One-hot sequences of a file of NumPy's, or the letters of FASTA or FASTQ."""
    return _array(path) if path.endswith(".npy") else load_sequences(path, "zero").letters


def _array(path: str) -> np.ndarray:
    """An array of a file of NumPy's.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        with open(path, "rb") as file:
            found: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: no array of NumPy (.npy); save one with numpy.save") from error
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{path}: expects an array of numbers, got {found.dtype}")
    return found
