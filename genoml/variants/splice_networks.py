"""Networks that tell splice sites from sequence, and their probabilities along a stretch of a gene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import as_file, files
from os import PathLike

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.checkpoint import load_weights, pack_weights
from genoml.explain.mutants.cones import Edit, trace_maps
from genoml.models import spliceai
from genoml.nn import Graph
from genoml.nn.layer import Layer
from genoml.nn.node import INPUT
from genoml.ops.windows import EVERYTHING
from genoml.runs import load_run
from genoml.sequence.alphabet import COMPLEMENT_CODES

#: length with which a network's receptive field is asked for
_LONG = 1 << 16
#: outputs whose own maps are held at a time: 5 kB each, and as much for half a context at either end
_STRETCH = 4000
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
        bases = np.random.default_rng(0).integers(0, 4, own + _TRIED, dtype=np.uint8)
        y = trace_maps(layer, bases).outputs(0, _TRIED)
        if y.shape != (3, _TRIED):
            what = "expects three outputs a base: neither, acceptor and donor"
            raise ValueError(f"{name}: {what}; got {y.shape[0]} for {_TRIED} bases in their context")
        sums = np.abs(y.sum(axis=0) - 1.0).max()
        return cls(layer, name, own, bool(y.min() >= 0.0 and sums < _SUM_TOLERANCE))

    @classmethod
    def shipped(cls, backend: str | Backend | None = None, *, context_bp: int | None = None) -> SpliceNetwork:
        """The network that comes with genoml, see genoml/resources/README.md."""
        layer = spliceai()
        with as_file(files("genoml") / "resources" / "ci_spliceai1.safetensors") as path:
            load_weights(path, layer)
        return cls.of(layer.to(get_backend(backend)), SHIPPED, context_bp=context_bp)

    def digest(self) -> str:
        """Hash of the weights."""
        return sha256(pack_weights(self.layer)).hexdigest()

    def changed(
        self, codes: np.ndarray, reverse: bool, edits: Sequence[Edit], windows: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Probabilities along a stretch of a gene, and along edited copies of it.

        Positions are bases of the stretch on the forward strand.

        Parameters
        ----------
        codes : numpy.ndarray
            (length,) uint8, bases of the forward strand.
        reverse : bool
            Whether the gene is on the other strand.
        edits : sequence of Edit
            Changes of the forward strand, each alone.
        windows : sequence of (start, stop)
            For each edit the bases whose probabilities are asked for, half a context or more from both ends.

        Yields
        ------
        own, edited : (stop - start, 3) and (stop - start + edit.longer, 3)
            Of neither, acceptor and donor; the edited copy has the bases [start, stop + edit.longer).
        """
        length, flank = len(codes), self.context_bp // 2
        if reverse:
            codes = COMPLEMENT_CODES[codes[::-1]]
            edits = [_turned(edit, length) for edit in edits]
            windows = [(length - stop, length - start) for start, stop in windows]
        outputs = [(start - flank, stop - flank) for start, stop in windows]
        way = -1 if reverse else 1
        for own, edited in trace_maps(self.layer, codes, stretch=_STRETCH).changed(edits, outputs):
            yield self._probabilities(own)[::way], self._probabilities(edited)[::way]

    def _probabilities(self, y: np.ndarray) -> np.ndarray:
        """Outputs (3, positions) as probabilities (positions, 3)."""
        if self.gives_probabilities:
            return y.T
        powers = np.exp(y - y.max(axis=0, keepdims=True, initial=-np.inf))
        return np.asarray((powers / powers.sum(axis=0, keepdims=True)).T)


def _turned(edit: Edit, length: int) -> Edit:
    """The edit of the reverse complement of a sequence of this length."""
    return Edit(length - edit.position - edit.removed, edit.removed, COMPLEMENT_CODES[edit.bases[::-1]])


def load_networks(
    runs: Sequence[str | PathLike[str]] = (),
    *,
    context_bp: int | None = None,
    backend: str | Backend | None = None,
) -> list[SpliceNetwork]:
    """Networks of run folders, such as ``genoml import`` makes; the members of an ensemble one by one.

    Parameters
    ----------
    runs : sequence of path
        The folders; without any, the network that comes with genoml.
    context_bp : int, optional
        The context that they must have; None: one and the same.

    Raises
    ------
    RunError
        If a run is missing or damaged.
    ValueError
        As :meth:`SpliceNetwork.of`.
    """
    found = list[SpliceNetwork]()
    for path in runs:
        run = load_run(path, backend)
        name, source = run.path.name, run.record.source
        if source is not None:
            more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
            name += f" ({source.files[0]}{more}, {source.licence or 'licence not named'})"
        for member in _members(run.model):
            found.append(SpliceNetwork.of(member, name, context_bp=context_bp))
            context_bp = found[0].context_bp
    return found or [SpliceNetwork.shipped(backend, context_bp=context_bp)]


def _members(model: Layer) -> Sequence[Layer]:
    """The networks of a mean of networks, whose maps are then held one after another; else the model itself."""
    if not isinstance(model, Graph):
        return [model]
    *networks, last = model.nodes
    apart = all(not node.joins and node.sources == (INPUT,) for node in networks)
    return model.layers if last.layer == "mean" and apart else [model]


def names_of(networks: Sequence[SpliceNetwork]) -> str:
    """The names of networks, each once, with how many have it."""
    counts = Counter(network.name for network in networks)
    return "; ".join(name if count == 1 else f"{count} of {name}" for name, count in counts.items())


def _context_of(layer: Layer, name: str) -> int:
    """Bases that an output of a network sees beside its own."""
    reach = layer.reach(_LONG)
    if reach is None or reach == EVERYTHING:
        raise ValueError(
            f"{name}: does not say how many bases an output sees, as a network of convolutions does"
        )
    if reach.stride != 1 or reach.outputs(_LONG) != _LONG - reach.span + 1:
        raise ValueError(
            f"{name}: expects an output for each base with its whole context, got {reach.outputs(_LONG)} for {_LONG} "
            f"bases, of which each sees {reach.span}; cut the ends off"
        )
    return reach.span - 1
