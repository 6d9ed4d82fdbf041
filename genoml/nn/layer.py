"""Base of all layers: a function of its input and its parameters, with its derivative beside it.

A subclass names its parameters in ``initial_params`` (genoml/nn/tables.py) and defines ``vjp(x, run)``, which returns
the output and a pullback: the function that turns dL/dy into dL/dx and the parameters' gradients. ``run`` is a
``Pass``: what a layer may need besides x. The pullback holds what backward needs; ``vjp`` leaves nothing on the layer,
so that one layer can be used twice in a network, and by several threads. ``layer(x)`` and ``layer.backward(grad)`` are
the same thing for people who work by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar, Literal, Self

from array_api_compat import array_namespace

from genoml.arguments import checked
from genoml.backend import Array, Backend
from genoml.nn.messages import expect_shape as expect_shape
from genoml.nn.messages import layer_label as layer_label
from genoml.nn.passes import EVALUATION, Pass, Pullback, of_whole_batch
from genoml.nn.passes import AffinePullback as AffinePullback
from genoml.nn.passes import Grads as Grads
from genoml.nn.reach import Branches, Correlation
from genoml.nn.summary import ModelSummary, describe_tree, model_html, summarise_model
from genoml.nn.tables import ArrayTables, Gradient, Parameter, State
from genoml.ops.secants import Between
from genoml.ops.windows import Reach
from genoml.parallel import shared_threads

__all__ = ["EVALUATION", "Gradient", "Layer", "Parameter", "Pass", "Pullback", "State"]


class Layer(ArrayTables):
    """Base of all layers.

    Parameters
    ----------
    seed : int
        Initial weights are drawn from (seed, path): the layer's path in its network, or, for a layer that
        stands alone, its class name.
    dtype : str
        ``"float32"`` or ``"float64"``.
    backend : str, Backend or None
        Where the parameters live; the default backend if None.

    Notes
    -----
    Parameters are drawn when they are first needed, so that a network can first tell its layers their paths.

    ``copy.deepcopy``, ``copy.copy`` and ``pickle`` (and with it joblib and the processes of multiprocessing) give an
    equal layer that shares nothing with this one, on the same backend, which a pickle names. What is pending is left
    out: the copy needs a call of its own before its ``backward``. A pickle is for the version of genoml that made it;
    to keep weights, use ``genoml.checkpoint.save_weights``.
    """

    @checked
    def __init__(
        self, *, seed: int = 0, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        self._pullback: Pullback | None = None
        self._shape: tuple[int, ...] = ()

    #: what ``genoml.train.fit`` trained it to read and to say, a ``genoml.train.Trained``; None before. Prediction and
    #: explanation go by it; copies and pickles keep it.
    trained: Any = None

    # ------------------------------------------------------------ what a subclass defines

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define vjp(x, run)")

    @property
    def reads_mask(self) -> bool:
        """Whether a mask has an effect; a layer that reads ``run.mask`` says ``reads_mask = True``."""
        return False

    #: whether ``vjp`` may be given a part of a batch: it treats each example alone, or asks ``run.part``. A subclass
    #: with a ``vjp`` of its own that does not say so is given whole batches: right for any layer, but on one thread.
    in_parts: ClassVar[bool] = True

    # ------------------------------------------------------------ what a subclass may say, for evaluation

    #: how the layer makes a vector of (batch, channels, length), if it does: from the largest value of each channel,
    #: linearly from the mean along the positions, or from all values in a row, channel by channel
    readout: Literal["max", "mean", "flatten"] | None = None

    def reach(self, length: int) -> Reach | None:
        """What each output position sees of an input (batch, channels, length); None: the layer does not say.

        :data:`~genoml.ops.windows.EVERYTHING` says that any output may see any position. Given only a window of
        the input, the layer must compute the outputs whose receptive fields lie in it as it does on the whole.
        """
        branches = self.branches(length)
        return None if branches is None else branches.reach(length)

    def branches(self, length: int) -> Branches[Layer] | None:
        """The layers that this one is made of, for an input of this length; None if it computes anything itself."""
        return None

    def correlation(self) -> Correlation | None:
        """The layer as a correlation and a function of each position, if it is one; mutagenesis is then cheaper."""
        return None

    #: whether y = A x + b for any x in evaluation, so that the pullback at one input serves every pair of inputs
    affine: bool = False

    def between(self, x: Array, reference: Array) -> Between:
        """f(x), f(reference), and the transpose of an M with M (x - reference) = f(x) - f(reference), for DeepLIFT.

        In evaluation. Each x is paired with K references, see genoml/ops/secants.py, where the rules are: x is
        (n, ...), reference, multipliers of the output and those of the input are (n K, ...).

        Raises
        ------
        NotImplementedError
            If the layer is not affine and has no rule: taken as linear, its contributions would not sum.
        """
        if not self.affine:
            raise NotImplementedError(
                f"{layer_label(self)} has no rule for attributions; define between(x, reference), or use "
                "in_silico_mutagenesis"
            )
        reference, back = self.vjp(reference)
        return self.vjp(x)[0], reference, lambda m: back(m, need_params=False)[0]

    def __init_subclass__(cls, **options: Any) -> None:
        """Arguments are checked; a class with its own ``vjp`` inherits no description of its base, wrong for it."""
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            checked(cls)
        if "vjp" in cls.__dict__:
            for name in ("readout", "reach", "branches", "correlation", "affine", "between"):
                if name not in cls.__dict__:
                    setattr(cls, name, getattr(Layer, name))
            ours = cls.__module__.split(".")[0] == __name__.split(".")[0]
            cls.in_parts = cls.__dict__.get("in_parts", ours)
            if not ours:
                cls.vjp = of_whole_batch(cls.vjp)  # type: ignore[method-assign]

    # ------------------------------------------------------------ to read

    def settings(self) -> Mapping[str, Any]:
        """The constructor's arguments by name, read from attributes of the same name (or ``has_<name>``)."""
        own = vars(self)
        held = {name: (name, f"has_{name}", f"_{name}") for name in signature(type(self)).parameters}
        return {
            name: own[key]
            for name, keys in held.items()
            if (key := next(filter(own.__contains__, keys), None))
        }

    def __repr__(self) -> str:
        return describe_tree(self)

    def _repr_html_(self) -> str:
        return model_html(self)

    def summary(self, length: int | Sequence[int]) -> ModelSummary:
        """A table of the layers, the shapes that they give, and their parameters; print it.

        A copy of the network is run, in evaluation, on one example of zeros: the network stays as it is.

        Parameters
        ----------
        length : int or sequence of int
            Length of the sequences, in base pairs (in tokens where the network reads tokens), or the shape of one
            example, without the batch: ``(channels, length)``.

        Raises
        ------
        ValueError
            If the network cannot read such an input.
        """
        return summarise_model(self, length)

    @property
    def children(self) -> Mapping[str, Layer]:
        """The layers that this one is made of, by name: none but in a container."""
        return {}

    # ------------------------------------------------------------ by hand

    def to(self, backend: str | Backend | None = None, dtype: str | None = None) -> Self:
        """Move parameters and state, in place, to a backend or dtype; returns the layer.

        A pending ``backward`` is dropped.
        """
        self._pullback = None
        return super().to(backend, dtype)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes for copies and pickles, without the pending ``backward``, with arrays moved to the host."""
        return {**super().__getstate__(), "_pullback": None}

    def __call__(
        self, x: Array, *, training: bool = False, step: int | None = None, mask: Any = None
    ) -> Array:
        """The output for ``x``; keeps what ``backward`` needs. The arguments are those of ``Pass``.

        A large batch is computed in parts by the backend's threads, as ``genoml.train.fit`` does.

        Raises
        ------
        TypeError
            If ``x`` is not a floating-point array of the layer's backend.
        ValueError
            For a mask that no layer reads: it would silently do nothing.
        """
        self.backend.check(x, type(self).__name__)
        self.check_dtype(x)
        if mask is not None and not self.reads_mask:
            raise ValueError(f"{layer_label(self)} reads no mask, and was given one")
        threads = shared_threads(self.backend.threads)
        with self.backend.computing():
            y, self._pullback = threads.vjp(self, x, Pass(training, step, mask, pulls=1))
        self._shape = tuple(y.shape)
        return y

    def check_dtype(self, x: Array) -> None:
        """Layers take real floating-point arrays; a layer that reads something else overrides this."""
        xp = array_namespace(x)
        if not xp.isdtype(x.dtype, "real floating"):
            raise TypeError(f"{layer_label(self)} expects a floating-point array, got {x.dtype}")

    def backward(self, grad: Array, *, need_x: bool = True) -> Array:
        """dL/dy -> dL/dx; overwrites ``grads`` with the parameters' gradients.

        dL/dx is None, and takes no time, without ``need_x``: training does not read that of the sequences.

        Raises
        ------
        RuntimeError
            Before a forward pass, or a second time after one.
        ValueError
            If ``grad`` does not have the shape of the output.
        """
        if self._pullback is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward needs a forward pass first, and serves one backward each"
            )
        self.backend.check(grad, f"{type(self).__name__}.backward")
        ok = tuple(grad.shape) == self._shape
        expect_shape(f"{layer_label(self)}.backward", grad, ok, f"{self._shape}")
        pullback, self._pullback = self._pullback, None
        with self.backend.computing():
            grad_x, self.grads = pullback(grad, need_x=need_x)
        return grad_x
