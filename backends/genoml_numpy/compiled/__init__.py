"""Twins compiled by Numba, in place of those written with NumPy: ``pip install genoml-xp[compiled]``.

They cover float32, in which networks train, and leave the rest to the NumPy twins. Numba compiles them at the first use
on a machine, in some seconds, and caches the result on disk.
"""

from collections.abc import Callable
from typing import Any

from genoml_numpy.compiled.adam import adam_update
from genoml_numpy.compiled.attention import plain_attention_vjp
from genoml_numpy.compiled.bases import conv1d_max, conv1d_max_grad_w, conv1d_vjp
from genoml_numpy.compiled.communities import gather_communities, move_nodes, refine_nodes
from genoml_numpy.compiled.conv1d import biased_conv1d_vjp
from genoml_numpy.compiled.conv1d_norm import conv1d_moments_vjp, pooled_conv1d
from genoml_numpy.compiled.hits import conv1d_hits
from genoml_numpy.compiled.rectify import rectified_vjp, squares_around, sum_rows
from genoml_numpy.compiled.recurrent import lstm_vjp
from genoml_numpy.compiled.seqlets import jaccard, multiply_rows, spell_words

TWINS: dict[str, Callable[..., Any]] = {
    "adam_update": adam_update,
    "conv1d_hits": conv1d_hits,
    "conv1d_max": conv1d_max,
    "conv1d_max_grad_w": conv1d_max_grad_w,
    "conv1d_moments_vjp": conv1d_moments_vjp,
    "conv1d_vjp": conv1d_vjp,
    "gather_communities": gather_communities,
    "jaccard": jaccard,
    "lstm_vjp": lstm_vjp,
    "move_nodes": move_nodes,
    "multiply_rows": multiply_rows,
    "plain_attention_vjp": plain_attention_vjp,
    "pooled_conv1d": pooled_conv1d,
    "biased_conv1d_vjp": biased_conv1d_vjp,
    "rectified_vjp": rectified_vjp,
    "refine_nodes": refine_nodes,
    "spell_words": spell_words,
    "squares_around": squares_around,
    "sum_rows": sum_rows,
}
