"""``genoml config``: print the settings of training."""

from __future__ import annotations

from pathlib import Path

import click

from genoml.cli.options import examples, model_completion
from genoml.models import MODELS
from genoml.runs.config_text import read_config


@click.command(
    "config",
    epilog=examples(
        "genoml config > settings.toml", "genoml config --model danq", "genoml config settings.toml"
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=model_completion,
    help=f"Network whose options to list: {', '.join(MODELS)}.",
)
def command(file: Path | None, model: str | None) -> None:
    """Print every setting of `genoml train` with its default and meaning, as a file of settings.

    With FILE, its settings are checked and printed with those that it leaves out.
    """
    from genoml.runs.config_text import config_text, options_text

    config = read_config(file, {"model": model})
    click.echo(config_text(config) + "\n" + options_text(config.network), nl=False)
