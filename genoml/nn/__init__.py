"""Layers: functions of their input and parameters, each with its hand-derived derivative beside it."""

from genoml.nn.activations import ELU, GELU, Exp, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from genoml.nn.attention import SelfAttention
from genoml.nn.base import EVALUATION, Gradient, Layer, Parameter, Pass, Pullback, State
from genoml.nn.containers import Parallel, Residual, Sequential
from genoml.nn.conv import Conv1D
from genoml.nn.crop import CropTo
from genoml.nn.cropped_residual import CroppedResidual
from genoml.nn.dense import Dense, Flatten
from genoml.nn.dropout import Dropout, SpatialDropout1D
from genoml.nn.embedding import Embedding
from genoml.nn.gru import GRU
from genoml.nn.layer_norm import GroupNorm, LayerNorm
from genoml.nn.learned_dispersion import LearnedDispersion
from genoml.nn.lstm import LSTM
from genoml.nn.motif import MotifLayer
from genoml.nn.motif_penalty import information_penalty
from genoml.nn.norm import BatchNorm1D
from genoml.nn.pooling import AveragePool1D, GlobalAveragePool1D, GlobalMaxPool1D, MaxPool1D
from genoml.nn.positions import SinusoidalPositions
from genoml.nn.recurrent import Bidirectional
from genoml.nn.softmax import LogSoftmax, Softmax
from genoml.nn.strand import RCBatchNorm1D, RCGlobalPool1D, StrandSymmetric
from genoml.nn.strand_conv import RCConv1D
from genoml.nn.transformer import MLP, AttentionPool1D, TransformerBlock
from genoml.nn.transpose import Transpose

__all__ = [
    "ELU",
    "EVALUATION",
    "GELU",
    "GRU",
    "LSTM",
    "MLP",
    "AttentionPool1D",
    "AveragePool1D",
    "BatchNorm1D",
    "Bidirectional",
    "Conv1D",
    "CropTo",
    "CroppedResidual",
    "Dense",
    "Dropout",
    "Embedding",
    "Exp",
    "Flatten",
    "GlobalAveragePool1D",
    "GlobalMaxPool1D",
    "Gradient",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedDispersion",
    "LogSoftmax",
    "MaxPool1D",
    "MotifLayer",
    "Parallel",
    "Parameter",
    "Pass",
    "Pullback",
    "RCBatchNorm1D",
    "RCConv1D",
    "RCGlobalPool1D",
    "ReLU",
    "Residual",
    "SelfAttention",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "SpatialDropout1D",
    "State",
    "StrandSymmetric",
    "Tanh",
    "TransformerBlock",
    "Transpose",
    "information_penalty",
]
