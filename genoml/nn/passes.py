"""What is handed through a network besides x, ``Pass``, and what comes back, a ``Pullback``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from itertools import accumulate, pairwise
from typing import Any, Protocol, TypeAlias

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.messages import Placed, expect_shape, layer_label
from genoml.ops.arrays import array_like
from genoml.parallel import WHOLE, Meeting, Part, no_share

#: dL/dx, or None if it was not asked for, and {parameter: dL/dparameter}
Grads: TypeAlias = tuple[Array | None, dict[str, Array]]
#: dL/dz of z, a layer's output without bias and activation; the bias's gradient (None: none); need_x, need_params
AffinePullback: TypeAlias = Callable[[Array, Array | None, bool, bool], Grads]


class Pullback(Protocol):
    """A function dL/dy -> dL/dx (None without ``need_x``), parameters' gradients (empty without ``need_params``)."""

    def __call__(self, grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads: ...


@dataclass(frozen=True, eq=False)
class Pass:
    """What a layer may need besides x in one pass through a network; a container hands it on.

    Attributes
    ----------
    training : bool
        Whether dropout drops and batch normalisation takes the batch's statistics.
    step : int, optional
        Number of the training step, which keys random numbers.
    mask : (batch, length), optional
        1 or true where a position is real, 0 at padding: host values, or an array beside x. None: all are real.
    part : Part
        Which examples of the whole batch are here, and where they meet the others.
    frozen : set of str
        Parameters that stay as they are, by their names below the layer at hand: nobody reads their gradients.
    pulls : int, optional
        How often the pullback will be called, at most: 0 for an inference, 1 for a training step. A container then lets
        go of what a layer's backward needs as soon as it can. None: any number.
    """

    training: bool = False
    step: int | None = None
    mask: Any = None
    part: Part = WHOLE
    frozen: frozenset[str] = frozenset()
    pulls: int | None = None

    def real_steps(self, layer: Placed, x: Array) -> Array | None:
        """The mask as booleans (batch, length) beside x, (batch, length, ...); None if every position is real.

        Raises
        ------
        ValueError
            If the mask is not (batch, length); the message begins with the layer's path and class.
        """
        if self.mask is None:
            return None
        what = f"{layer_label(layer)} mask"
        real, expected = array_like(self.mask, x, what), tuple(x.shape[:2])
        expect_shape(what, real, tuple(real.shape) == expected, f"{expected}")
        return real != 0


#: the pass of a model that is only asked for its output
EVALUATION = Pass()


def of_whole_batch(vjp: Callable[..., tuple[Array, Pullback]]) -> Callable[..., tuple[Array, Pullback]]:
    """``vjp`` of a layer that may look beyond one example (not ``in_parts``), for a pass that has a part of the batch.

    The first part computes the rows of all parts, and hands each of them its own; it alone has the gradients of the
    parameters. Of several ranks each computes the rows of all, and the first one has the gradients.
    """

    @wraps(vjp)
    def whole(self: Any, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        part, meeting = run.part, run.part.meeting
        if meeting is None or self.in_parts:
            return vjp(self, x, run)
        mask = None if run.mask is None else array_like(run.mask, x, f"{layer_label(self)} mask")
        everyone = meeting.gather(part.index, (x, mask, part.ranges))
        found: Any = None  # outputs of each part, and the pullback
        if part.is_first:
            all_x, places = _all_rows(meeting, [own for own, _, _ in everyone])
            ranks = meeting.ranks.gather([ranges for _, _, ranges in everyone])
            all_ranges = [ranges for rank in ranks for ranges in rank]
            all_run = replace(
                run,
                mask=None if mask is None else _all_rows(meeting, [own for _, own, _ in everyone])[0],
                part=replace(part, ranges=tuple(one for own in all_ranges for one in own), meeting=None),
            )
            y, back = vjp(self, all_x, all_run)
            ok = y.ndim > 0 and y.shape[0] == all_x.shape[0]
            expect_shape(
                f"{layer_label(self)} output", y, ok, f"({all_x.shape[0]}, ...), a row for each of x"
            )
            found = [y[rows, ...] for rows in places], back
        outputs, back = meeting.gather(part.index, found)[0]

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            grads = meeting.gather(part.index, grad)
            found: Any = None  # dL/dx of each part, and the gradients of the parameters
            if part.is_first:
                all_grad, places = _all_rows(meeting, grads)
                grad_x, own = back(all_grad, need_x=need_x, need_params=need_params)
                if not meeting.ranks.first:
                    own = {name: no_share(value) for name, value in own.items()}
                found = [None if grad_x is None else grad_x[rows, ...] for rows in places], own
            grads_x, own = meeting.gather(part.index, found)[0]
            return grads_x[part.index], own if part.is_first else {}

        return outputs[part.index], pullback

    return whole


def _all_rows(meeting: Meeting, own: list[Array]) -> tuple[Array, list[slice]]:
    """The rows of all parts of all ranks, and where those of this process's parts are among them."""
    ranks = meeting.ranks.gather(own)
    stops = list(accumulate((part.shape[0] for rank in ranks for part in rank), initial=0))
    places = [slice(start, stop) for start, stop in pairwise(stops)]
    first = meeting.ranks.rank * len(own)  # every rank has as many parts
    rows = array_namespace(own[0]).concat([part for rank in ranks for part in rank])
    return rows, places[first : first + len(own)]
