"""Rows of the layers and of the published networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from genoml import get_backend, nn
from genoml.models import MODELS, build_model
from genoml.nn.activations import Activation
from genoml.nn.layer import Pass
from genoml.testing import LayerCase, forward_backward, layer_differences, measure_layer, run_case
from genoml.testing.layers import LAYERS
from genoml.testing.secants import secant_error
from proof.entry import NONE, Entry, Figure, Section, forward_and_gradient
from support.models import SMALL, small_input

TorchRun = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


def layer_entry(name: str, case: LayerCase, torch_run: TorchRun | None = None) -> Entry:
    """A case's figures, by the functions that ``check_layer`` calls; ``torch_run``: (x, cotangent) -> PyTorch's."""
    measured = cache(lambda: measure_layer(case, backend="numpy"))

    def by_torch() -> tuple[Figure, Figure]:
        from parity.compare import layer_by_torch
        from parity.counterparts import COUNTERPARTS, WITHOUT_COUNTERPART, tree

        for kind in sorted(tree(case.make()) - set(COUNTERPARTS), key=lambda kind: kind.__name__):
            return f"none in PyTorch: {WITHOUT_COUNTERPART.get(kind, kind.__name__)}", NONE
        layer, again, x = *(case.build(get_backend("numpy"), "float64") for _ in range(2)), case.input()
        shape = again.vjp(x, Pass(training=case.training, step=0))[0].shape  # running means of the other stay
        cotangent = np.random.default_rng(4).standard_normal(shape)
        ours = forward_backward(layer, x, cotangent, training=case.training) | dict(layer.state)
        if torch_run is None:
            return forward_and_gradient(ours, layer_by_torch(case, x, cotangent, case.training))
        theirs = torch_run(x, cotangent)
        return forward_and_gradient({key: ours[key] for key in theirs}, theirs)

    def gradient() -> Figure:
        found = measured().gradient
        return NONE if found is None else found

    def formula() -> Figure:
        found = measured().formula
        return NONE if found is None else found

    def deeplift() -> dict[str, float] | str:
        home = get_backend("numpy")
        found = {dtype: secant_error(case, home, dtype) for dtype in ("float64", "float32")}
        return NONE if None in found.values() else found  # type: ignore[return-value]

    return Entry(
        name,
        on=lambda backend, dtype: max(
            layer_differences(case, run_case(case, backend, dtype), dtype).values()
        ),
        gradient=gradient,
        formula=formula,
        deeplift=deeplift,
        torch=by_torch,
    )


def layers() -> Section:
    """Every entry of the layers' registry."""
    exported = {
        name
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Layer) and value not in (nn.Layer, Activation)
    }
    return Section(
        "Layers",
        "Each layer with several settings. The formula is a plain loop in the registry, in evaluation mode; where "
        "there is none, of containers above all, PyTorch alone tells.",
        tuple(layer_entry(name, case) for name, case in LAYERS.items()),
        frozenset(exported),
        frozenset(type(case.make()).__name__ for case in LAYERS.values()),
    )


def network_entry(name: str) -> Entry:
    """A network with options so small that it runs in milliseconds."""
    sequences = small_input(name, batch=8)
    case = LayerCase(
        lambda: build_model(name, SMALL[name], seed=3),
        sequences.shape,
        # two equal words in one window of a pooling tie, and have no derivative: noise sets them apart
        sample=lambda rng, shape: sequences + 0.1 * rng.standard_normal(shape),
    )

    def published(x: np.ndarray, cotangent: np.ndarray) -> dict[str, np.ndarray]:
        from parity.compare import network_by_torch

        ours = case.build(get_backend("numpy"), "float64")
        return network_by_torch(name, SMALL[name], ours, x, cotangent, case.training)

    own = name in ("motif_cnn", "promoter_cnn", "site_cnn")  # from no paper: by the layers' counterparts
    return layer_entry(name, case, None if own else published)


def networks() -> Section:
    """Every network by name."""
    return Section(
        "Networks",
        "The networks of docs/models.md with small sizes, their gradients in training mode. PyTorch's are built from "
        "its own modules, from the papers; `motif_cnn`, `promoter_cnn` and `site_cnn`, our own, from its functions.",
        tuple(network_entry(name) for name in SMALL),
        frozenset(MODELS),
        frozenset(SMALL),
    )
