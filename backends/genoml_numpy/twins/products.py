"""The gradient of large dense weights, computed once for the whole batch: each thread writes some of its rows.

Otherwise each part of a batch writes a matrix of the weights' full size, and these are added: with DeepSEA's 188 MB on
two threads that is four times the memory traffic, which limits the speed of such a layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import WHOLE, Part, even_ranges, no_share

#: Least number of weights: fewer are faster to add than to divide among threads.
_LEAST = 1 << 18


def dense_grad_weights(x: Array, grad: Array, part: Part = WHOLE) -> Any:
    """See genoml.ops.arrays.dense_grad_weights; covers batches in parts."""
    meeting = part.meeting
    rows, columns = x.shape[1], grad.shape[1]
    if meeting is None or meeting.parts == 1 or rows * columns < _LEAST:
        return NotImplemented
    place = np.empty((rows, columns), np.result_type(x, grad)) if part.is_first else None
    brought = meeting.gather(part.index, (x, grad, place))
    start, stop = even_ranges(rows, meeting.parts)[part.index]
    whole_x = np.concatenate([other[:, start:stop] for other, _, _ in brought])
    _, _, whole = brought[0]
    assert whole is not None
    np.matmul(whole_x.T, np.concatenate([g for _, g, _ in brought]), out=whole[start:stop])
    meeting.gather(part.index, None)  # until all rows are written
    return whole if part.is_first else no_share(whole)
