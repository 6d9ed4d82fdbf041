"""Parts of a batch: what a part knows of the whole batch, and the threads that compute parts in parallel."""

from genoml.parallel.parts import ALONE, WHOLE, Meeting, Part, Workers, even_ranges, tree_sum
from genoml.parallel.threads import Threads

__all__ = ["ALONE", "WHOLE", "Meeting", "Part", "Threads", "Workers", "even_ranges", "tree_sum"]
