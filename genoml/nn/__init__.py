"""Layers: functions of their input and parameters, each with its hand-derived derivative beside it."""

from genoml.nn.activations import Exp, ReLU, Sigmoid
from genoml.nn.base import Gradient, Layer, Parameter, Pullback, State
from genoml.nn.containers import Parallel, Sequential
from genoml.nn.conv import Conv1D
from genoml.nn.dense import Dense, Flatten
from genoml.nn.dropout import Dropout
from genoml.nn.norm import BatchNorm1D
from genoml.nn.pooling import GlobalAveragePool1D, GlobalMaxPool1D, MaxPool1D

__all__ = [
    "BatchNorm1D",
    "Conv1D",
    "Dense",
    "Dropout",
    "Exp",
    "Flatten",
    "GlobalAveragePool1D",
    "GlobalMaxPool1D",
    "Gradient",
    "Layer",
    "MaxPool1D",
    "Parallel",
    "Parameter",
    "Pullback",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "State",
]
