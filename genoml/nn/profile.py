"""Layers of profile models: control tracks beside the sequence, a bias model beside the network, frozen layers.

Their outputs are those of BPNet: for each track its profile's logits, and then for each track the logarithm of its
counts: (batch, tracks * (length + 1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.containers import Container
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import Branches, sees_everything
from genoml.nn.tables import PathView
from genoml.ops.arrays import pad_axis
from genoml.ops.secants import Between, exp_slope, log_softmax_between, slope_of_pairs

__all__ = ["BiasFactorised", "ControlTracks", "Frozen"]


class Frozen(Container):
    """A layer that is not trained: y = f(x), with its parameters in the state, by ``"params.<name>"``.

    It is evaluated, never in training mode, so that no dropout drops and no running mean moves; its parameters have no
    gradient, and cost none.

    Shapes
    ------
    x, y : those of the layer
    """

    def __init__(self, layer: Layer, *, seed: int = 0) -> None:
        super().__init__({"layer": layer}, seed=seed)

    def _view(self, table: str) -> PathView:
        layer = self["layer"]
        tables = {"params": layer.params, "state": layer.state} if table == "state" else {}
        return PathView(lambda: tables, lambda own: own)

    def branches(self, length: int) -> Branches[Layer] | None:
        """The layer."""
        return Branches.in_row([self["layer"]])

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        y, back = self["layer"].vjp(x, replace(run, training=False))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # dL/dx = (df/dx)^T g; there are no parameters to train
            return (back(grad, need_params=False)[0] if need_x else None), {}

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The layer's own."""
        return self["layer"].between(x, reference)


class BiasFactorised(Container):
    """A network and a model of the experiment's bias, which share out the reads: ChromBPNet.

        logits z = z_network + z_bias,    counts c = log(exp(c_network) + exp(c_bias))

    The profile is the product of both profiles, the counts are the sum of both counts. What the bias model (``Frozen``,
    trained before on regions without peaks) explains, the network need not learn; ``model["network"]`` alone then
    predicts without the bias.

    Parameters
    ----------
    layers : mapping or sequence of Layer
        ``{"network": ..., "bias": ...}``, with outputs of one shape; two in a row get these names.
    tracks : int
        Profiles in an output.

    Shapes
    ------
    x : what both read
    y : (batch, tracks * (length + 1))

    Raises
    ------
    ValueError
        For other layers, or outputs of two shapes.

    References
    ----------
    Pampari et al. (2024), ChromBPNet, doi:10.1101/2024.12.25.630221.
    """

    def __init__(
        self, layers: Mapping[str, Layer] | Sequence[Layer], tracks: int = 1, *, seed: int = 0
    ) -> None:
        named = layers if isinstance(layers, Mapping) else dict(zip(("network", "bias"), layers, strict=True))
        if list(named) != ["network", "bias"]:
            raise ValueError(f"BiasFactorised expects the layers network and bias, got {', '.join(named)}")
        super().__init__(named, seed=seed)
        self.tracks = tracks

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp = array_namespace(x)
        a, back_a = self["network"].vjp(x, self.run_of("network", run))
        b, back_b = self["bias"].vjp(x, self.run_of("bias", run))
        shapes = f"a network and a bias with outputs of one shape, got {tuple(a.shape)} and"
        expect_shape(self, b, tuple(a.shape) == tuple(b.shape), shapes)
        logits = a.shape[1] - self.tracks
        ca, cb = a[:, logits:], b[:, logits:]
        c = xp.logaddexp(ca, cb)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # z is a sum: its gradient goes to both; dc/dca = exp(ca - c), dc/dcb = exp(cb - c)
            own: dict[str, Array] = {}
            grad_x = None
            for name, back, part in (("network", back_a, ca), ("bias", back_b, cb)):
                g = xp.concat([grad[:, :logits], grad[:, logits:] * xp.exp(part - c)], axis=1)
                part_x, grads = back(g, need_x=need_x, need_params=need_params and self.learns(name, run))
                own |= {f"{name}.{key}": value for key, value in grads.items()}
                if part_x is not None:
                    grad_x = part_x if grad_x is None else grad_x + part_x
            return grad_x, own

        return xp.concat([a[:, :logits] + b[:, :logits], c], axis=1), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """Logits are sums; log(exp(a) + exp(b)) is a - (a - c), with a - c the first log-softmax of a and b."""
        xp = array_namespace(x)
        a, a_r, back_a = self["network"].between(x, reference)
        b, b_r, back_b = self["bias"].between(x, reference)
        logits = a.shape[1] - self.tracks

        def counts(one: Array, other: Array) -> Array:
            return xp.stack([one[:, logits:], other[:, logits:]], axis=1)

        share, share_r, back_share = log_softmax_between(counts(a, b), counts(a_r, b_r), 1)

        def back(m: Array) -> Array:
            into = m[:, logits:]
            # c = a - log share_a: m goes to a, and minus m to log share_a
            parts = back_share(xp.stack([-into, xp.zeros_like(into)], axis=1))
            to_a = xp.concat([m[:, :logits], into + parts[:, 0, :]], axis=1)
            return back_a(to_a) + back_b(xp.concat([m[:, :logits], parts[:, 1, :]], axis=1))

        def joined(one: Array, other: Array, log_share: Array) -> Array:
            c = one[:, logits:] - log_share[:, 0, :]
            return xp.concat([one[:, :logits] + other[:, :logits], c], axis=1)

        return joined(a, b, share), joined(a_r, b_r, share_r), back


class ControlTracks(Container):
    """A profile network whose heads read control tracks too, such as reads of the input DNA.

        h = body(x_bases),   t = the middle of x_controls, as long as h
        y = [profile([h, t]), counts([mean_l h, log(1 + sum t)])]

    The profile head reads features and tracks side by side, position by position; the head of counts reads the mean
    features and the logarithm of all control reads around them.

    Parameters
    ----------
    layers : mapping or sequence of Layer
        ``{"body": ..., "profile": ..., "counts": ...}``; three in a row get these names. ``body`` maps
        (batch, 4, length) to (batch, features, length'), ``profile`` (batch, features + controls, length') to
        (batch, n), and ``counts`` (batch, features + 1) to (batch, tracks).
    controls : int
        Control tracks.

    Shapes
    ------
    x : (batch, 4 + controls, length), bases, and counts of reads, 0 or more; or (batch, 4, length), without reads
    y : (batch, n + tracks)

    Raises
    ------
    ValueError
        For other layers, or another number of channels.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6. As in bpnet-lite (github.com/jmschrei/bpnet-lite) the tracks
    go into the profile head's wide convolution, which can smooth them; the paper adds two smoothed ones.
    """

    def __init__(
        self, layers: Mapping[str, Layer] | Sequence[Layer], controls: int = 1, *, seed: int = 0
    ) -> None:
        names = ("body", "profile", "counts")
        named = layers if isinstance(layers, Mapping) else dict(zip(names, layers, strict=True))
        if tuple(named) != names:
            raise ValueError(f"ControlTracks expects the layers {', '.join(names)}, got {', '.join(named)}")
        if controls < 1:
            raise ValueError(f"ControlTracks expects controls >= 1, got {controls}")
        super().__init__(named, seed=seed)
        self.controls = controls

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp = array_namespace(x)
        ok = x.ndim == 3 and x.shape[1] in (4, 4 + self.controls)
        expect_shape(self, x, ok, f"(batch, {4 + self.controls}, length), or (batch, 4, length)")
        h, back_body = self["body"].vjp(x[:, :4, :], self.run_of("body", run))
        given = x.shape[1] > 4
        t, before, after = self._control(x, h)
        total = xp.sum(t, axis=(1, 2))
        features = h.shape[1]
        y_profile, back_profile = self["profile"].vjp(xp.concat([h, t], axis=1), self.run_of("profile", run))
        summed = xp.concat([xp.mean(h, axis=2), xp.log1p(total)[:, None]], axis=1)
        y_counts, back_counts = self["counts"].vjp(summed, self.run_of("counts", run))
        positions = y_profile.shape[1]

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            gp: Any
            gc: Any
            gp, own_profile = back_profile(
                grad[:, :positions], need_params=need_params and self.learns("profile", run)
            )
            gc, own_counts = back_counts(
                grad[:, positions:], need_params=need_params and self.learns("counts", run)
            )
            # h is in the profile head, and in its mean: dL/dh = gp + gc / length'
            gh = gp[:, :features, :] + gc[:, :features, None] * (1.0 / h.shape[2])
            grad_x, own_body = back_body(
                gh, need_x=need_x, need_params=need_params and self.learns("body", run)
            )
            owns = (("body", own_body), ("profile", own_profile), ("counts", own_counts))
            grads = {f"{name}.{key}": value for name, own in owns for key, value in own.items()}
            if grad_x is None or not given:
                return grad_x, grads
            # t is in the profile head, and in its total: dL/dt = gp + gc / (1 + sum t)
            gt = gp[:, features:, :] + (gc[:, features] / (1.0 + total))[:, None, None]
            rows = pad_axis(xp.permute_dims(gt, (0, 2, 1)), before, after)
            return xp.concat([grad_x, xp.permute_dims(rows, (0, 2, 1))], axis=1), grads

        return xp.concat([y_profile, y_counts], axis=1), pullback

    def _control(self, x: Array, h: Array) -> tuple[Array, int, int]:
        """The control tracks beside h, the middle of those of x (zeros without any), and what lies at its two ends."""
        before, length = (x.shape[2] - h.shape[2]) // 2, h.shape[2]
        after = x.shape[2] - length - before
        if x.shape[1] > 4:
            return x[:, 4:, before : before + length], before, after
        shape = (x.shape[0], self.controls, length)
        return array_namespace(x).zeros(shape, dtype=x.dtype, device=device_of(x)), before, after

    def between(self, x: Array, reference: Array) -> Between:
        """The chain rule for multipliers through both heads; the slope of log(1 + T) is 1 over that of exp back."""
        xp, given = array_namespace(x), x.shape[1] > 4
        h, h_r, back_body = self["body"].between(x[:, :4, :], reference[:, :4, :])
        (t, before, after), (t_r, _, _) = self._control(x, h), self._control(reference, h_r)
        totals, features = [xp.log1p(xp.sum(own, axis=(1, 2))) for own in (t, t_r)], h.shape[1]
        slope = 1.0 / slope_of_pairs(exp_slope, *totals)
        y, y_r, back_profile = self["profile"].between(
            xp.concat([h, t], axis=1), xp.concat([h_r, t_r], axis=1)
        )
        summed = [
            xp.concat([xp.mean(own, axis=2), total[:, None]], axis=1)
            for own, total in zip((h, h_r), totals, strict=True)
        ]
        c, c_r, back_counts = self["counts"].between(*summed)

        def back(m: Array) -> Array:
            gp, gc = back_profile(m[:, : y.shape[1]]), back_counts(m[:, y.shape[1] :])
            into_h = gp[:, :features, :] + gc[:, :features, None] * (1.0 / h.shape[2])
            bases = back_body(into_h)
            if not given:
                return bases
            into_t = gp[:, features:, :] + (gc[:, features] * slope)[:, None, None]
            rows = pad_axis(xp.permute_dims(into_t, (0, 2, 1)), before, after)
            return xp.concat([bases, xp.permute_dims(rows, (0, 2, 1))], axis=1)

        return xp.concat([y, c], axis=1), xp.concat([y_r, c_r], axis=1), back
