"""Descriptions of networks that were made by hand: names and numbers, no code, from which they are built again.

Layers are described as ``genoml.nn.description`` does it; beside them stand their dtype, the objective, and how
sequences are read.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from genoml.backend import Backend
from genoml.nn.description import FEW, LayerRecord, build_network, describe_network
from genoml.nn.layer import Layer
from genoml.train import (
    BinaryClassification,
    CellTypes,
    Counts,
    MultiClassification,
    Objective,
    Profile,
    Regression,
)

#: objectives that a description may name
_OBJECTIVES: dict[str, type[Objective]] = {
    kind.__name__: kind
    for kind in (BinaryClassification, MultiClassification, Regression, Counts, Profile, CellTypes)
}


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a network that was made by hand, as ``run.json`` keeps them.

    Attributes
    ----------
    layers : LayerRecord or None
        Its description; None if it cannot be described, and must be at hand to be loaded.
    dtype : str
        Dtype of its parameters.
    objective, objective_options : str, dict
        Name and attributes of the objective, which says what a prediction is.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        Encoding of ambiguous letters.
    reverse_complement : bool
        Whether the outputs of both strands are averaged in prediction.
    """

    layers: LayerRecord | None = None
    dtype: Literal["float32", "float64"] = "float32"
    objective: str = "BinaryClassification"
    objective_options: dict[str, Any] = {}
    ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero"
    reverse_complement: bool = True

    def __post_init__(self) -> None:
        if self.objective not in _OBJECTIVES:
            raise ValueError(f"objective expects one of {', '.join(_OBJECTIVES)}, got {self.objective!r}")
        self.build_objective()

    @classmethod
    def of(
        cls,
        model: Layer,
        objective: Objective | None = None,
        *,
        ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero",
        reverse_complement: bool = True,
        standalone: bool = True,
    ) -> NetworkSettings:
        """Settings of a network; with ``standalone`` they include its description.

        Raises
        ------
        ValueError
            If the network or its objective cannot be described; the message names the layer.
        """
        objective = objective or BinaryClassification()
        if _OBJECTIVES.get(type(objective).__name__) is not type(objective):
            raise ValueError(
                f"a run expects an objective of {', '.join(_OBJECTIVES)}, got {type(objective).__name__}"
            )
        made = cls(
            layers=describe_network(model) if standalone else None,
            dtype="float64" if model.dtype == "float64" else "float32",
            objective=type(objective).__name__,
            objective_options=msgspec.to_builtins(objective),
            ambiguous=ambiguous,
            reverse_complement=reverse_complement,
        )
        return msgspec.json.decode(msgspec.json.encode(made), type=cls)  # converted as when it is read

    def build_objective(self) -> Objective:
        """Make the objective that the network was trained for."""
        objective: Objective = msgspec.convert(self.objective_options, type=_OBJECTIVES[self.objective])
        return objective

    def build(self, backend: Backend, most: int = FEW) -> Layer:
        """Build the network with initial weights; no size in it may be above ``most``, or a million.

        Raises
        ------
        ValueError
            If there is no description, or no such network.
        """
        if self.layers is None:
            raise ValueError("its network cannot be described; load it with model=, the same network")
        return build_network(self.layers, backend, self.dtype, max(most, FEW))
