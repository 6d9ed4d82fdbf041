"""What a model trains on: sequences as base codes with labels and groups, splits, batches, augmentation."""

from genoml.data.augment import Augmentation
from genoml.data.batches import epoch_order
from genoml.data.dataset import SequenceData, split_by_group, split_random
from genoml.data.shuffled import ShuffledNegatives

__all__ = [
    "Augmentation",
    "SequenceData",
    "ShuffledNegatives",
    "epoch_order",
    "split_by_group",
    "split_random",
]
