"""Figures as images of an HTML page."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from genoml import plot

__all__ = ["one_figure", "svg_address"]

# The colours of figures where the reader's theme is dark.
_DARK = {
    plot.INK: "#e7ebf0",
    plot.MUTED: "#9ba6b4",
    plot.GRID: "#2c343d",
    plot.BAND: "#1f2730",
    plot.BASE_COLOURS["A"]: "#45b862",
    plot.BASE_COLOURS["C"]: "#5b94f5",
    plot.BASE_COLOURS["G"]: "#f2a52e",
    plot.BASE_COLOURS["T"]: "#f06464",
} | {
    light: dark
    for (light, _), dark in zip(plot.LINES, ("#56b4e9", "#f08a3c", "#2fc495", "#dd9bc0"), strict=True)
}
_RULES = "".join(
    f'[style*="{part}: {light}"]{{{part}:{dark}!important}}'
    for light, dark in _DARK.items()
    for part in ("fill", "stroke")
)
_STYLE = f"<style>@media (prefers-color-scheme: dark){{{_RULES}}}</style>"


def one_figure(alt: str, draw: Callable[[Any], Any], *, height: float = 3.2) -> dict[str, str]:
    """A figure of one axes, as wide as half the page: its address, and what it shows in words."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, height), layout="constrained")
    draw(figure.subplots())
    return {"alt": alt, "image": svg_address(figure)}


def svg_address(figure: Any) -> str:
    """The figure as a data address for the ``src`` of an image: the same figure gives the same address.

    An SVG file of its own, so that no name or style in it meets those of the page. Its style sheet follows the
    reader's light or dark theme; Matplotlib writes each colour into the style of its element, where the rules
    find it.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "genoml"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue().removesuffix("</svg>\n") + _STYLE + "</svg>"
    return "data:image/svg+xml," + quote(svg.replace("\n", " "), safe=" ,:;=/()-!*")
