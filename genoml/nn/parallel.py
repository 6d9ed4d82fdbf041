"""Layers side by side: branches whose outputs are concatenated, and ensembles, whose outputs are averaged."""

from __future__ import annotations

from functools import reduce
from operator import add

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.containers import Container
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, layer_label
from genoml.nn.reach import Branches
from genoml.ops.arrays import in_memory_order
from genoml.ops.secants import Between

__all__ = ["Ensemble", "Parallel"]


class Parallel(Container):
    """Branches that read the same input, concatenated along the channels (axis 1): y = [f_1(x), ..., f_n(x)].

    dL/dx is the sum over the branches, each of which is pulled back its own slice of dL/dy. A mask is handed
    on as in Sequential.

    Raises
    ------
    ValueError
        If the branches' outputs differ in any axis but the channels, or for a mask that no branch reads.
    """

    def branches(self, length: int) -> Branches[Layer]:
        """Each layer as a row of its own; outputs concatenated along the channels."""
        rows = [(layer,) for layer in self.layers]
        return Branches.joined(
            rows, lambda outputs: array_namespace(outputs[0]).concat(list(outputs), axis=1)
        )

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp = array_namespace(x)
        outputs, pullbacks, learning = [], [], []
        for name, layer in self.named_layers.items():
            y, pullback_branch = layer.vjp(x, self.run_of(name, run))
            outputs.append(y)
            pullbacks.append(pullback_branch)
            learning.append(self.learns(name, run))
        shapes = [tuple(y.shape) for y in outputs]
        if len({(shape[0], *shape[2:]) for shape in shapes}) > 1:
            raise ValueError(f"{layer_label(self)} expects branches that differ in axis 1 only, got {shapes}")

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            grads: dict[str, Array] = {}
            grad_x, start = None, 0
            for name, pullback_branch, learns, shape in zip(
                self.named_layers, pullbacks, learning, shapes, strict=True
            ):
                part = grad[:, start : start + shape[1], ...]
                start += shape[1]
                if not (need_x or learns):
                    continue
                branch_x, own = pullback_branch(part, need_x=need_x, need_params=need_params and learns)
                grads |= {f"{name}.{key}": value for key, value in own.items()}
                if branch_x is not None:  # a branch that reads integers has no gradient to give
                    grad_x = branch_x if grad_x is None else in_memory_order(grad_x, branch_x, add)
            return grad_x, grads

        return xp.concat(outputs, axis=1), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """Each branch's own; the multipliers of x are the sum of theirs."""
        xp = array_namespace(x)
        outputs, references, backs = zip(*(layer.between(x, reference) for layer in self.layers), strict=True)
        sizes = [y.shape[1] for y in outputs]
        stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]

        def back_all(m: Array) -> Array:
            parts = [
                back(m[:, stop - size : stop, ...])
                for back, size, stop in zip(backs, sizes, stops, strict=True)
            ]
            return reduce(lambda a, b: in_memory_order(a, b, add), parts)

        return xp.concat(list(outputs), axis=1), xp.concat(list(references), axis=1), back_all


class Ensemble(Parallel):
    """Networks that read the same input: y = mean_m f_m(x) in evaluation; in training the outputs of each.

    ``genoml.train.fit`` gives every member the loss of its own outputs, so that each is trained as it would be alone,
    on the same batches. Members differ by their initial weights and by what their dropout drops, both drawn from their
    paths. All else (prediction, explanation, checkpoints, the best epoch) goes by the mean, of logits for labels.

    Shapes
    ------
    x : what the members read
    y : (batch, outputs) in evaluation, (batch, members, outputs) in training

    Raises
    ------
    ValueError
        If a member's output is not (batch, outputs), the same for all.

    References
    ----------
    Lakshminarayanan et al. (2017), Simple and scalable predictive uncertainty estimation using deep ensembles,
    arXiv:1612.01474. Deviation: logits are averaged, so that an attribution of the mean is the mean attribution.
    """

    def branches(self, length: int) -> Branches[Layer]:
        """Each member as a row of its own; their mean."""
        rows = [(layer,) for layer in self.layers]
        return Branches.joined(rows, lambda outputs: sum(outputs[1:], outputs[0]) * (1.0 / len(outputs)))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, count = array_namespace(x), len(self)
        row, outputs = [], []
        for name, layer in self.named_layers.items():
            y, back = layer.vjp(x, self.run_of(name, run))
            outputs.append(y)
            row.append((name, self.learns(name, run), back))
        shapes = [tuple(y.shape) for y in outputs]
        if len(set(shapes)) > 1 or len(shapes[0]) != 2:
            raise ValueError(f"{layer_label(self)} expects members that give (batch, outputs), got {shapes}")
        each = xp.stack(outputs, axis=1)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # the mean: dL/dy_m = g / M; in training g holds dL/dy_m of each
            grads: dict[str, Array] = {}
            grad_x: Array | None = None
            for number, (name, learns, back) in enumerate(row):
                if not (need_x or learns):
                    continue
                part = grad[:, number, :] if run.training else grad * (1.0 / count)
                member_x, own = back(part, need_x=need_x, need_params=need_params and learns)
                grads |= {f"{name}.{key}": value for key, value in own.items()}
                if member_x is not None:
                    grad_x = member_x if grad_x is None else grad_x + member_x
            return grad_x, grads

        return (each if run.training else xp.mean(each, axis=1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The mean of the members' multipliers."""
        outputs, references, backs = zip(*(layer.between(x, reference) for layer in self.layers), strict=True)
        share = 1.0 / len(backs)
        return (
            sum(outputs[1:], outputs[0]) * share,
            sum(references[1:], references[0]) * share,
            lambda m: reduce(lambda a, b: in_memory_order(a, b, add), [back(m * share) for back in backs]),
        )
