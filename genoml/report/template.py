"""Pages from the templates among the package's resources."""

from __future__ import annotations

from importlib.resources import files
from os import PathLike
from typing import Any

from genoml.io.files import write_whole

__all__ = ["write_page"]


def write_page(path: str | PathLike[str], template: str, **values: Any) -> None:
    """Write a page of a template; the file appears under its name only when it is complete.

    Raises
    ------
    ImportError
        If Jinja is missing: ``pip install genoml-xp[report]``.
    FileNotFoundError, IsADirectoryError
        If there is no directory for the file, or ``path`` is one.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("a report needs Jinja and Matplotlib: pip install genoml-xp[report]") from error
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template(template).render(**values)
    with write_whole(path) as stream:
        stream.write(page.encode("utf-8"))


def _source(name: str) -> str:
    return files("genoml").joinpath("resources", name).read_text(encoding="utf-8")
