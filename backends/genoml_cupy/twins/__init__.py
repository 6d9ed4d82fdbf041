"""CUDA versions of operations of genoml.ops; each kernel's file gives its reason.

They use ``Kernels`` and not CuPy, so that tests run the same lines and kernels on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from genoml_cupy.launch import Kernels
from genoml_cupy.twins.attention import plain_attention_vjp
from genoml_cupy.twins.conv import conv1d_vjp, pad_axis
from genoml_cupy.twins.norm import batch_statistics, standardize_vjp, statistics_gradient
from genoml_cupy.twins.pool import global_max_vjp, max_pool1d_vjp
from genoml_cupy.twins.rectify import rectified_vjp
from genoml_cupy.twins.recurrent import gru_scan, lstm_scan
from genoml_cupy.twins.scan import conv1d_hits, conv1d_max, conv1d_max_grad_w
from genoml_cupy.twins.softmax import softmax, softmax_gradient
from genoml_cupy.twins.sums import segment_sum, sum_rows
from genoml_cupy.twins.threefry import random_uniform
from genoml_cupy.twins.updates import adam_update_all, update_all

_TWINS = (
    adam_update_all,
    batch_statistics,
    conv1d_hits,
    conv1d_max,
    conv1d_max_grad_w,
    conv1d_vjp,
    global_max_vjp,
    gru_scan,
    lstm_scan,
    max_pool1d_vjp,
    pad_axis,
    plain_attention_vjp,
    random_uniform,
    rectified_vjp,
    segment_sum,
    softmax,
    softmax_gradient,
    standardize_vjp,
    statistics_gradient,
    sum_rows,
    update_all,
)


def twins_on(kernels: Kernels) -> dict[str, Callable[..., Any]]:
    """Twins by the name of their operation, on these kernels."""
    return {twin.__name__: partial(twin, kernels) for twin in _TWINS}
