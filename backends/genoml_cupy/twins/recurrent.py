"""Steps of an LSTM and a GRU: a product and a kernel a step each way, where the standard versions launch eighteen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.arrays import sum_rows
from genoml.ops.recurrent import recurrent_grad, recurrent_grads
from genoml_cupy.launch import Kernels, Matrix
from genoml_cupy.twins._arguments import MOST, covered, elementwise, ints, strides


def lstm_scan(
    kernels: Kernels, z: Array, weights: Array, keep: Array | None = None, bias: Array | None = None
) -> Any:
    """See genoml.ops.recurrent.lstm_scan."""
    z = z if bias is None else z + bias
    if not covered(z, weights) or z.size >= MOST:
        return NotImplemented
    xp, dtype = kernels.xp, z.dtype
    length, n, width = z.shape
    size = width // 4
    z, weights = xp.ascontiguousarray(z), xp.ascontiguousarray(weights)
    keep = None if keep is None else xp.ascontiguousarray(keep).view(xp.uint8)
    gates = xp.empty((length, n, width), dtype=dtype)
    cells, states = (xp.empty((length + 1, n, size), dtype=dtype) for _ in range(2))
    grid_and_block, sizes = elementwise(n * size), ints(n, size)
    for t in range(length):
        if t:
            kernels.product(
                n, width, size, Matrix(states[t], size), Matrix(weights, width), Matrix(gates[t], width)
            )
        kernels.launch(
            "recurrent", "lstm_forward", dtype, *grid_and_block, z[t], *_kept(keep, t, z), *ints(t == 0), *sizes,
            gates[t], cells[t], states[t], cells[t + 1], states[t + 1],
        )  # fmt: skip

    def back(received: Sequence[Array | None], need_weights: bool = True) -> tuple[Array, dict[str, Array]]:
        grad_z = xp.empty((length, n, width), dtype=dtype)
        grad_state, grad_cell = (xp.empty((n, size), dtype=dtype) for _ in range(2))
        for t in reversed(range(length)):
            kernels.launch(
                "recurrent", "lstm_backward", dtype, *grid_and_block, *_received(received[t], grad_state), gates[t],
                cells[t], cells[t + 1], *_kept(keep, t, gates), *ints(t == length - 1), *sizes, grad_state, grad_cell,
                grad_z[t],
            )  # fmt: skip
            if t:
                _add_through(kernels, grad_z[t], weights, grad_state, beta=float(keep is not None))
        return grad_z, (recurrent_grads(states[:-1], grad_z, bias) if need_weights else {})

    return states[1:], back


def gru_scan(kernels: Kernels, z: Array, weights: Array, bias: Array, keep: Array | None = None) -> Any:
    """See genoml.ops.recurrent.gru_scan."""
    if not covered(z, weights, bias) or 2 * z.size >= MOST:
        return NotImplemented
    xp, dtype = kernels.xp, z.dtype
    length, n, width = z.shape
    size = width // 3
    z, weights, bias = (xp.ascontiguousarray(array) for array in (z, weights, bias))
    keep = None if keep is None else xp.ascontiguousarray(keep).view(xp.uint8)
    gates = xp.empty((length, n, 4 * size), dtype=dtype)
    states = xp.empty((length + 1, n, size), dtype=dtype)
    product = xp.empty((n, width), dtype=dtype)
    grid_and_block, sizes = elementwise(n * size), ints(n, size)
    for t in range(length):
        if t:
            kernels.product(
                n, width, size, Matrix(states[t], size), Matrix(weights, width), Matrix(product, width)
            )
        kernels.launch(
            "recurrent", "gru_forward", dtype, *grid_and_block, z[t], product, bias, *_kept(keep, t, z),
            *ints(t == 0), *sizes, gates[t], states[t], states[t + 1],
        )  # fmt: skip

    def back(received: Sequence[Array | None], need_params: bool = True) -> tuple[Array, dict[str, Array]]:
        shared, grad_z = (xp.empty((length, n, width), dtype=dtype) for _ in range(2))
        grad_state = xp.empty((n, size), dtype=dtype)
        for t in reversed(range(length)):
            kernels.launch(
                "recurrent", "gru_backward", dtype, *grid_and_block, *_received(received[t], grad_state), gates[t],
                states[t], *ints(t == length - 1), *sizes, grad_state, shared[t], grad_z[t],
            )  # fmt: skip
            if t:
                _add_through(kernels, shared[t], weights, grad_state, beta=1.0)
        if not need_params:
            return grad_z, {}
        grads = {
            "weights_recurrent": recurrent_grad(states[:-1], shared),
            "bias_recurrent": sum_rows(shared[:, :, 2 * size :]),
        }
        return grad_z, grads

    return states[1:], back


def _add_through(kernels: Kernels, grad: Array, weights: Array, grad_state: Array, beta: float) -> None:
    """grad_state = grad W^T + beta grad_state."""
    (n, size), width = grad_state.shape, weights.shape[1]
    by_weights = Matrix(weights, width, turned=True)
    kernels.product(n, size, width, Matrix(grad, width), by_weights, Matrix(grad_state, size), beta=beta)


def _kept(keep: Array | None, t: int, instead: Array) -> tuple[Array, np.int32]:
    """Which examples a step is real for, and whether that is said at all."""
    return (instead, np.int32(0)) if keep is None else (keep[t], np.int32(1))


def _received(grad: Array | None, instead: Array) -> tuple[Any, ...]:
    """The gradient from a step's output, its strides, and whether there is one."""
    if grad is None:
        return (instead, *strides(instead), np.int32(0))
    return (grad, *strides(grad), np.int32(1))
