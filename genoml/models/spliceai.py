"""SpliceAI's network: for each base of a transcript, whether it is a splice acceptor, a donor, or neither."""

from __future__ import annotations

from genoml.arguments import checked
from genoml.io.settings import Count
from genoml.nn import BatchNorm1D, Conv1D, CroppedResidual, Graph, Node, ReLU
from genoml.nn.layer import Layer

#: kernel width and dilation of the four residual blocks of a group; context -> how many groups
_GROUPS = ((11, 1), (11, 4), (21, 10), (41, 25))
_CONTEXTS = {80: 1, 400: 2, 2000: 3, 10000: 4}


@checked
def spliceai(*, context_bp: Count = 10000, filters: Count = 32, seed: int = 0) -> Graph:
    """Residual blocks of dilated convolutions, and a sum of the maps before the first and after each four.

        h_0 = conv 4 -> 32 x 1
        h_g = four blocks of h_{g-1}:  h = crop(h) + conv(relu(norm(conv(relu(norm(h))))))
              kernels and dilations: g = 1: 11, 1;  g = 2: 11, 4;  g = 3: 21, 10;  g = 4: 41, 25
        y = conv 32 -> 3 x 1 of  sum over g >= 0 of crop(conv_g 32 -> 32 x 1 of h_g)

    A block takes off what its convolutions see beyond a position, so that every output reads only sequence, and one
    output sees ``context_bp`` bases around its own. The original pads all maps and cuts the ends off the last, which
    gives the same numbers for 1.5 times the work.

    Parameters
    ----------
    context_bp : {80, 400, 2000, 10000}
        Bases that an output sees beside its own, half on either side: 1, 2, 3 or 4 groups of blocks.
    filters : int
        Channels of every map.

    Shapes
    ------
    x : (batch, 4, length + context_bp)
    y : (batch, 3, length), logits of neither, acceptor and donor; a softmax over axis 1 makes probabilities

    Raises
    ------
    ValueError
        For another context.

    References
    ----------
    Jaganathan et al. (2019), Predicting splicing from primary sequence with deep learning,
    doi:10.1016/j.cell.2018.12.015, Figure S1. Normalisation adds 0.001 to the variance, as its code does.
    """
    if context_bp not in _CONTEXTS:
        raise ValueError(f"spliceai expects context_bp of {', '.join(map(str, _CONTEXTS))}, got {context_bp}")
    nodes = [Node("conv", _conv(4, filters)), Node("skip0", _conv(filters, filters), "conv")]
    last, skips = "conv", ["skip0"]
    for group, (width, dilation) in enumerate(_GROUPS[: _CONTEXTS[context_bp]], 1):
        for number in range(1, 5):
            block = f"block{group}_{number}"
            nodes.append(Node(block, _block(filters, width, dilation), last))
            last = block
        skips.append(f"skip{group}")
        nodes.append(Node(skips[-1], _conv(filters, filters), last))
    nodes += [Node("sum", "add", skips, crop=True), Node("sites", _conv(filters, 3), "sum")]
    return Graph(nodes, seed=seed)


def _conv(channels: int, filters: int, width: int = 1, dilation: int = 1) -> Conv1D:
    return Conv1D(channels, filters, width, dilation=dilation, activation=None)


def _block(filters: int, width: int, dilation: int) -> CroppedResidual:
    layers: dict[str, Layer] = {}
    for number in (1, 2):
        layers[f"norm{number}"] = BatchNorm1D(filters, eps=1e-3)
        layers[f"relu{number}"] = ReLU()
        layers[f"conv{number}"] = _conv(filters, filters, width, dilation)
    return CroppedResidual(layers)
