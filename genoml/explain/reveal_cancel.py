"""DeepLIFT's rule RevealCancel, for a convolution or dense layer and the activation behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.activations import Activation
from genoml.nn.batch_norm import BatchNorm1D
from genoml.nn.containers import Container, Sequential
from genoml.nn.conv import Conv1D
from genoml.nn.dense import Dense
from genoml.nn.graph import Graph
from genoml.nn.layer import EVALUATION, Layer, Pass, Pullback
from genoml.ops.activations import activation_vjp
from genoml.ops.arrays import constant_like
from genoml.ops.conv1d import grouped_conv1d_vjp
from genoml.ops.secants import SLOPES, Between, paired


class RevealCancel(Layer):
    """f(W x + b) with one slope for the positive and one for the negative part of a change of W x.

    With d = x - r, z = W x + b, and Z+, Z- the sums of the positive and of the negative W_oi d_i, the change
    f(z) - f(z_r) is Y+ + Y-, the mean of adding Z+ first and of adding it last:

        Y+ = 1/2 [f(z_r + Z+) - f(z_r)] + 1/2 [f(z_r + Z- + Z+) - f(z_r + Z-)] = Z+ s+
        Y- = 1/2 [f(z_r + Z-) - f(z_r)] + 1/2 [f(z_r + Z+ + Z-) - f(z_r + Z+)] = Z- s-

    s+ and s- are means of two mean slopes of f. With W+ and W- the positive and negative entries of W, Z+ is
    W+ d+ + W- d- and Z- is W+ d- + W- d+, d+ and d- being the positive and negative entries of d. So the multipliers of
    x are W+^T (m s+) + W-^T (m s-) where d > 0, W+^T (m s-) + W-^T (m s+) where d < 0, and their mean where d = 0.

    References
    ----------
    Shrikumar, Greenside and Kundaje (2017), arXiv:1704.02685, section 3.5.3.
    """

    def __init__(
        self, affine: Conv1D | Dense, norm: BatchNorm1D | None, function: str, options: dict[str, float]
    ) -> None:
        super().__init__(dtype=affine.dtype, backend=affine.backend)
        self.affine_layer, self.norm, self.function, self.options = affine, norm, function, options

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        raise NotImplementedError("RevealCancel has multipliers, and no gradient")

    def between(self, x: Array, reference: Array) -> Between:
        xp, zero = array_namespace(x), constant_like(x, 0.0)
        weights, shift = self._folded()
        parts = xp.maximum(weights, zero), xp.minimum(weights, zero)
        given, others = paired(x, reference)
        d = xp.reshape(given - others, tuple(reference.shape))
        up, down = xp.maximum(d, zero), xp.minimum(d, zero)
        (up_p, back_p), (up_n, back_n) = (self._linear(up, w) for w in parts)
        (down_p, _), (down_n, _) = (self._linear(down, w) for w in parts)
        z, z_r = (self._linear(own, weights)[0] + shift for own in (x, reference))
        rise, fall = up_p + down_n, down_p + up_n

        def slope(a: Array, b: Array) -> Array:
            return SLOPES[self.function](a, b, **self.options)

        both = z_r + rise + fall
        slope_p = 0.5 * (slope(z_r + rise, z_r) + slope(both, z_r + fall))
        slope_n = 0.5 * (slope(z_r + fall, z_r) + slope(both, z_r + rise))
        maps = z.ndim == 3

        def turned(z: Array) -> Array:
            return xp.permute_dims(z, (0, 2, 1)) if maps else z

        def back(m: Array) -> Array:
            m_p, m_n = turned(m) * slope_p, turned(m) * slope_n
            gained, lost = back_p(m_p) + back_n(m_n), back_p(m_n) + back_n(m_p)
            return xp.where(d > 0, gained, xp.where(d < 0, lost, 0.5 * (gained + lost)))

        activate = activation_vjp(self.function, **self.options)
        return turned(activate(z)[0]), turned(activate(z_r)[0]), back

    def _folded(self) -> tuple[Array, Array]:
        """Weights with the outputs last, and the shift, both of the layer and of the normalisation behind it."""
        layer, xp = self.affine_layer, array_namespace(self.affine_layer.weights)
        weights = layer.weights if isinstance(layer, Dense) else xp.permute_dims(layer.weights, (2, 1, 0))
        shift = layer.params.get("bias", constant_like(weights, 0.0))
        if self.norm is None:
            return weights, shift
        scale, own = self.norm.scale_and_shift()
        return weights * scale, shift * scale + own

    def _linear(self, x: Array, weights: Array) -> tuple[Array, Callable[[Array], Array]]:
        """W x, channels-last, and its transpose."""
        xp, layer = array_namespace(x), self.affine_layer
        if isinstance(layer, Dense):
            return x @ weights, lambda m: m @ xp.matrix_transpose(weights)
        rows, _, before = layer.inputs(x)
        z, back = grouped_conv1d_vjp(rows, weights, layer.groups, layer.stride, layer.dilation)

        def transposed(m: Array) -> Array:
            found: Any = back(m, True, False)[0]
            return xp.permute_dims(found[:, before : before + x.shape[2], :], (0, 2, 1))

        return z, transposed


def with_reveal_cancel(model: Layer, *, dense_only: bool) -> Layer:
    """A view of a network whose dense layers, and convolutions but for ``dense_only``, have this rule.

    A layer's own activation counts, and in a row that behind it, with a batch normalisation between. The view shares
    the network's arrays; it serves ``between`` alone. Layers of other kinds, and those inside MLP, keep Rescale.

    Raises
    ------
    ValueError
        If no layer gets the rule: the contributions would be those of Rescale.
    """
    found = list[RevealCancel]()
    view = _view(model, (Dense,) if dense_only else (Conv1D, Dense), found)
    if not found:
        what = "dense layer" if dense_only else "convolution or dense layer"
        raise ValueError(f"the rule finds no {what} with an activation behind it; use rule rescale")
    return view


def _view(model: Layer, kinds: tuple[type[Layer], ...], found: list[RevealCancel]) -> Layer:
    """The view of a layer; ``found`` gets the layers of the rule."""
    if type(model) in kinds:
        return _take(_ruled([model])[0], found) or model
    if not isinstance(model, Container):
        return model
    view: Any = object.__new__(type(model))
    view.__dict__.update(model.__dict__)
    rows = [[name] for name in model.named_layers]
    if isinstance(model, Sequential):
        rows = [list(model.named_layers)]
    elif isinstance(model, Graph):
        rows = [list(stretch.names) for stretch in view._stretches]
    view.named_layers = own = dict[str, Layer]()
    for names in rows:
        while names:
            row = [model[name] for name in names[:3]]
            ruled, count = _ruled(row) if type(row[0]) in kinds else (None, 1)
            own[names[0]] = _take(ruled, found) or _view(row[0], kinds, found)
            names = names[count:]
    if isinstance(model, Graph):
        view._stretches = [
            replace(stretch, names=[name for name in stretch.names if name in own])
            for stretch in view._stretches
        ]
    return view  # type: ignore[no-any-return]


def _take(ruled: RevealCancel | None, found: list[RevealCancel]) -> RevealCancel | None:
    if ruled is not None:
        found.append(ruled)
    return ruled


def _ruled(row: list[Layer]) -> tuple[RevealCancel | None, int]:
    """An affine layer, a normalisation or none, and an activation as one layer; how many they are."""
    first: Any = row[0]
    if first.activation not in (None, "linear"):
        return RevealCancel(first, None, first.activation, {}), 1
    norm = row[1] if len(row) > 1 and type(row[1]) is BatchNorm1D else None
    at = 1 if norm is None else 2
    if len(row) > at and isinstance(row[at], Activation):
        last: Any = row[at]
        return RevealCancel(first, norm, last.function, last.options()), at + 1
    return None, 1
