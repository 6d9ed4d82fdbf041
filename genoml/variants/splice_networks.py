"""Networks that tell splice sites from sequence, and their probabilities along a stretch of a gene."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.checkpoint import load_weights
from genoml.models import spliceai
from genoml.nn.layer import Layer
from genoml.ops.windows import EVERYTHING
from genoml.sequence.alphabet import COMPLEMENT_CODES
from genoml.sequence.encode import one_hot

#: length with which a network's receptive field is asked for
_LONG = 1 << 16
#: bases on which a network is tried
_TRIED = 64
#: outputs that sum to 1 within this are probabilities already
_SUM_TOLERANCE = 1e-3
#: what the shipped network is, and whose
SHIPPED = "CI-SpliceAI network 1 of 5 (Strauch et al. 2022, CC BY 4.0)"


@dataclass(frozen=True, eq=False)
class SpliceNetwork:
    """A network that tells acceptors and donors from sequence, checked.

    Attributes
    ----------
    layer : Layer
        (batch, 4, length) -> (batch, 3, length - context): neither, acceptor and donor.
    name : str
        What it is, for messages and headers.
    context_bp : int
        Bases that an output sees beside its own, half on either side.
    gives_probabilities : bool
        Whether its outputs are probabilities, and not logits.
    """

    layer: Layer
    name: str
    context_bp: int
    gives_probabilities: bool

    @classmethod
    def of(cls, layer: Layer, name: str = "the network", *, context_bp: int | None = None) -> SpliceNetwork:
        """A network, checked.

        Parameters
        ----------
        context_bp : int, optional
            The context that it must have.

        Raises
        ------
        ValueError
            If it does not say what it sees, has another context, or has not three outputs a base.
        """
        own = _context_of(layer, name)
        if context_bp is not None and own != context_bp:
            raise ValueError(
                f"{name}: its weights were made for {own:,} bases of context, not {context_bp:,}: positions would be "
                "shifted; choose networks of one --context"
            )
        bases = np.random.default_rng(0).integers(0, 4, (1, own + _TRIED), dtype=np.uint8)
        y = _outputs(layer, bases)
        if y.shape != (1, 3, _TRIED):
            what = "expects outputs (batch, 3, length): neither, acceptor and donor"
            raise ValueError(f"{name}: {what}; got {y.shape} for {_TRIED} bases in their context")
        sums = np.abs(y.sum(axis=1) - 1.0).max()
        return cls(layer, name, own, bool(y.min() >= 0.0 and sums < _SUM_TOLERANCE))

    @classmethod
    def shipped(cls, backend: str | Backend | None = None) -> SpliceNetwork:
        """The network that comes with genoml, see genoml/resources/README.md."""
        layer = spliceai()
        with as_file(files("genoml") / "resources" / "ci_spliceai1.safetensors") as path:
            load_weights(path, layer)
        return cls.of(layer.to(get_backend(backend)), SHIPPED)

    def probabilities(self, codes: np.ndarray) -> np.ndarray:
        """Of neither, acceptor and donor at each base but half a context at the ends, (length - context, 3)."""
        y = _outputs(self.layer, codes[None])[0].T
        if self.gives_probabilities:
            return y
        powers = np.exp(y - y.max(axis=1, keepdims=True))
        found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return found


def _context_of(layer: Layer, name: str) -> int:
    """Bases that an output of a network sees beside its own."""
    reach = layer.reach(_LONG)
    if reach is None or reach == EVERYTHING:
        raise ValueError(f"{name}: does not say how many bases an output sees, as a network of convolutions does")
    if reach.stride != 1 or reach.outputs(_LONG) != _LONG - reach.span + 1:
        raise ValueError(
            f"{name}: expects an output for each base with its whole context, got {reach.outputs(_LONG)} for {_LONG} "
            f"bases, of which each sees {reach.span}; cut the ends off"
        )
    return reach.span - 1


def _outputs(layer: Layer, codes: np.ndarray) -> np.ndarray:
    """Outputs of a network for base codes, (batch, 3, positions), on the host."""
    x = one_hot(codes, dtype=layer.dtype, backend=layer.backend)
    y, _ = layer.vjp(layer.backend.xp.permute_dims(x, (0, 2, 1)))
    return layer.backend.to_numpy(y)


class Stretch:
    """A stretch of a gene's strand, and what a network says along it.

    Parameters
    ----------
    network : SpliceNetwork
        The network.
    codes : numpy.ndarray
        (length,) uint8, bases of the forward strand.
    reverse : bool
        Whether the gene is on the other strand. Positions are those of the forward strand all the same.
    """

    def __init__(self, network: SpliceNetwork, codes: np.ndarray, reverse: bool) -> None:
        self._network = network
        self._codes = codes
        self._reverse = reverse
        self._flank = network.context_bp // 2

    @cached_property
    def reference(self) -> np.ndarray:
        """Probabilities at each base but half a context at the ends, (length - context, 3)."""
        return self._probabilities(self._codes)

    def edited(self, start: int, length: int, bases: np.ndarray, first: int, stop: int) -> np.ndarray:
        """Probabilities at the positions [first, stop) of the sequence in which ``bases`` replace ``length`` of these.

        All positions are counted from the beginning of the stretch, those after the edit as the edited sequence has
        them.

        Shapes
        ------
        bases : (n,) uint8, of the forward strand;  y : (stop - first, 3)
        """
        codes = np.concatenate([self._codes[:start], bases, self._codes[start + length :]])
        return self._probabilities(codes[first - self._flank : stop + self._flank])

    def _probabilities(self, codes: np.ndarray) -> np.ndarray:
        if not self._reverse:
            return self._network.probabilities(codes)
        return self._network.probabilities(COMPLEMENT_CODES[codes[::-1]])[::-1]
