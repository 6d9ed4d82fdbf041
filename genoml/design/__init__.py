"""Design of sequences: goals, constraints that a company or a laboratory gives, and methods that keep to them."""

from genoml.design.composition import GC
from genoml.design.constraints import Constraint, Fixed, Keep, MostEdits, Origin
from genoml.design.design import METHODS, Designed, design
from genoml.design.enzymes import ENZYMES
from genoml.design.goals import Goal, Maximise, Minimise, Specific, Target
from genoml.design.gradient import Gradient
from genoml.design.insert import Insert
from genoml.design.problem import Method
from genoml.design.protein import Translate
from genoml.design.search import Anneal, Beam, Evolve
from genoml.design.sites import Avoid, NoRepeat, NoRun

__all__ = [
    "ENZYMES",
    "GC",
    "METHODS",
    "Anneal",
    "Avoid",
    "Beam",
    "Constraint",
    "Designed",
    "Evolve",
    "Fixed",
    "Goal",
    "Gradient",
    "Insert",
    "Keep",
    "Maximise",
    "Method",
    "Minimise",
    "MostEdits",
    "NoRepeat",
    "NoRun",
    "Origin",
    "Specific",
    "Target",
    "Translate",
    "design",
]
