"""BPNet: the profile of reads along a sequence at base resolution, and their total."""

from __future__ import annotations

from typing import Annotated, Any

from array_api_compat import array_namespace
from msgspec import Meta

from genoml.arguments import checked
from genoml.backend import Array
from genoml.io.settings import Count
from genoml.nn import (
    BiasFactorised,
    ControlTracks,
    Conv1D,
    CroppedResidual,
    CropTo,
    Dense,
    Flatten,
    Frozen,
    GlobalAveragePool1D,
    Parallel,
    Sequential,
)
from genoml.nn.layer import Layer, expect_shape
from genoml.ops.windows import Reach


def bpnet_windows(
    kernel_size: int = 21, dilated_layers: int = 8, profile_kernel_size: int = 75, **_: Any
) -> list[Reach]:
    """Windows of its convolutions; the profile head's is the last."""
    dilated = [Reach(3, dilation=2**i) for i in range(1, dilated_layers + 1)]
    return [Reach(kernel_size), *dilated, Reach(profile_kernel_size)]


@checked
def bpnet(
    *,
    tracks: Count = 1,
    profile_length_bp: Count = 1000,
    filters: Count = 64,
    kernel_size: Count = 21,
    dilated_layers: Annotated[int, Meta(ge=1, le=64)] = 8,
    profile_kernel_size: Count = 75,
    control_tracks: Annotated[int, Meta(ge=0)] = 0,
    seed: int = 0,
) -> Sequential | ControlTracks:
    """A wide convolution, dilated residual convolutions, and two heads: the profile's shape and its total.

        conv 4 -> 64 x 21, ReLU                                              2114 -> 2094 positions
        for i = 1 ... 8: h = crop(h) + ReLU(conv 64 -> 64 x 3, dilation 2^i)  2094 -> 1074
        profile: conv 64 -> tracks x 75, the middle profile_length_bp         1074 -> 1000
        counts: mean over the 1074 positions, dense 64 -> tracks

    No convolution is padded, so that every output reads only sequence; each shortcut is cropped to the middle, to the
    length of the layer's output.

    The two heads come as one array, the profile logits track by track and then the log counts;
    ``split_profile`` separates them:

        y[n, t profile_length_bp + l] = logit of position l of track t
        y[n, tracks profile_length_bp + t] = log(1 + total count of track t)

    Parameters
    ----------
    tracks : int
        Profiles predicted together, such as the two strands.
    profile_length_bp : int
        Positions of a profile, in the middle of the sequence.
    filters : int
        Channels of every hidden layer.
    kernel_size : int
        Kernel width of the first convolution.
    dilated_layers : int
        Number of dilated convolutions, with dilation 2, 4, 8, ...
    profile_kernel_size : int
        Kernel width of the profile head.
    control_tracks : int
        Control tracks that both heads read too, behind the bases of the input, see ``nn.ControlTracks``.

    Shapes
    ------
    x : (batch, 4, length >= profile_length_bp + 1114 with these defaults), or (batch, 4 + control_tracks, length)
    y : (batch, tracks * (profile_length_bp + 1))

    References
    ----------
    Avsec et al. (2021), Base-resolution models of transcription-factor binding reveal soft motif syntax,
    doi:10.1038/s41588-021-00782-6. Sizes and cropping are those that its authors' later ChromBPNet takes
    (Pampari et al. 2024, doi:10.1101/2024.12.25.630221): 2114 bp to 1000, eight dilated layers, widths 21 and
    75; the paper has 1000 bp to 1000 with padding, nine layers, widths 25 and 25.
    """
    layers: dict[str, Layer] = {"conv": Conv1D(4, filters, kernel_size)}
    for i in range(1, dilated_layers + 1):
        layers[f"dilated{i}"] = CroppedResidual({"conv": Conv1D(filters, filters, 3, dilation=2**i)})
    profile = {
        "conv": Conv1D(filters + control_tracks, tracks, profile_kernel_size, activation=None),
        "crop": CropTo(profile_length_bp),
        "flatten": Flatten(),
    }
    if control_tracks:
        heads = {"profile": Sequential(profile), "counts": Dense(filters + 1, tracks)}
        return ControlTracks({"body": Sequential(layers), **heads}, control_tracks, seed=seed)
    counts = {"mean": GlobalAveragePool1D(), "dense": Dense(filters, tracks)}
    layers["heads"] = Parallel({"profile": Sequential(profile), "counts": Sequential(counts)})
    return Sequential(layers, seed=seed)


def split_profile(y: Array, tracks: int = 1) -> tuple[Array, Array]:
    """Split BPNet's output, or its gradient, into profile logits and log counts.

    Shapes
    ------
    y : (batch, tracks * (length + 1))
    profile : (batch, tracks, length);  log_counts : (batch, tracks)

    Raises
    ------
    ValueError
        If y cannot be divided so.
    """
    ok = tracks >= 1 and y.ndim == 2 and y.shape[1] % tracks == 0 and y.shape[1] > tracks
    expect_shape("split_profile", y, ok, f"(batch, {tracks} (length + 1))")
    xp = array_namespace(y)
    batch, width = y.shape
    length = width // tracks - 1
    return xp.reshape(y[:, : tracks * length], (batch, tracks, length)), y[:, tracks * length :]


def join_profile(profile: Array, log_counts: Array) -> Array:
    """Join both heads, or their gradients for BPNet's pullback: the inverse of ``split_profile``.

    Shapes
    ------
    profile : (batch, tracks, length);  log_counts : (batch, tracks)
    y : (batch, tracks * (length + 1))

    Raises
    ------
    ValueError
        If they differ in batch or tracks.
    """
    ok = profile.ndim == 3 and tuple(log_counts.shape) == tuple(profile.shape[:2])
    expect_shape("join_profile", log_counts, ok, f"log_counts for a profile of {tuple(profile.shape)}")
    xp = array_namespace(profile)
    batch, tracks, length = profile.shape
    return xp.concat([xp.reshape(profile, (batch, tracks * length)), log_counts], axis=1)


def bias_factorised(network: Layer, bias: Layer, tracks: int = 1) -> BiasFactorised:
    """ChromBPNet: a network, and a bias model that is trained already and stays as it is.

    Parameters
    ----------
    network, bias : Layer
        Such as two of ``bpnet``, of one backend; the bias model of fewer filters and layers.
    tracks : int
        Profiles of each.
    """
    return BiasFactorised({"network": network, "bias": Frozen(bias)}, tracks, seed=network.seed)
