"""CPU versions of operations of genoml.ops; each module gives its measured reason."""

from collections.abc import Callable
from typing import Any

from genoml_numpy.twins.adam import adam_update
from genoml_numpy.twins.arrays import clip, constant_like, squared_error, sum_rows
from genoml_numpy.twins.attention import plain_attention_vjp
from genoml_numpy.twins.conv1d import conv1d_vjp
from genoml_numpy.twins.conv1d_hits import conv1d_hits
from genoml_numpy.twins.conv1d_max import conv1d_max, conv1d_max_grad_x
from genoml_numpy.twins.pool1d import global_max_vjp, max_pool1d_vjp
from genoml_numpy.twins.products import dense_grad_weights
from genoml_numpy.twins.rectify import rectified_vjp, squares_around
from genoml_numpy.twins.recurrent import lstm_scan
from genoml_numpy.twins.softmax import softmax
from genoml_numpy.twins.threefry import random_uniform

TWINS: dict[str, Callable[..., Any]] = {
    "adam_update": adam_update,
    "clip": clip,
    "constant_like": constant_like,
    "conv1d_hits": conv1d_hits,
    "conv1d_max": conv1d_max,
    "conv1d_max_grad_x": conv1d_max_grad_x,
    "conv1d_vjp": conv1d_vjp,
    "dense_grad_weights": dense_grad_weights,
    "global_max_vjp": global_max_vjp,
    "lstm_scan": lstm_scan,
    "max_pool1d_vjp": max_pool1d_vjp,
    "plain_attention_vjp": plain_attention_vjp,
    "random_uniform": random_uniform,
    "rectified_vjp": rectified_vjp,
    "softmax": softmax,
    "squared_error": squared_error,
    "squares_around": squares_around,
    "sum_rows": sum_rows,
}
