"""Ensembles: networks alike from different initial weights, as one network whose output is their mean."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.containers import Parallel
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, layer_label
from genoml.nn.reach import Branches

__all__ = ["Ensemble"]


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
