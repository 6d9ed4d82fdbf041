"""Optimisers: ``optimizer.update(params, grads)`` writes the next parameters into ``params``.

An optimiser keeps its own arrays by parameter name, in ``state``, and never lives in a layer. All of it is
arithmetic on the device: no value is read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping

from array_api_compat import array_namespace

from genoml.backend import Array


def clip_by_norm(grads: Mapping[str, Array], max_norm: float) -> tuple[dict[str, Array], Array]:
    """Scale all gradients by min(1, max_norm / norm), norm = sqrt(sum of all squares).

    Returns the scaled gradients and the norm before scaling, a 0-d array on the device.

    Raises
    ------
    ValueError
        If there are no gradients, or max_norm is not positive.

    References
    ----------
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks, arXiv:1211.5063, alg. 1.
    """
    if not grads:
        raise ValueError("clip_by_norm expects at least one gradient, got none")
    if not max_norm > 0:
        raise ValueError(f"clip_by_norm expects max_norm > 0, got {max_norm}")
    xp = array_namespace(*grads.values())
    squares = [xp.sum(grad * grad) for grad in grads.values()]
    norm = xp.sqrt(xp.sum(xp.stack(squares)))
    scale = max_norm / xp.maximum(norm, xp.ones_like(norm) * max_norm)
    return {name: grad * scale for name, grad in grads.items()}, norm


class Optimizer:
    """Base of all optimisers.

    Parameters
    ----------
    learning_rate : float
        Step size; may be changed between updates, which is how schedules work.
    weight_decay : float
        Decay of every parameter that ``decays`` accepts.
    decays : callable, optional
        Parameter name -> whether weight decay applies; by default to weights only, not to biases and
        normalisation scales.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        if not (learning_rate > 0 and weight_decay >= 0):  # so that NaN is refused too
            raise ValueError(
                f"{type(self).__name__} expects learning_rate > 0 and weight_decay >= 0, "
                f"got {learning_rate} and {weight_decay}"
            )
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.decays = decays or (lambda name: name.rsplit(".", 1)[-1] == "weights")
        self.steps = 0
        #: "<slot>/<parameter>" -> array; flat, so that a checkpoint can hold it as it is
        self.state: dict[str, Array] = {}

    def update(self, params: MutableMapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step: every parameter that has a gradient is replaced by its next value.

        Raises
        ------
        KeyError
            If a gradient has no parameter of its name.
        """
        for name in grads:
            if name not in params:
                raise KeyError(f"{name!r} has a gradient and is no parameter; parameters: {sorted(params)}")
        self.steps += 1
        for name, grad in grads.items():
            decay = self.weight_decay if self.decays(name) else 0.0
            params[name] = self.step_one(name, params[name], grad, decay)

    def step_one(self, name: str, param: Array, grad: Array, decay: float) -> Array:
        """The next value of one parameter; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define step_one")

    def slot(self, slot: str, name: str, like: Array) -> Array:
        """One of the optimiser's arrays for a parameter, zeros at first."""
        key = f"{slot}/{name}"
        if key not in self.state:
            self.state[key] = array_namespace(like).zeros_like(like)
        return self.state[key]


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
        self.momentum, self.nesterov = momentum, nesterov

    def step_one(self, name: str, param: Array, grad: Array, decay: float) -> Array:
        """See the class."""
        g = grad + decay * param if decay else grad
        if self.momentum:
            v = self.momentum * self.slot("velocity", name, param) + g
            self.state[f"velocity/{name}"] = v
            g = g + self.momentum * v if self.nesterov else v
        return param - self.learning_rate * g


class Adam(Optimizer):
    """Adaptive moments.

        m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
        p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    ``weight_decay`` is an L2 penalty here: it is added to the gradient, g = grad + decay p.

    Parameters
    ----------
    learning_rate, beta1, beta2, eps, weight_decay : float
        The defaults are those of the paper.

    References
    ----------
    Kingma and Ba (2015), Adam, arXiv:1412.6980, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        if not (0.0 <= beta1 < 1.0 and 0.0 <= beta2 < 1.0):
            raise ValueError(f"{type(self).__name__} expects 0 <= beta < 1, got {beta1} and {beta2}")
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def step_one(self, name: str, param: Array, grad: Array, decay: float) -> Array:
        """See the class."""
        return self.adaptive_step(name, param, grad + decay * param if decay else grad)

    def adaptive_step(self, name: str, param: Array, grad: Array) -> Array:
        """The update without weight decay."""
        xp = array_namespace(param)
        m = self.beta1 * self.slot("mean", name, param) + (1.0 - self.beta1) * grad
        v = self.beta2 * self.slot("square", name, param) + (1.0 - self.beta2) * (grad * grad)
        self.state[f"mean/{name}"], self.state[f"square/{name}"] = m, v
        # the bias corrections are host numbers, folded into the scalars
        correction = (1.0 - self.beta2**self.steps) ** 0.5
        rate = self.learning_rate / (1.0 - self.beta1**self.steps)
        return param - rate * (m / (xp.sqrt(v) / correction + self.eps))


class AdamW(Adam):
    """Adam with decoupled weight decay: p = (1 - lr decay) p, then Adam's step on the plain gradient.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, arXiv:1711.05101, algorithm 2.
    """

    def step_one(self, name: str, param: Array, grad: Array, decay: float) -> Array:
        """See the class."""
        kept = param * (1.0 - self.learning_rate * decay) if decay else param
        return self.adaptive_step(name, kept, grad)
