"""The optimisers: SGD with momentum, Adagrad, RMSprop, Adam, AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from genoml.arguments import NotNegative, Positive, Share
from genoml.backend import Array
from genoml.ops.adam import adam_update_all
from genoml.optim.base import ByRule, Rule, Together
from genoml.parallel import Workers


class SGD(ByRule):
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
        learning_rate: Positive = 0.01,
        *,
        momentum: Share = 0.0,
        nesterov: bool = False,
        weight_decay: NotNegative = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        if nesterov and momentum == 0.0:
            raise ValueError("SGD expects momentum > 0 with nesterov, got 0")
        self.momentum = momentum
        self.nesterov = nesterov

    def rule(self) -> Rule:
        """See the class."""
        if not self.momentum:
            return Rule("sgd", {"rate": self.learning_rate})
        numbers = {"rate": self.learning_rate, "momentum": self.momentum, "nesterov": self.nesterov}
        return Rule("sgd", numbers, {"velocity": 0.0})


class Adagrad(ByRule):
    """Adagrad: steps shrink with the sum of all squared gradients, which suits sparse ones.

        s = s + g^2,    p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    ``weight_decay`` is an L2 penalty: g = grad + decay p.

    Parameters
    ----------
    learning_rate, lr_decay, initial, eps, weight_decay : float
        ``initial`` is the first value of s. The defaults are PyTorch's.

    References
    ----------
    Duchi et al. (2011), Adaptive subgradient methods, https://jmlr.org/papers/v12/duchi11a.html.
    """

    def __init__(
        self,
        learning_rate: Positive = 0.01,
        *,
        lr_decay: NotNegative = 0.0,
        initial: NotNegative = 0.0,
        eps: NotNegative = 1e-10,
        weight_decay: NotNegative = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        self.lr_decay = lr_decay
        self.initial = initial
        self.eps = eps

    def rule(self) -> Rule:
        """See the class."""
        rate = self.learning_rate / (1.0 + (self.steps - 1) * self.lr_decay)
        return Rule("adagrad", {"rate": rate, "eps": self.eps}, {"square": self.initial})


class RMSprop(ByRule):
    """RMSprop: steps divided by the recent size of the gradient, in PyTorch's form.

        s = rho s + (1 - rho) g^2,    u = g / (sqrt(s) + eps)
        v = momentum v + u,           p = p - lr v
        centred: s - (rho-average of g)^2 in place of s, an estimate of the gradient's variance

    ``weight_decay`` is an L2 penalty: g = grad + decay p.

    Parameters
    ----------
    learning_rate, rho, eps, momentum, weight_decay : float
        The defaults are PyTorch's, whose name for rho is alpha.
    centred : bool
        See above.

    References
    ----------
    Hinton, Neural networks for machine learning, lecture 6e (2012); centred and with momentum: Graves (2013),
    arXiv:1308.0850, eqs. 38 to 45.
    """

    def __init__(
        self,
        learning_rate: Positive = 0.01,
        *,
        rho: Share = 0.99,
        eps: NotNegative = 1e-8,
        momentum: Share = 0.0,
        centred: bool = False,
        weight_decay: NotNegative = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        self.rho = rho
        self.eps = eps
        self.momentum = momentum
        self.centred = centred

    def rule(self) -> Rule:
        """See the class."""
        numbers = {
            "rate": self.learning_rate, "rho": self.rho, "eps": self.eps, "momentum": self.momentum,
            "centred": self.centred,
        }  # fmt: skip
        kept = {"square": True, "mean": self.centred, "velocity": self.momentum > 0.0}
        return Rule("rmsprop", numbers, {slot: 0.0 for slot, needed in kept.items() if needed})


class Adam(Together):
    """Adam: adaptive moment estimation.

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

    #: whether weight decay leaves the gradient alone
    decoupled = False

    def __init__(
        self,
        learning_rate: Positive = 1e-3,
        *,
        beta1: Share = 0.9,
        beta2: Share = 0.999,
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0.0,
        decays: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, decays=decays)
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps

    def step_together(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        decays: Mapping[str, float],
        workers: Workers,
        *,
        in_place: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        names = list(grads)
        # the bias corrections are host numbers, folded into the scalars
        stepped = adam_update_all(
            [params[name] for name in names],
            [grads[name] for name in names],
            [self.slot("mean", name, params[name]) for name in names],
            [self.slot("square", name, params[name]) for name in names],
            [self.learning_rate * decays[name] if self.decoupled else decays[name] for name in names],
            decoupled=self.decoupled,
            beta1=self.beta1,
            beta2=self.beta2,
            rate=self.learning_rate / (1.0 - self.beta1**self.steps),
            correction=(1.0 - self.beta2**self.steps) ** 0.5,
            eps=self.eps,
            workers=workers,
            in_place=in_place,
        )
        for name, (updated, mean, square) in zip(names, stepped, strict=True):
            self.state[f"mean/{name}"] = mean
            self.state[f"square/{name}"] = square
            yield name, updated


class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay, p = (1 - lr decay) p, then Adam's step on the plain gradient.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, arXiv:1711.05101, algorithm 2.
    """

    decoupled = True
