"""A dispersion that is learned with the network, one a task."""

from __future__ import annotations

import math
from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.random import Initializer, constant

__all__ = ["LearnedDispersion"]


class LearnedDispersion(Layer):
    """One number a task, the same for every sequence, laid behind the predictions.

        y[n, o] = x[n, o],    y[n, tasks + o] = log_dispersion[o]

    At the end of a network that is trained with ``objectives.Counts()`` it makes the dispersion of the
    negative binomial a parameter like any other. A network whose last layer has twice the outputs instead
    predicts a dispersion for each sequence.

    Parameters
    ----------
    tasks : int
        Number of predictions a sequence.
    dispersion : float
        What it begins with, for example from ``genoml.evaluation.dispersion.estimate_dispersion``.

    Shapes
    ------
    x : (batch, tasks)
    y : (batch, 2 tasks)
    log_dispersion : (tasks,)

    Raises
    ------
    ValueError
        If x is not (batch, tasks), or the dispersion is not a number above 0.
    """

    log_dispersion, log_dispersion_grad = Parameter(), Gradient()  # (tasks,)

    def __init__(
        self,
        tasks: int = 1,
        dispersion: float = 1.0,
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        if tasks < 1:
            raise ValueError(f"LearnedDispersion expects tasks >= 1, got {tasks}")
        if not 0.0 < dispersion < math.inf:
            raise ValueError(f"LearnedDispersion expects a dispersion above 0, got {dispersion}")
        self.tasks, self.dispersion = tasks, dispersion

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"log_dispersion": constant((self.tasks,), math.log(self.dispersion))}

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, tasks = array_namespace(x), self.tasks
        ok = x.ndim == 2 and x.shape[1] == tasks
        expect_shape("LearnedDispersion", x, ok, f"(batch, {tasks})")
        repeated = xp.broadcast_to(self.log_dispersion[None, :], (x.shape[0], tasks))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # a copy of x, and of one number for all sequences: dL/dx = g[:, :tasks], dL/da = sum_n g[n, tasks:]
            grads = {"log_dispersion": xp.sum(grad[:, tasks:], axis=0)} if need_params else {}
            return (grad[:, :tasks] if need_x else None), grads

        return xp.concat([x, repeated], axis=1), pullback
