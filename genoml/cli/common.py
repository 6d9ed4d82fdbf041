"""The option for the backend, which several commands share."""

from __future__ import annotations

import os

import click

from genoml.backend import Backend, BackendError, get_backend, use_backend

backend_option = click.option(
    "--backend",
    "backend_name",
    metavar="FLAG",
    default=None,
    help="Array library to run on: numpy (default), cupy, torch, jax, ... See `genoml backends`.",
)


def open_backend(name: str | None) -> Backend:
    """Open the backend with this name, or the default one, and make it the default while the command runs.

    Raises
    ------
    BackendError
        If it is unknown or cannot be used here.
    """
    try:
        return click.get_current_context().with_resource(use_backend(get_backend(name)))
    except BackendError as error:
        origin = "GENOML_BACKEND: " if name is None and os.environ.get("GENOML_BACKEND") else ""
        raise BackendError(f"{origin}{error}; see genoml backends") from error
