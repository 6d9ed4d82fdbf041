"""Curves of a training's history as SVG, for notebooks; without Matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

#: quantity -> its colour and dash, as in genoml.plot
_LINES = {"loss": ("training", "#0072b2", ""), "validation_loss": ("validation", "#d55e00", "5 2")}
#: size of the drawing, and of the margins: left, top, right, bottom
_WIDTH, _HEIGHT = 420, 170
_LEFT, _TOP, _RIGHT, _BOTTOM = 58, 24, 12, 30


def history_html(epochs: Sequence[Mapping[str, float]], best_epoch: int | None) -> str:
    """A sentence on the best epoch, and the loss of each epoch as curves."""
    if not epochs:
        return "<p>no epoch</p>"
    best = None if best_epoch is None else epochs[best_epoch - 1]
    words = [f"{len(epochs)} epoch{'' if len(epochs) == 1 else 's'}"]
    if best is not None:
        words.append(f"the best is number {best_epoch}")
        scores = {key: value for key, value in best.items() if "loss" in key or key.startswith("validation_")}
        words += [
            f"{key.replace('_', ' ')} {value:.4f}" for key, value in scores.items() if _is_number(value)
        ]
    return f"<p>{', '.join(words[:8])}</p>{_curves(epochs, best_epoch)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _curves(epochs: Sequence[Mapping[str, float]], best_epoch: int | None) -> str:
    """Loss against the epoch, a dotted line at the best one; axes have the colour of the text, for dark pages."""
    lines = {key: [(row["epoch"], row[key]) for row in epochs if _is_number(row.get(key))] for key in _LINES}
    values = [value for points in lines.values() for _, value in points]
    if not values:
        return ""
    low, high = min(values), max(values)
    first, last = epochs[0]["epoch"], epochs[-1]["epoch"]

    def x(epoch: float) -> float:
        share = (epoch - first) / (last - first) if last > first else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    bottom = _HEIGHT - _BOTTOM
    drawn = [
        _line(x(first), bottom, x(last), bottom),
        _text(_LEFT - 6, y(high) + 4, f"{high:.4g}", "end"),
        _text(_LEFT - 6, y(low) + 4, f"{low:.4g}", "end"),
        _text(x(first), _HEIGHT - 12, f"epoch {first:.0f}", "start"),
        _text(x(last), _HEIGHT - 12, f"{last:.0f}", "end"),
    ]
    if best_epoch is not None:
        drawn.append(_line(x(best_epoch), _TOP, x(best_epoch), bottom, dash="1 3"))
    for number, (key, (name, colour, dash)) in enumerate(_LINES.items()):
        points = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in lines[key])
        if points:
            style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
            drawn.append(f'<polyline points="{points}" {style}/>')
            drawn.append(_text(_LEFT + 110 * number, 12, f"{name} loss", "start", colour))
    label = f"Loss of {len(epochs)} epochs, from {high:.4g} at most to {low:.4g} at least"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="width:100%;max-width:{_WIDTH}px" role="img" '
        f'aria-label="{label}" xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, dash: str = "") -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="currentColor" stroke-opacity="0.5" stroke-dasharray="{dash}"/>'


def _text(x: float, y: float, words: str, anchor: str, colour: str = "currentColor") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}" fill="{colour}">{words}</text>'
    )
