"""Sequence logos as SVG, for notebooks; without Matplotlib, which ``genoml.plot.logo`` needs."""

from __future__ import annotations

from html import escape

import numpy as np

#: base -> colour, as in genoml.plot, and outline in the unit square, from the top
_GLYPHS = {
    "A": ("#2f8f46", "M0 1L.38 0H.62L1 1H.78L.7 .76H.3L.22 1ZM.36 .58H.64L.5 .16Z"),
    "C": (
        "#2a63c4",
        "M1 .7C.96 .9 .78 1 .54 1C.2 1 0 .8 0 .5C0 .2 .2 0 .54 0C.78 0 .96 .1 1 .3H.78C.74 .22 .66 .17 .54 .17"
        "C.34 .17 .22 .29 .22 .5C.22 .71 .34 .83 .54 .83C.66 .83 .74 .78 .78 .7Z",
    ),
    "G": (
        "#e08a00",
        "M1 .46V.86C.88 .95 .72 1 .54 1C.2 1 0 .8 0 .5C0 .2 .2 0 .54 0C.76 0 .94 .08 1 .26L.79 .31"
        "C.75 .22 .66 .17 .54 .17C.34 .17 .22 .29 .22 .5C.22 .71 .34 .83 .56 .83C.64 .83 .72 .81 .79 .77V.62H.56V.46Z",
    ),
    "T": ("#cf3030", "M0 0H1V.18H.61V1H.39V.18H0Z"),
}
#: pixels of a position, and of a bit
_COLUMN, _BIT = 15, 30


def logo_html(probabilities: np.ndarray, title: str) -> str:
    """A motif as its logo under a title: letters as high as their share of the position's information, 2 bits at most.

        height[i, b] = p[i, b] IC[i]  bits,    IC[i] = 2 + sum_b p[i, b] log2(p[i, b])

    Shapes
    ------
    probabilities : (width, 4), columns A, C, G, T
    """
    logs = np.log2(np.where(probabilities > 0, probabilities, 1.0))
    heights = probabilities * (2 + np.sum(probabilities * logs, axis=1, keepdims=True)) * _BIT
    letters = "".join("ACGT"[base] for base in probabilities.argmax(axis=1))
    width, height, drawn = _COLUMN * len(heights), 2 * _BIT, []
    for position, column in enumerate(heights):
        bottom = float(height)
        for base in np.argsort(column).tolist():
            size = float(column[base])
            if size < 0.5:
                continue
            bottom -= size
            colour, outline = _GLYPHS["ACGT"[base]]
            place = f"translate({position * _COLUMN + 0.5} {bottom:.1f}) scale({_COLUMN - 1} {size:.1f})"
            drawn.append(f'<path d="{outline}" fill="{colour}" fill-rule="evenodd" transform="{place}"/>')
    return (
        f'<div>{escape(title)}</div><svg viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%" '
        f'role="img" aria-label="Logo of {escape(title)}, most probable bases {letters}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>'
    )
