"""Layers: functions of their input and parameters, each with its hand-derived derivative beside it.

A family of layers is a module; the names in its ``__all__`` are names of ``genoml.nn`` and of ``genoml``.

A length of 0 gives an empty result where each position is seen alone: activations, dropout, LayerNorm, MLP, Embedding,
SinusoidalPositions, Flatten, Transpose, and BatchNorm1D in evaluation. It is a ValueError that names the layer and the
shape where positions are seen together: convolution, pooling, attention, recurrent layers, GroupNorm, and BatchNorm1D
in training.
"""

import types as _types
import typing as _typing

from genoml.nn.activations import *
from genoml.nn.attention.pool import *
from genoml.nn.attention.positions import *
from genoml.nn.attention.self_attention import *
from genoml.nn.batch_norm import *
from genoml.nn.bidirectional import *
from genoml.nn.containers import *
from genoml.nn.conv import *
from genoml.nn.dense import *
from genoml.nn.dropout import *
from genoml.nn.embedding import *
from genoml.nn.graph import *
from genoml.nn.layer import *
from genoml.nn.layer_norm import *
from genoml.nn.motif import *
from genoml.nn.node import *
from genoml.nn.parallel import *
from genoml.nn.penalties import *
from genoml.nn.pooling import *
from genoml.nn.profile import *
from genoml.nn.recurrent import *
from genoml.nn.residual import *
from genoml.nn.shape import *
from genoml.nn.softmax import *
from genoml.nn.strand import *
from genoml.nn.strand_layers import *
from genoml.nn.transformer import *

if not _typing.TYPE_CHECKING:  # type checkers know what a star brings
    __all__ = sorted(
        name for name, value in vars().items() if name[0] != "_" and not isinstance(value, _types.ModuleType)
    )
