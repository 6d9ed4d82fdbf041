"""The steps of an LSTM and of a GRU, with backpropagation through time.

Whatever does not depend on later steps (the slopes of the gates) is computed for all steps at once, so that a step of
the backward pass costs one product and a few element-wise operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import sum_rows
from genoml.ops.dispatch import operation

#: dL/dh of each step (None: zero), and whether the parameters' gradients are needed -> dL/dz, and the gradients of
#: the layer's parameters by name
ScanPullback: TypeAlias = Callable[..., tuple[Array, dict[str, Array]]]
#: dL/dh of each step (None: zero), and whether dL/dx and the parameters' gradients are needed -> these
StepsPullback: TypeAlias = Callable[[list[Array | None], bool, bool], tuple[Array | None, dict[str, Array]]]


def read_steps(
    x: Array, weights: Array, scan: Callable[[Array], tuple[Array, ScanPullback]]
) -> tuple[Array, StepsPullback]:
    """The states of a scan of z = x weights, the inputs' part of its gates: one product for all steps.

    Shapes
    ------
    x : (batch, length, features);  weights : (features, width);  z : (length, batch, width)
    states : (batch, length, hidden)
    """
    xp = array_namespace(x)
    batch, length, features = x.shape
    rows = xp.reshape(xp.permute_dims(x, (1, 0, 2)), (length * batch, features))
    states, back = scan(xp.reshape(rows @ weights, (length, batch, weights.shape[1])))

    def pullback(
        received: list[Array | None], need_x: bool = True, need_params: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        # z = x W + b for all steps at once: dL/dW = x^T dz, dL/db = sum dz, dL/dx = dz W^T
        grad_z, grads = back(received, need_params)
        flat = xp.reshape(grad_z, (length * batch, weights.shape[1]))
        if need_params:
            grads = {**grads, "weights_input": xp.matrix_transpose(rows) @ flat}
            grads = grads if "bias" in grads else {**grads, "bias": sum_rows(flat)}
        if not need_x:
            return None, grads
        grad_x = xp.reshape(flat @ xp.matrix_transpose(weights), (length, batch, features))
        return xp.permute_dims(grad_x, (1, 0, 2)), grads

    return xp.permute_dims(states, (1, 0, 2)), pullback


@operation
def lstm_vjp(
    x: Array, weights_input: Array, weights_recurrent: Array, bias: Array, keep: Array | None = None
) -> tuple[Array, StepsPullback]:
    """The states of an LSTM and their pullback: ``lstm_scan`` of z = x weights_input.

    Shapes
    ------
    x : (batch, length, features);  weights_input : (features, 4 hidden);  weights_recurrent : (hidden, 4 hidden)
    bias : (4 hidden,);  keep : (length, batch, 1);  states : (batch, length, hidden)
    """
    return read_steps(x, weights_input, lambda z: lstm_scan(z, weights_recurrent, keep, bias))


@operation
def lstm_scan(
    z: Array, weights: Array, keep: Array | None = None, bias: Array | None = None
) -> tuple[Array, ScanPullback]:
    """Run the steps of an LSTM, given z, the inputs' part of its gates.

        (i, f, g, o) = z_t + bias + h_{t-1} weights
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
        h_t = sigmoid(o) tanh(c_t),   h_0 = c_0 = 0

    Where ``keep`` is False, a padded step, h and c stay as they are. With a bias, its gradient is given too.

    Shapes
    ------
    z : (length, batch, 4 hidden);  weights : (hidden, 4 hidden);  keep : (length, batch, 1);  bias : (4 hidden,)
    states h : (length, batch, hidden)
    """
    xp = array_namespace(z)
    z = z if bias is None else z + bias
    length, batch, _ = z.shape
    size = weights.shape[0]
    half = xp.full((size,), 0.5, dtype=z.dtype, device=device_of(z))
    # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh serves all four gates, scaled before and after
    scale = xp.concat([half, half, 2.0 * half, half])
    z, scaled = z * scale, weights * scale
    shift = 1.0 - scale
    h = c = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
    activations: list[Array] = []
    squashed: list[Array] = []
    cells, states = [c], [h]
    for t in range(length):
        a = xp.tanh(z[t, :, :] + h @ scaled) * scale + shift
        i, f, g, o = (a[:, k * size : (k + 1) * size] for k in range(4))
        cell = f * c + i * g
        bounded = xp.tanh(cell)
        state = o * bounded
        c = cell if keep is None else xp.where(keep[t, :, :], cell, c)
        h = state if keep is None else xp.where(keep[t, :, :], state, h)
        activations.append(a)
        cells.append(c)
        squashed.append(bounded)
        states.append(h)

    def back(received: list[Array | None], need_weights: bool = True) -> tuple[Array, dict[str, Array]]:
        a = xp.reshape(xp.stack(activations), (length, batch, 4, size))
        slopes, into_cell, kept = _lstm_slopes(a, xp.stack(cells[:-1]), xp.stack(squashed), keep)
        grad_z = lstm_back(received, slopes, into_cell, kept, weights, keep)
        return grad_z, (recurrent_grads(before, grad_z, bias) if need_weights else {})

    before = xp.stack(states[:-1])
    return xp.stack(states[1:]), back


def _lstm_slopes(a: Array, before: Array, bounded: Array, keep: Array | None) -> tuple[Array, Array, Array]:
    """The derivatives of c and h: (length, batch, 4, hidden) and two of (length, batch, hidden).

    i, f, g, o are the gates after their functions and i', f', g', o' before: dc/di' = g i (1 - i),
    dc/df' = c_{t-1} f (1 - f), dc/dg' = i (1 - g^2), dh/do' = tanh(c) o (1 - o);
    dh/dc = o (1 - tanh(c)^2);  dc/dc_{t-1} = f.
    A padded step has derivatives 0 and passes the whole of dc on.
    """
    xp = array_namespace(a)
    i, f, g, o = (a[:, :, k, :] for k in range(4))
    parts = [g * i * (1.0 - i), before * f * (1.0 - f), i * (1.0 - g * g), bounded * o * (1.0 - o)]
    slopes, into_cell = xp.stack(parts, axis=2), o * (1.0 - bounded * bounded)
    if keep is None:
        return slopes, into_cell, f
    zero = xp.zeros((), dtype=a.dtype, device=device_of(a))
    one = xp.ones((), dtype=a.dtype, device=device_of(a))
    return (
        xp.where(keep[:, :, :, None], slopes, zero),
        xp.where(keep, into_cell, zero),
        xp.where(keep, f, one),
    )


def lstm_back(
    received: list[Array | None],
    slopes: Array,
    into_cell: Array,
    kept: Array,
    weights: Array,
    keep: Array | None,
) -> Array:
    """The recursion in reverse: dL/dz, (length, batch, 4 hidden).

    dh_t = dL/dy_t + dz_{t+1} W^T;  dc_t = dh_t dh/dc + dc_{t+1} f_{t+1};  dz_t = (dc, dc, dc, dh) slopes.
    """
    xp = array_namespace(slopes)
    length, batch, _, size = slopes.shape
    transposed = xp.matrix_transpose(weights)
    dh = dc = xp.zeros((batch, size), dtype=slopes.dtype, device=device_of(slopes))
    zero, grads = xp.zeros((), dtype=slopes.dtype, device=device_of(slopes)), []
    for t in reversed(range(length)):
        grad = received[t]
        dh = dh if grad is None else dh + grad
        dc = dc + dh * into_cell[t, :, :]
        dz = xp.reshape(xp.stack([dc, dc, dc, dh], axis=1) * slopes[t, ...], (batch, 4 * size))
        passed = None if keep is None else xp.where(keep[t, :, :], zero, dh)
        dh = dz @ transposed if passed is None else dz @ transposed + passed
        dc = dc * kept[t, :, :]
        grads.append(dz)
    return xp.stack(grads[::-1])


# ---------------------------------------------------------------- GRU


@operation
def gru_scan(z: Array, weights: Array, bias: Array, keep: Array | None = None) -> tuple[Array, ScanPullback]:
    """Run the steps of a GRU, given z, the inputs' part of its gates.

        (r', u', q) = h_{t-1} weights
        r = sigmoid(z_r + r'),  u = sigmoid(z_u + u'),  n = tanh(z_n + r (q + bias))
        h_t = (1 - u) n + u h_{t-1},   h_0 = 0

    Where ``keep`` is False, a padded step, h stays as it is.

    Shapes
    ------
    z : (length, batch, 3 hidden);  weights : (hidden, 3 hidden);  bias : (hidden,);  keep : (length, batch, 1)
    states h : (length, batch, hidden)
    """
    xp = array_namespace(z)
    length, batch, _ = z.shape
    size = weights.shape[0]
    half = xp.full((2 * size,), 0.5, dtype=z.dtype, device=device_of(z))
    one = xp.ones((size,), dtype=z.dtype, device=device_of(z))
    # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh serves both gates, scaled before and after
    scale = xp.concat([half, one])
    z, scaled = z * scale, weights * scale
    h = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
    gates_of_steps: list[tuple[Array, Array, Array, Array]] = []
    states = [h]
    for t in range(length):
        from_state = h @ scaled
        gates = 0.5 * xp.tanh(z[t, :, : 2 * size] + from_state[:, : 2 * size]) + 0.5
        r, u = gates[:, :size], gates[:, size:]
        q = from_state[:, 2 * size :] + bias
        n = xp.tanh(z[t, :, 2 * size :] + r * q)
        if keep is not None:  # a step with u = 1 leaves h as it is, and passes the whole gradient on
            u = xp.where(keep[t, :, :], u, one)
        h = (1.0 - u) * n + u * h
        gates_of_steps.append((r, u, n, q))
        states.append(h)

    def back(received: list[Array | None], need_params: bool = True) -> tuple[Array, dict[str, Array]]:
        before = xp.stack(states[:-1])
        r, u, n, q = (xp.stack(values) for values in zip(*gates_of_steps, strict=True))
        slopes, slope_n = _gru_slopes(r, u, n, q, before)
        grad_states = gru_back(received, slopes, u, weights)
        # z acts on n directly, h_{t-1} W through r: their gradients differ in the last block only
        shared = xp.reshape(grad_states[:, :, None, :] * slopes, (length, batch, 3 * size))
        grad_z = xp.concat([shared[:, :, : 2 * size], grad_states * slope_n], axis=2)
        if not need_params:
            return grad_z, {}
        grads = {
            "weights_recurrent": recurrent_grad(before, shared),
            "bias_recurrent": xp.sum(shared[:, :, 2 * size :], axis=(0, 1)),
        }
        return grad_z, grads

    return xp.stack(states[1:]), back


def _gru_slopes(r: Array, u: Array, n: Array, q: Array, before: Array) -> tuple[Array, Array]:
    """The derivatives of h by h_{t-1} W, (length, batch, 3, hidden), and by n', (length, batch, hidden).

    r', u', n' are the gates before their functions: dh/dn' = (1 - u) (1 - n^2), dh/dr' = dh/dn' q r (1 - r),
    dh/du' = (h_{t-1} - n) u (1 - u), dh/dq = dh/dn' r, where q includes its bias.
    """
    xp = array_namespace(r)
    slope_n = (1.0 - u) * (1.0 - n * n)
    parts = [slope_n * q * r * (1.0 - r), (before - n) * u * (1.0 - u), slope_n * r]
    return xp.stack(parts, axis=2), slope_n


def gru_back(received: list[Array | None], slopes: Array, updates: Array, weights: Array) -> Array:
    """The recursion in reverse: dh_{t-1} = dL/dy_{t-1} + dh_t u_t + (dh_t slopes_t) W^T.

    Shapes
    ------
    dh : (length, batch, hidden)
    """
    xp = array_namespace(slopes)
    length, batch, _, size = slopes.shape
    transposed = xp.matrix_transpose(weights)
    dh, grads = xp.zeros((batch, size), dtype=slopes.dtype, device=device_of(slopes)), []
    for t in reversed(range(length)):
        grad = received[t]
        dh = dh if grad is None else dh + grad
        grads.append(dh)
        through = xp.reshape(dh[:, None, :] * slopes[t, ...], (batch, 3 * size))
        dh = dh * updates[t, :, :] + through @ transposed
    return xp.stack(grads[::-1])


def recurrent_grads(before: Array, grad_z: Array, bias: Array | None) -> dict[str, Array]:
    """Gradients of the weights and of the bias, if there is one, in z_t + bias + h_{t-1} W: dL/dbias = sum dz."""
    grads = {"weights_recurrent": recurrent_grad(before, grad_z)}
    return grads if bias is None else {**grads, "bias": sum_rows(grad_z)}


def recurrent_grad(before: Array, grad_z: Array) -> Array:
    """Gradient of the recurrent weights W in z_t = ... + h_{t-1} W: sum_t h_{t-1}^T dz_t, as one product."""
    xp = array_namespace(before)
    length, batch, size = before.shape
    rows = xp.reshape(before, (length * batch, size))
    return xp.matrix_transpose(rows) @ xp.reshape(grad_z, (length * batch, grad_z.shape[2]))
