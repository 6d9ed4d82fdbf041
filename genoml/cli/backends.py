"""``genoml backends``: list the installed backends."""

from __future__ import annotations

import os

import click

from genoml.backend import backend_entry_points, get_backend
from genoml.cli.options import examples


@click.command("backends", epilog=examples("genoml backends"))
def command() -> None:
    """List every installed backend: its flag, library version and device, or why it cannot be used here."""
    default = os.environ.get("GENOML_BACKEND") or "numpy"
    names = sorted(backend_entry_points())
    width = max(map(len, names), default=0)
    for name in names:
        mark = "*" if name == default else " "
        try:
            facts = get_backend(name).describe()
        except Exception as error:  # one package's failure, whatever it is, must not hide the others
            click.echo(f"{mark} {name:{width}}  not usable: {' '.join(str(error).split())}")
            continue
        click.echo(f"{mark} {name:{width}}  {facts['version']} on {facts['device']}")
    if default not in names:
        click.echo(f"\nGENOML_BACKEND={default} is none of them.")
    click.echo("\n* is the default; choose another with --backend FLAG or GENOML_BACKEND=FLAG.")
