"""The convolution of a few changed positions: what they add to the outputs that read them."""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import pad_axis

__all__ = ["convolve_changes"]


def convolve_changes(
    delta: Array, kernel: Array, start: int, count: int, stride: int = 1, dilation: int = 1
) -> Array:
    """What ``width`` positions in a row add to the outputs, of which they are all that is not zero.

        y[m, i] = sum over a + (K - 1 - k) dilation = start + i stride of delta[m, a] kernel[k]

    Output 0 of the sum is the first that reads position 0, through the kernel's last tap. Each position is
    multiplied by each tap once at most; outputs that read nothing of the window are zero.

    Parameters
    ----------
    start, count, stride : int
        Which outputs: ``count`` of them, from ``start`` on, every ``stride``-th.
    dilation : int
        Step between the kernel's taps.

    Shapes
    ------
    delta : (M, width, channels);  kernel : (K, channels, F);  y : (M, count, F)
    """
    xp, (mutants, width, channels), size = array_namespace(delta), delta.shape, kernel.shape[0]
    if width == 1:
        return _of_one(delta[:, 0, :], kernel, start, count, stride, dilation)
    rows = xp.reshape(kernel, (size * channels, kernel.shape[2]))
    zero = xp.zeros((mutants, kernel.shape[2]), dtype=delta.dtype, device=device_of(delta))
    # positions that lie a dilation apart, beside one another: each output reads a stretch of one of these
    parts = [
        xp.reshape(part, (mutants, part.shape[1] * channels))
        for part in (delta[:, rest::dilation, :] for rest in range(min(dilation, width)))
    ]
    outputs = []
    for place in range(start, start + count * stride, stride):
        at, rest = divmod(place, dilation)
        length = parts[rest].shape[1] // channels if rest < len(parts) else 0
        low, high = max(at - size + 1, 0), min(at + 1, length)
        if low >= high:
            outputs.append(zero)
            continue
        first = (size - 1 - at + low) * channels
        stretch = parts[rest][:, low * channels : high * channels]
        outputs.append(stretch @ rows[first : first + (high - low) * channels, :])
    return xp.stack(outputs, axis=1)


def _of_one(delta: Array, kernel: Array, start: int, count: int, stride: int, dilation: int) -> Array:
    """A single position, (M, channels): all taps in one product, laid out where they belong."""
    xp, (size, channels, features) = array_namespace(delta), kernel.shape
    columns = xp.reshape(xp.permute_dims(xp.flip(kernel, axis=0), (1, 0, 2)), (channels, size * features))
    taps = xp.reshape(delta @ columns, (delta.shape[0], size, features))
    if dilation > 1:  # with the zeros between them
        taps = xp.reshape(taps, (delta.shape[0] * size, 1, features))
        taps = xp.reshape(pad_axis(taps, 0, dilation - 1), (delta.shape[0], size * dilation, features))
    stop, length = start + (count - 1) * stride + 1, taps.shape[1]
    inside = taps[:, min(max(start, 0), length) : max(min(stop, length), 0), :]
    before = min(max(-start, 0), stop - start)
    found = pad_axis(inside, before, stop - start - before - inside.shape[1])
    return found if stride == 1 else found[:, ::stride, :]
