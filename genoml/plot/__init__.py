"""Figures: logos, attention maps, numbers, effects, and curves of training, ranking and calibration.

Every function draws on a given Matplotlib ``Axes`` and returns it, so that figures combine; none uses pyplot or the
global settings. Lines differ in colour and dash, with colours that colour-blind readers can distinguish (Okabe and
Ito), and are named above the plot.

Matplotlib is imported when a figure is drawn; ``pip install genoml-xp[plot]`` brings it.
"""

from genoml.plot.classes import class_table, confusion, histogram, reliability
from genoml.plot.effects import distance_curves, distance_map, period_curves, ranked_effects
from genoml.plot.lines import pr, profile, roc, training_curve
from genoml.plot.logos import contributions, letters, logo
from genoml.plot.maps import attention_map
from genoml.plot.numbers import count_calibration, scatter
from genoml.plot.sites import co_occurrence, positions
from genoml.plot.style import BAND, BASE_COLOURS, GRID, INK, LINES, MUTED, require_matplotlib

__all__ = [
    "BAND",
    "BASE_COLOURS",
    "GRID",
    "INK",
    "LINES",
    "MUTED",
    "attention_map",
    "class_table",
    "co_occurrence",
    "confusion",
    "contributions",
    "count_calibration",
    "distance_curves",
    "distance_map",
    "histogram",
    "letters",
    "logo",
    "period_curves",
    "positions",
    "pr",
    "profile",
    "ranked_effects",
    "reliability",
    "require_matplotlib",
    "roc",
    "scatter",
    "training_curve",
]
