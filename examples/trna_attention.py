"""Which base of a tRNA pairs with which? Attention that is trained to point at the partner draws the stems.

Each position is asked for its partner, an unpaired one for itself; the answer is the attention map of the last
layer. tRNAs that are alike are kept together when some are held out. Prints precision and recall of the pairs
of held-out tRNAs, and with --out draws the map of one beside its true structure. The same script runs on any
backend: python examples/trna_attention.py --backend cupy --out trna.svg
"""

import argparse
import csv
import gzip
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace

from genoml import Conv1D, LayerNorm, Sequential, TransformerBlock, Transpose, get_backend, use_backend
from genoml.explain import attention_maps
from genoml.losses import softmax_cross_entropy
from genoml.nn import EVALUATION, Gradient, Layer, Parameter, Pass
from genoml.nn.layer import expect_shape
from genoml.ops.activations import allow, masked_softmax
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.random import glorot_normal, host_generator
from genoml.sequence import base_codes
from genoml.sequence.alphabet import PAD_CODE
from genoml.testing import LayerCase, check_layer
from genoml.train.predict import encode_batch

DATA = Path(__file__).parent / "data" / "trna_pairs.tsv.gz"


class PairScores(Layer):
    """How much position i wants to pair with position j: attention before its softmax.

        y[n, i, j] = (x[n, i] Wq) . (x[n, j] Wk) / sqrt(key_size),    -1e30 where j is padding

    Shapes
    ------
    x : (batch, length, features);  mask : (batch, length);  y : (batch, length, length)
    """

    reads_mask = True
    in_parts = True  # each example alone, so that threads can share a batch
    query_weights, query_weights_grad = Parameter(), Gradient()  # (features, key_size)
    key_weights, key_weights_grad = Parameter(), Gradient()  # (features, key_size)

    def __init__(self, features, key_size, **options):
        super().__init__(**options)
        self.features, self.key_size = features, key_size

    def initial_params(self):
        shape = (self.features, self.key_size)
        return {name: glorot_normal(shape, *shape) for name in ("query_weights", "key_weights")}

    def vjp(self, x, run=EVALUATION):
        xp, scale = array_namespace(x), self.key_size**-0.5
        ok = x.ndim == 3 and x.shape[2] == self.features
        expect_shape(self, x, ok, f"(batch, length, {self.features})")
        query_weights, key_weights = self.query_weights, self.key_weights
        rows = xp.reshape(x, (x.shape[0] * x.shape[1], self.features))
        shape = (x.shape[0], x.shape[1], self.key_size)
        query = xp.reshape(rows @ query_weights, shape) * scale
        key = xp.reshape(rows @ key_weights, shape)
        real = run.real_steps(self, x)
        allowed = None if real is None else real[:, None, :]

        def pullback(grad, *, need_x=True, need_params=True):
            # S = Q K^T: dQ = G K, dK = G^T Q; then each is x W: dW = x^T g, dx = g W^T. Padding gives nothing.
            g = grad if allowed is None else grad * xp.astype(allowed, grad.dtype)
            of_query = xp.reshape(g @ key * scale, (rows.shape[0], self.key_size))
            of_key = xp.reshape(xp.matrix_transpose(g) @ query, (rows.shape[0], self.key_size))
            columns, grads = xp.matrix_transpose(rows), {}
            if need_params:
                grads = {"query_weights": columns @ of_query, "key_weights": columns @ of_key}
            if not need_x:
                return None, grads
            grad_rows = of_query @ xp.matrix_transpose(query_weights)
            grad_rows = grad_rows + of_key @ xp.matrix_transpose(key_weights)
            return xp.reshape(grad_rows, tuple(x.shape)), grads

        return allow(query @ xp.matrix_transpose(key), allowed), pullback

    def attention(self, x, *, mask=None):
        """The softmax over j, as one head: (batch, 1, length, length)."""
        run = Pass(mask=mask)
        scores, _ = self.vjp(x, run)
        real = run.real_steps(self, x)
        return masked_softmax(scores, None if real is None else real[:, None, :])[:, None, :, :]


def loop(arrays, x):
    """The formula, one number after another."""
    query, key = x @ arrays["query_weights"], x @ arrays["key_weights"]
    y = np.zeros((len(x), x.shape[1], x.shape[1]))
    for n, i, j in np.ndindex(*y.shape):
        y[n, i, j] = query[n, i] @ key[n, j] / np.sqrt(query.shape[2])
    return y


CASE = LayerCase(
    lambda: PairScores(5, 3),
    (2, 7, 5),
    edges=[(0, 7, 5), (1, 1, 5)],
    errors=[((2, 7, 4), "PairScores expects (batch, length, 5), got (2, 7, 4)")],
    reference=loop,
)


# ---------------------------------------------------------------- data


def partners(structure):
    """The partner of each position of a dot-bracket structure; its own place for one without."""
    found, opened = list(range(len(structure))), []
    for place, symbol in enumerate(structure):
        if symbol == "(":
            opened.append(place)
        elif symbol == ")":
            found[place] = opened.pop()
            found[found[place]] = place
    return found


def read_trnas(count=None):
    """Names, base codes (n, length), partners (n, length; padding: itself), and groups of similar tRNAs."""
    with gzip.open(DATA, "rt", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    codes = base_codes([row["sequence"] for row in rows], pad="right")
    pairs = np.tile(np.arange(codes.shape[1]), (len(rows), 1))
    for row, place in zip(rows, pairs, strict=True):
        place[: len(row["structure"])] = partners(row["structure"])
    return [row["name"] for row in rows], codes, pairs, np.array([int(row["group"]) for row in rows])


def held_out(groups, fraction, seed):
    """Which examples are held out: whole groups, drawn until their share of the examples is reached."""
    names, sizes = np.unique(groups, return_counts=True)
    order = host_generator(seed, "groups").permutation(len(names))
    chosen = names[order[np.cumsum(sizes[order]) <= fraction * len(groups)]]
    return np.isin(groups, chosen)


# ---------------------------------------------------------------- model


def network(seed, features=64, blocks=2):
    """A convolution that reads a base and its neighbours, transformer blocks, and the scores of all pairs."""
    layers = {
        "bases": Conv1D(4, features, 5, padding="same", activation="gelu"),
        "steps": Transpose(),
    }
    for i in range(1, blocks + 1):
        layers[f"block{i}"] = TransformerBlock(
            features, 4, hidden_features=2 * features, dropout=0.1, position="relative", max_length=128
        )
    layers |= {"norm": LayerNorm(features), "pairs": PairScores(features, 32)}
    return Sequential(layers, seed=seed)


def train(model, codes, pairs, epochs, batch_size, seed):
    """Cross-entropy of each real position's attention with the partner it should point at."""
    backend = model.backend
    steps = epochs * -(-len(codes) // batch_size)
    optimizer, schedule, step = AdamW(3e-3, weight_decay=0.05), one_cycle(steps), 0
    for epoch in range(1, epochs + 1):
        order, losses = host_generator(seed, "order", epoch).permutation(len(codes)), []
        for start in range(0, len(codes), batch_size):
            index = order[start : start + batch_size]
            real = codes[index] != PAD_CODE
            x = encode_batch(codes[index], backend, model.dtype, "zero")
            scores = model(x, training=True, step=step, mask=real.astype(np.float32))
            by_class = backend.xp.permute_dims(scores, (0, 2, 1))  # the partner is the class of a position
            loss, grad = softmax_cross_entropy(by_class, pairs[index], mask=real)
            model.backward(backend.xp.permute_dims(grad, (0, 2, 1)))
            optimizer.learning_rate = 3e-3 * schedule(step)
            optimizer.update(model.params, model.grads)
            losses.append(float(loss))
            step += 1
        if epoch % 10 == 0 or epoch == epochs:
            print(f"epoch {epoch:3d}: loss {np.mean(losses):.3f}", flush=True)


def maps(model, codes):
    """The attention of the last layer, (n, length, length), on the host."""
    return attention_maps(model, codes)["pairs"][:, 0]


def predicted(attention):
    """The pairs on which both sides agree: i points at j more than anywhere else, and j at i."""
    best = attention.argmax(axis=2)
    places = np.arange(best.shape[1])
    mutual = np.take_along_axis(best, best, axis=1) == places
    return np.where(mutual, best, places)


def score(found, true, real):
    """Precision and recall of base pairs."""
    places = np.arange(true.shape[1])
    said, there = (found != places) & real, (true != places) & real
    right = (found == true) & said & there
    return right.sum() / max(said.sum(), 1), right.sum() / there.sum()


# ---------------------------------------------------------------- picture


def middling(names, codes, pairs, unseen, attention):
    """The held-out tRNA that is predicted neither better nor worse than half of them: what ``draw`` takes."""
    found, places = predicted(attention), np.arange(codes.shape[1])
    paired = pairs[unseen] != places
    share = ((found == pairs[unseen]) & paired).sum(axis=1) / paired.sum(axis=1)
    middle = int(np.argsort(share, kind="stable")[len(share) // 2])
    row = int(np.flatnonzero(unseen)[middle])
    return names[row], codes[row], attention[middle], pairs[row]


def letters(codes):
    return "".join("ACGU"[code] if code < 4 else "N" for code in codes[codes != PAD_CODE])


def draw(path, name, codes, attention, pairs):
    """The map of one tRNA beside its true structure."""
    from matplotlib.figure import Figure

    from genoml import plot

    sequence = letters(codes)
    length = len(sequence)
    truth = np.eye(length)[pairs[:length]]
    figure = Figure(figsize=(13, 6.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot.attention_map(left, attention[:length, :length], sequence)
    left.set_title(f"{name}, held out: attention", fontsize=11)
    plot.attention_map(right, truth, sequence)
    right.set_title("true structure, an unpaired base at itself", fontsize=11)
    figure.savefig(path)
    print(f"picture: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training set")
    parser.add_argument("--seed", type=int, default=0, help="key of all randomness")
    parser.add_argument("--quick", action="store_true", help="a small network on a slice, for a look")
    parser.add_argument("--out", type=Path, help="where to write the picture (.svg, .png, .pdf)")
    arguments = parser.parse_args()
    use_backend(arguments.backend)
    if arguments.quick:
        check_layer(CASE, backend=get_backend(), float64=arguments.backend != "jax")
        print("every check of PairScores passed")

    names, codes, pairs, groups = read_trnas(300 if arguments.quick else None)
    unseen = held_out(groups, 0.2, arguments.seed)
    model = network(arguments.seed, 32, 1) if arguments.quick else network(arguments.seed)
    print(f"{np.sum(~unseen)} tRNAs to train on, {np.sum(unseen)} of other groups held out")
    batch_size = 8 if arguments.quick else 32
    train(model, codes[~unseen], pairs[~unseen], arguments.epochs, batch_size, arguments.seed)

    attention, real = maps(model, codes[unseen]), codes[unseen] != PAD_CODE
    precision, recall = score(predicted(attention), pairs[unseen], real)
    print(f"held-out base pairs: precision {precision:.3f}, recall {recall:.3f}")
    if arguments.out:
        draw(arguments.out, *middling(names, codes, pairs, unseen, attention))


if __name__ == "__main__":
    main()
