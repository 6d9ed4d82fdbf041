"""Figures as SVG elements of an HTML page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

from genoml import plot

__all__ = ["inline_svg", "one_figure"]

# The colours of text and lines that follow the reader's light or dark theme.
_THEME = (
    {plot.INK: "--ink", plot.MUTED: "--muted", plot.GRID: "--grid", plot.BAND: "--band"}
    | {colour: f"--line{i}" for i, (colour, _) in enumerate(plot.LINES)}
    | {colour: f"--base{base}" for base, colour in plot.BASE_COLOURS.items()}
)


def one_figure(name: str, alt: str, draw: Callable[[Any], Any], *, height: float = 3.2) -> dict[str, str]:
    """A figure of one axes, as wide as half the page: its SVG, and what it shows in words."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, height), layout="constrained")
    draw(figure.subplots())
    return {"alt": alt, "svg": inline_svg(figure, name, alt)}


def inline_svg(figure: Any, name: str, alt: str) -> str:
    """The figure as an SVG element for an HTML page.

    Identifiers are made unique to the figure and free of chance, colours become the page's variables, and
    what names an address (namespaces, metadata) or styles the whole page is removed. Coordinates keep two
    decimals of a point.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    for unwanted in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<defs>\s*</defs>"):
        svg = re.sub(unwanted, "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg {view.group() if view else ""} role="img" aria-label="{html.escape(alt)}">'
    svg = head + svg[svg.index(">") + 1 :]
    svg = svg.replace("xlink:href", "href")
    identifiers: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        identifiers.setdefault(found, f"{name}-{len(identifiers)}")
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{identifiers[m[1]]}"', svg)
    svg = re.sub(r'(href="#|url\(#)([^")]+)', lambda m: m[1] + identifiers.get(m[2], m[2]), svg)
    svg = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r"\n\s*", "\n", svg)
