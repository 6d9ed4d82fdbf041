"""Search of hyper-parameters: random, and by successive halving, in processes, resumable.

``genoml search`` does all of it; docs/configuration.md shows how.
"""

from genoml.search.folder import Result, SearchFolder, SearchRecord, file_hashes, read_search
from genoml.search.halving import (
    Rung,
    Trial,
    best_trials,
    halving_rungs,
    random_trials,
    successive_halving,
)
from genoml.search.ranges import (
    Choice,
    Integer,
    LogInteger,
    LogUniform,
    Range,
    Ranges,
    Uniform,
    make_ranges,
    read_ranges,
)
from genoml.search.run import plan, run_search
from genoml.search.table import ranked, terminal_table, write_table

__all__ = [
    "Choice",
    "Integer",
    "LogInteger",
    "LogUniform",
    "Range",
    "Ranges",
    "Result",
    "Rung",
    "SearchFolder",
    "SearchRecord",
    "Trial",
    "Uniform",
    "best_trials",
    "file_hashes",
    "halving_rungs",
    "make_ranges",
    "plan",
    "random_trials",
    "ranked",
    "read_ranges",
    "read_search",
    "run_search",
    "successive_halving",
    "terminal_table",
    "write_table",
]
