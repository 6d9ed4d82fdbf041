"""``genoml export``: write a run's network for other tools to run."""

from __future__ import annotations

from pathlib import Path

import click

from genoml.cli.options import backend_option, examples, open_run


def _length(context: click.Context, option: click.Parameter, given: str | None) -> int | str | None:
    """A number of bp, or the word any."""
    if given is None or given == "any":
        return given
    if not given.isdecimal() or int(given) < 1:
        raise click.BadParameter(f"expects a length in bp, or any; got {given!r}")
    return int(given)


@click.command(
    "export",
    epilog=examples(
        "genoml export RUN --onnx model.onnx",
        "genoml export RUN --onnx model.onnx --length any --codes",
        "genoml export RUN --onnx logits.onnx --logits --one-strand",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--onnx", required=True, metavar="FILE", type=click.Path(path_type=Path), help="File to write (.onnx)."
)
@click.option(
    "--length",
    metavar="BP|any",
    callback=_length,
    help="Length of the sequences that it reads: the training's if left out; any, where the network can.",
)
@click.option("--logits", is_flag=True, help="Outputs before the last function, in place of predictions.")
@click.option(
    "--one-strand", is_flag=True, help="The sequence as given, where predictions average both strands."
)
@click.option(
    "--codes", is_flag=True, help="Read base codes, uint8 (batch, length), in place of one-hot sequences."
)
@click.option(
    "--opset", default=17, show_default=True, type=click.IntRange(13, 21), help="ONNX's operator set."
)
@backend_option
def command(
    run: Path,
    onnx: Path,
    length: int | str | None,
    logits: bool,
    one_strand: bool,
    codes: bool,
    opset: int,
    backend_name: str | None,
) -> None:
    """Write the network of RUN as ONNX, which onnxruntime runs in C++, R, Java and browsers.

    The file reads one-hot sequences, float32 (batch, 4, length) with channels A C G T, and gives the predictions of
    `genoml predict`: both strands, calibration and standardised values are in it. Pad shorter sequences with zeros,
    equally at both ends. What it gives is compared with genoml's outputs where onnxruntime is installed.
    """
    from genoml.runs.export import export_run

    loaded = open_run(run, backend_name)
    try:
        difference = export_run(
            loaded, onnx, length=length, logits=logits, one_strand=one_strand, codes=codes, opset=opset
        )
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error
    reads = "any length" if length == "any" else f"{length or loaded.record.length_bp} bp"
    click.echo(
        f"{onnx}: {onnx.stat().st_size:,} bytes, reads {'codes' if codes else 'one-hot'} of {reads}", err=True
    )
    compared = f"onnxruntime gives the same to {difference:.0e}" if difference is not None else (
        "not compared with genoml's outputs: pip install onnxruntime"
    )  # fmt: skip
    click.echo(compared, err=True)
