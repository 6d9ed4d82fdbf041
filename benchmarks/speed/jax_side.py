"""JAX's side: the same networks as functions of their parameters, compiled as a whole.

Each function below is one layer as a JAX user writes it; they are put together by walking genoml's network once,
while JAX traces. Between convolutions an array is (batch, length, channels), which XLA's CPU code likes best.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.speed.rows import Row
from benchmarks.speed.sides import DECAY, RATE, targets_like
from genoml import nn
from genoml.nn.containers import Container
from genoml.nn.layer import Layer

Arrays = dict[str, jax.Array]


class Walk:
    """One trace of a network: parameters in, output and moved running statistics out."""

    def __init__(self, params: Arrays, state: Arrays, training: bool) -> None:
        self.params, self.state, self.training = params, dict(state), training
        #: whether the array is (batch, length, channels) where genoml's is (batch, channels, length)
        self.channels_last = False

    def __call__(self, layer: Layer, path: str, x: jax.Array) -> jax.Array:
        return LAYERS[type(layer)](self, layer, path, x)

    def param(self, path: str, name: str) -> jax.Array:
        return self.params[f"{path}.{name}" if path else name]


def below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def sequential(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    for name, child in layer.named_layers.items():
        x = walk(child, below(path, name), x)
    return x


def cropped_residual(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    y = sequential(walk, layer, path, x)
    before = (x.shape[1] - y.shape[1]) // 2
    return x[:, before : before + y.shape[1]] + y


def graph(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    """Nodes in turn; sums of arrays whose longer ones are cropped."""
    found = {"input": x}
    for node in layer.nodes:
        read = [found[name] for name in node.sources]
        if node.joins:
            shortest = min(one.shape[1] for one in read)
            starts = [(one.shape[1] - shortest) // 2 for one in read]
            found[node.name] = sum(one[:, at : at + shortest] for one, at in zip(read, starts, strict=True))
        else:
            found[node.name] = walk(layer.named_layers[node.name], below(path, node.name), read[0])
    return found[layer.nodes[-1].name]


def parallel(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    outputs = []
    for name, child in layer.named_layers.items():
        walk.channels_last = True
        outputs.append(walk(child, below(path, name), x))
    return jnp.concatenate(outputs, axis=1)


def conv(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    walk.channels_last = True
    y = lax.conv_general_dilated(
        x,
        walk.param(path, "weights"),
        (layer.stride,),
        layer.padding.upper(),
        rhs_dilation=(layer.dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )
    y = y + walk.param(path, "bias")
    return jax.nn.relu(y) if layer.activation == "relu" else y


def batch_norm(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    axes = tuple(range(x.ndim - 1))
    mean, var = walk.state[f"{path}.running_mean"], walk.state[f"{path}.running_var"]
    if walk.training:
        count, keep = x.size // x.shape[-1], 1.0 - layer.momentum
        old_mean, old_var = mean, var
        mean, var = x.mean(axes), x.var(axes)
        unbiased = var * (count / (count - 1))
        walk.state[f"{path}.running_mean"] = keep * old_mean + layer.momentum * mean
        walk.state[f"{path}.running_var"] = keep * old_var + layer.momentum * unbiased
    scale = walk.param(path, "gamma") * lax.rsqrt(var + layer.eps)
    return (x - mean) * scale + walk.param(path, "beta")


@jax.custom_vjp
def largest(windows: jax.Array) -> jax.Array:
    """The maximum over axis 2, whose gradient goes to the first place that holds it.

    JAX's own gradient looks for the places that equal the maximum. Compiled as a whole, what was pooled may be computed
    a second time for that, rounded otherwise, and then no place is found and the gradient is lost. This is also faster.
    """
    return windows.max(axis=2)


def largest_forward(windows: jax.Array) -> tuple[jax.Array, Any]:
    return windows.max(axis=2), (windows.argmax(axis=2), windows.shape[2])


def largest_backward(kept: Any, grad: jax.Array) -> tuple[jax.Array]:
    place, size = kept
    return (jnp.where(place[:, :, None] == jnp.arange(size)[:, None], grad[:, :, None], 0.0),)


largest.defvjp(largest_forward, largest_backward)


def max_pool(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    """Windows side by side as an axis: faster backward on a CPU than ``lax.reduce_window``."""
    size = layer.pool_size
    if layer.ceil_mode:
        x = jnp.pad(x, ((0, 0), (0, -x.shape[1] % size), (0, 0)), constant_values=-jnp.inf)
    windows = x.shape[1] // size
    return largest(x[:, : windows * size].reshape(len(x), windows, size, -1))


def flatten(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    y = x.transpose(0, 2, 1) if walk.channels_last else x
    walk.channels_last = False
    return y.reshape(len(x), -1)


def dense(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    y = x @ walk.param(path, "weights") + walk.param(path, "bias")
    return jax.nn.relu(y) if layer.activation == "relu" else y


def transpose(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    walk.channels_last = False  # (batch, length, features) on both sides from here
    return x


def crop(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    before = (x.shape[1] - layer.length) // 2
    return x[:, before : before + layer.length]


def lstm(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    z = x.transpose(1, 0, 2) @ walk.param(path, "weights_input") + walk.param(path, "bias")
    weights = walk.param(path, "weights_recurrent")

    def step(carry: tuple[jax.Array, jax.Array], z_t: jax.Array) -> tuple[Any, jax.Array]:
        h, c = carry
        i, f, g, o = jnp.split(z_t + h @ weights, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((len(x), layer.hidden), x.dtype)
    return lax.scan(step, (zeros, zeros), z)[1].transpose(1, 0, 2)


def bidirectional(walk: Walk, layer: Any, path: str, x: jax.Array) -> jax.Array:
    ahead, behind = layer.layers
    y = lstm(walk, ahead, below(path, "forward"), x)
    return jnp.concatenate([y, lstm(walk, behind, below(path, "backward"), x[:, ::-1])[:, ::-1]], axis=2)


def self_attention(walk: Walk, layer: Any, path: str, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The output and the attention weights, which are dropped where nobody asks for them."""
    batch, length, _ = x.shape
    q, k, v = (
        (x @ walk.param(path, f"{name}_weights")).reshape(batch, length, layer.heads, -1)
        for name in ("query", "key", "value")
    )
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) * layer.key_size**-0.5
    weights = jax.nn.softmax(scores, axis=-1)
    mixed = jnp.einsum("nhqk,nkhd->nqhd", weights, v).reshape(batch, length, -1)
    return mixed @ walk.param(path, "output_weights") + walk.param(path, "output_bias"), weights


LAYERS: dict[type, Callable[..., Any]] = {
    nn.Sequential: sequential,
    nn.CroppedResidual: cropped_residual,
    nn.Graph: graph,
    nn.Parallel: parallel,
    nn.Conv1D: conv,
    nn.BatchNorm1D: batch_norm,
    nn.ReLU: lambda walk, layer, path, x: jax.nn.relu(x),
    nn.MaxPool1D: max_pool,
    nn.GlobalMaxPool1D: lambda walk, layer, path, x: x.max(axis=1),
    nn.GlobalAveragePool1D: lambda walk, layer, path, x: x.mean(axis=1),
    nn.Dropout: lambda walk, layer, path, x: x,  # of rate 0
    nn.Flatten: flatten,
    nn.Dense: dense,
    nn.Transpose: transpose,
    nn.CropTo: crop,
    nn.LSTM: lstm,
    nn.Bidirectional: bidirectional,
    nn.SelfAttention: self_attention,
}


def convolutions(layer: Layer, path: str = "") -> set[str]:
    """Paths of the weights of convolutions, which JAX takes as (width, in, out)."""
    if isinstance(layer, Container):
        return set().union(
            *(convolutions(child, below(path, name)) for name, child in layer.named_layers.items())
        )
    return {f"{path}.weights"} if isinstance(layer, nn.Conv1D) else set()


def adamw(params: Arrays, grads: Arrays, mean: Arrays, square: Arrays, step: jax.Array) -> tuple[Arrays, ...]:
    """AdamW with the defaults of the other sides; step counts from 1."""
    m = {name: 0.9 * mean[name] + 0.1 * grad for name, grad in grads.items()}
    v = {name: 0.999 * square[name] + 0.001 * grad * grad for name, grad in grads.items()}
    rate, correction = RATE / (1.0 - 0.9**step), jnp.sqrt(1.0 - 0.999**step)
    moved = {
        name: (1.0 - RATE * DECAY) * p - rate * m[name] / (jnp.sqrt(v[name]) / correction + 1e-8)
        for name, p in params.items()
    }
    return moved, m, v


class Jax:
    """A step and an inference, each compiled by ``jax.jit`` at its first run; buffers are given to the next step."""

    def __init__(self, row: Row, model: Layer) -> None:
        self.wide = convolutions(model)
        self.params = {
            name: jnp.array(np.asarray(value).transpose(2, 1, 0) if name in self.wide else value)
            for name, value in model.params.items()
        }
        self.state = {name: jnp.array(value) for name, value in model.state.items()}
        self.mean = {name: jnp.zeros_like(value) for name, value in self.params.items()}
        self.square = {name: jnp.zeros_like(value) for name, value in self.params.items()}
        x = row.inputs()
        self.x = jnp.array(np.ascontiguousarray(x.transpose(0, 2, 1)) if row.one_hot else x)
        self.steps, self.weights = 0, row.weights
        self._build(model, row.weights)
        self.targets = jnp.array(targets_like(self.infer()))

    def _build(self, model: Layer, weights: bool) -> None:
        def run(params: Arrays, state: Arrays, x: jax.Array, training: bool) -> tuple[Any, Any, Arrays]:
            walk = Walk(params, state, training)
            y = walk(model, "", x)
            if isinstance(y, tuple):
                return y[0], y[1] if weights else None, walk.state
            if walk.channels_last and y.ndim == 3:
                y = y.transpose(0, 2, 1)
            return y, None, walk.state

        def loss_of(params: Arrays, state: Arrays, x: jax.Array, targets: jax.Array) -> tuple[jax.Array, Any]:
            y, attended, moved = run(params, state, x, True)
            return jnp.mean((y - targets) ** 2), (attended, moved)

        def step(
            params: Arrays, state: Arrays, mean: Arrays, square: Arrays, count: Any, x: Any, t: Any
        ) -> Any:
            (loss, (attended, state)), grads = jax.value_and_grad(loss_of, has_aux=True)(params, state, x, t)
            return *adamw(params, grads, mean, square, count), state, loss, attended

        self._step = jax.jit(step, donate_argnums=(0, 1, 2, 3))
        self._infer = jax.jit(lambda params, state, x: run(params, state, x, False)[:2])

    def infer(self) -> np.ndarray:
        y, _ = jax.block_until_ready(self._infer(self.params, self.state, self.x))
        return np.asarray(y)

    def step(self) -> float:
        self.steps += 1
        self.params, self.mean, self.square, self.state, loss, _ = jax.block_until_ready(
            self._step(
                self.params, self.state, self.mean, self.square, float(self.steps), self.x, self.targets
            )
        )
        return float(loss)

    def mean_gradients(self) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(mean).transpose(2, 1, 0) if name in self.wide else np.asarray(mean)
            for name, mean in self.mean.items()
        }
