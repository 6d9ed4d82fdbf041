"""``genoml backends``."""

from __future__ import annotations

import click

from genoml.backend import BackendError, backend_entry_points, get_backend


@click.command("backends")
def command() -> None:
    """List every installed backend: its flag, the library's version and device, or why it cannot be used here."""
    default = get_backend().name
    names = sorted(backend_entry_points())
    width = max(map(len, names), default=0)
    for name in names:
        try:
            facts = get_backend(name).describe()
        except BackendError as error:
            click.echo(f"  {name:{width}}  not usable: {error}")
            continue
        mark = "*" if name == default else " "
        click.echo(f"{mark} {name:{width}}  {facts['version']} on {facts['device']}")
    click.echo("\n* is the default; choose another with --backend FLAG or GENOML_BACKEND=FLAG.")
