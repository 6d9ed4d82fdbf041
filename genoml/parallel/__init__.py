"""Parts of a batch: what a part knows of the whole batch, and the threads and ranks that compute parts in parallel."""

from genoml.parallel.parts import ALONE, WHOLE, Meeting, Part, Workers, even_ranges, tree_sum
from genoml.parallel.ranks import ONE_RANK, Ranks
from genoml.parallel.threads import Threads, shared_threads

__all__ = [
    "ALONE",
    "ONE_RANK",
    "WHOLE",
    "Meeting",
    "Part",
    "Ranks",
    "Threads",
    "Workers",
    "even_ranges",
    "shared_threads",
    "tree_sum",
]
