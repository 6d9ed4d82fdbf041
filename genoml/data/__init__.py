"""What a model trains on: sequences as base codes with labels and groups, splits, batches, augmentation."""

from genoml.data.augment import Augmentation
from genoml.data.batches import epoch_order
from genoml.data.dataset import SequenceData, split_by_group, split_random

__all__ = ["Augmentation", "SequenceData", "epoch_order", "split_by_group", "split_random"]
