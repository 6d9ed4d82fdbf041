"""Work in parts: parts of a batch, on threads and ranks that compute it together, and shards, each for itself."""

from genoml.parallel.parts import ALONE, WHOLE, Meeting, Part, Workers, even_ranges, no_share, tree_sum
from genoml.parallel.ranks import ONE_RANK, Ranks
from genoml.parallel.shards import WHOLE_RUN, Shard
from genoml.parallel.threads import Gradients, Threads, shared_threads

__all__ = [
    "ALONE",
    "ONE_RANK",
    "WHOLE",
    "WHOLE_RUN",
    "Gradients",
    "Meeting",
    "Part",
    "Ranks",
    "Shard",
    "Threads",
    "Workers",
    "even_ranges",
    "no_share",
    "shared_threads",
    "tree_sum",
]
