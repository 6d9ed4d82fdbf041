"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Callable

from genoml.backend import Array
from genoml.optim.base import Optimizer
from genoml.parallel import Workers


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum in PyTorch's form.

        g = grad + decay p,  v = momentum v + g,  p = p - lr v            (momentum)
                                                  p = p - lr (g + momentum v)  (Nesterov)

    Parameters
    ----------
    learning_rate, momentum : float
        lr > 0; 0 <= momentum < 1.
    nesterov : bool
        Look ahead; needs momentum.
    weight_decay : float
        L2 penalty, added to the gradient.

    References
    ----------
    Sutskever et al. (2013), On the importance of initialization and momentum in deep learning, eqs. 3 and 4.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        if not 0.0 <= momentum < 1.0:
            raise ValueError(f"SGD expects 0 <= momentum < 1, got {momentum}")
        if nesterov and momentum == 0.0:
            raise ValueError("SGD expects momentum > 0 with nesterov, got 0")
        self.momentum = momentum
        self.nesterov = nesterov

    def step_one(self, name: str, param: Array, grad: Array, decay: float, workers: Workers) -> Array:
        """See the class."""
        g = grad + decay * param if decay else grad
        if self.momentum:
            v = self.momentum * self.slot("velocity", name, param) + g
            self.state[f"velocity/{name}"] = v
            g = g + self.momentum * v if self.nesterov else v
        return param - self.learning_rate * g
