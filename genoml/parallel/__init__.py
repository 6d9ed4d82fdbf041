"""A batch computed in parts: what a part knows of the whole, and the threads that compute parts side by side."""

from genoml.parallel.parts import ALONE, WHOLE, Meeting, Part, Workers, even_ranges
from genoml.parallel.threads import Threads

__all__ = ["ALONE", "WHOLE", "Meeting", "Part", "Threads", "Workers", "even_ranges"]
