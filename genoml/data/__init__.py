"""Data sets for training: sequences as base codes with labels and groups, splits, batches, augmentation."""

from genoml.data.augment import Augmentation
from genoml.data.cell_types import cell_type_data
from genoml.data.checks import check_data
from genoml.data.codes import CodeRows, Codes, JoinedCodes, LazyCodes, LazyRows
from genoml.data.coverage import coverage
from genoml.data.dataset import SequenceData
from genoml.data.files import NamedSequences, load_sequences
from genoml.data.leaks import (
    SharedSequences,
    duplicate_groups,
    refuse_leaks,
    shared_sequences,
    without_shared,
)
from genoml.data.peaks import GenomeCodes, genome_data
from genoml.data.profiles import ProfileData, profile_data, without_outliers
from genoml.data.sampling import BalancedSampler, NegativeSampler, Sampler, WeightedSampler, epoch_order
from genoml.data.shuffled import ShuffledNegatives
from genoml.data.splits import k_folds, split_by_group, split_random, split_three_ways
from genoml.data.tables import read_table_data, table_data
from genoml.data.targets import class_targets, column_targets, table_targets
from genoml.data.tracks import SignalTracks

__all__ = [
    "Augmentation",
    "BalancedSampler",
    "CodeRows",
    "Codes",
    "GenomeCodes",
    "JoinedCodes",
    "LazyCodes",
    "LazyRows",
    "NamedSequences",
    "NegativeSampler",
    "ProfileData",
    "Sampler",
    "SequenceData",
    "SharedSequences",
    "ShuffledNegatives",
    "SignalTracks",
    "WeightedSampler",
    "cell_type_data",
    "check_data",
    "class_targets",
    "column_targets",
    "coverage",
    "duplicate_groups",
    "epoch_order",
    "genome_data",
    "k_folds",
    "load_sequences",
    "profile_data",
    "read_table_data",
    "refuse_leaks",
    "shared_sequences",
    "split_by_group",
    "split_random",
    "split_three_ways",
    "table_data",
    "table_targets",
    "without_outliers",
    "without_shared",
]
