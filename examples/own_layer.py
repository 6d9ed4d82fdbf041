"""A layer of your own: its formula, its derivative, the proof that they belong together, and a network with it.

The layer learns where in a window a motif matters. A network with it tells sequences whose motif lies in the
middle from sequences whose motif lies elsewhere, which max pooling cannot. docs/layers.md explains each step.
The same script runs on any backend: python examples/own_layer.py --backend cupy
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace

from genoml import (
    Conv1D,
    Dense,
    GlobalMaxPool1D,
    Sequential,
    auroc,
    batch_encode,
    binary_cross_entropy_with_logits,
    get_backend,
    use_backend,
)
from genoml.checkpoint import load_weights, save_weights
from genoml.nn import EVALUATION, Gradient, Layer, Parameter
from genoml.nn.layer import expect_shape
from genoml.optim import Adam
from genoml.random import constant
from genoml.testing import LayerCase, check_layer, has_float64, measure_layer

LENGTH_BP, MOTIF = 60, "TGACTCA"


class PositionPool(Layer):
    """A weighted mean over positions, the weights learned.

        y[n, c] = sum_l w[l] x[n, c, l],    w = softmax(logits)

    Shapes
    ------
    x : (batch, channels, length);  y : (batch, channels);  logits : (length,)
    """

    logits, logits_grad = Parameter(), Gradient()
    affine = True  # in x: the weights do not depend on it
    in_parts = True  # each example alone, so that threads can share a batch

    def __init__(self, length, **options):
        super().__init__(**options)  # seed, dtype and backend
        self.length = length

    def initial_params(self):
        return {"logits": constant((self.length,), 0.0)}

    def vjp(self, x, run=EVALUATION):
        ok = x.ndim == 3 and x.shape[2] == self.length
        expect_shape(self, x, ok, f"(batch, channels, {self.length})")
        xp, logits = array_namespace(x), self.logits
        e = xp.exp(logits - xp.max(logits))
        w = e / xp.sum(e)

        def pullback(grad, *, need_x=True, need_params=True):
            # y is linear in x and in w:  dL/dx[n, c, l] = g[n, c] w[l],  s[l] = dL/dw[l] = sum_nc g[n, c] x[n, c, l]
            # dw[l]/dlogits[k] = w[l] ([l = k] - w[k]), so  dL/dlogits[k] = w[k] (s[k] - sum_l w[l] s[l])
            g = grad[:, :, None]
            grad_x = g * w if need_x else None
            if not need_params:
                return grad_x, {}
            s = xp.sum(g * x, axis=(0, 1))
            return grad_x, {"logits": w * (s - xp.sum(w * s))}

        return xp.sum(x * w, axis=2), pullback


def loop(arrays, x):
    """The formula, one number after another."""
    w = np.exp(arrays["logits"]) / np.sum(np.exp(arrays["logits"]))
    y = np.zeros(x.shape[:2])
    for n, c, position in np.ndindex(*x.shape):
        y[n, c] += w[position] * x[n, c, position]
    return y


CASE = LayerCase(
    lambda: PositionPool(9),
    (4, 3, 9),
    edges=[(0, 3, 9), (1, 1, 9)],
    errors=[((4, 3, 8), "PositionPool expects (batch, channels, 9), got (4, 3, 8)")],
    reference=loop,
)


def prove(backend):
    """Print the figures, and run every check; an AssertionError says what does not hold."""
    dtypes = ["float64", "float32"] if has_float64(backend) else ["float32"]
    for dtype in dtypes:
        figures = measure_layer(CASE, backend=backend, dtype=dtype)
        for name, error in figures.gradients.items():
            print(f"{dtype}: gradient of {name} against central differences {error:.1e}")
        print(
            f"{dtype}: output against the loop {figures.formula:.1e}, all against NumPy {figures.difference:.1e}"
        )
    check_layer(CASE, backend=backend, float64="float64" in dtypes)
    print("every check passed")


def planted(count, seed):
    """Sequences with the motif in the middle (label 1) or elsewhere (label 0)."""
    rng = np.random.default_rng(seed)
    labels, last = np.arange(count) % 2, LENGTH_BP - len(MOTIF)
    sequences = []
    for label in labels:
        middle = last // 2 + rng.integers(-2, 3)
        at = middle if label else (middle + rng.integers(12, last - 12)) % last
        letters = "".join(rng.choice(list("ACGT"), LENGTH_BP))
        sequences.append(letters[:at] + MOTIF + letters[at + len(MOTIF) :])
    return sequences, labels[:, None]


def network(pool):
    return Sequential([Conv1D(4, 16, len(MOTIF)), pool, Dense(16, 1)])


def encoded(sequences):
    return get_backend().xp.permute_dims(batch_encode(sequences), (0, 2, 1))


def trained(pool, steps):
    """A network with this pooling and its AUROC on sequences that it has not seen."""
    sequences, labels = planted(400, seed=0)
    x, model, optimizer = encoded(sequences), network(pool), Adam(0.1)
    for _ in range(steps):
        _, grad = binary_cross_entropy_with_logits(model(x, training=True), labels)
        model.backward(grad)
        optimizer.update(model.params, model.grads)
    unseen, truth = planted(400, seed=1)
    return model, float(auroc(model(encoded(unseen))[:, 0], truth[:, 0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--steps", type=int, default=100, help="steps of training")
    parser.add_argument("--quick", action="store_true", help="a small training: does it run?")
    arguments = parser.parse_args()
    steps = 20 if arguments.quick else arguments.steps
    backend = use_backend(arguments.backend).backend
    prove(backend)

    windows = LENGTH_BP - len(MOTIF) + 1
    model, score = trained(PositionPool(windows), steps)
    print(f"AUROC with PositionPool {score:.3f}")
    print(f"AUROC with max pooling {trained(GlobalMaxPool1D(), steps)[1]:.3f}")

    with tempfile.TemporaryDirectory() as folder:
        save_weights(Path(folder) / "weights.safetensors", model)
        again = network(PositionPool(windows))
        load_weights(Path(folder) / "weights.safetensors", again)
    x = encoded(planted(10, seed=2)[0])
    same = np.array_equal(backend.to_numpy(again(x)), backend.to_numpy(model(x)))
    print(f"saved, loaded, the same numbers: {same}")


if __name__ == "__main__":
    main()
