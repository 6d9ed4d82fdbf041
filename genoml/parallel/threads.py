"""Threads: forward and backward of a batch in parts, one part a thread.

A layer's ``vjp`` keeps no state and NumPy releases the interpreter's lock while it computes, so the parts of a batch
run in parallel, each through the whole network. This uses all cores for element-wise work too, which the threads of
a BLAS library do not. The results are those of the whole batch but for rounding: batch
statistics are summed over the parts, and dropout draws each example's own numbers, see ``Part``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from threading import BrokenBarrierError
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.parallel.parts import ALONE, Meeting, Part, Shares, Workers, even_ranges

T = TypeVar("T")

#: least numbers in the input of a part, and least product of that and the number of parameters: below them a thread
#: costs more than it saves
LEAST_INPUT, LEAST_WORK = 1 << 15, 1 << 29


class Model(Protocol):
    """A network as used here, see genoml.nn.Layer; ``run`` is a Pass."""

    @property
    def params(self) -> Mapping[str, Array]: ...
    def draw(self) -> None: ...
    def vjp(self, x: Array, run: Any) -> tuple[Array, Any]: ...


class Threads:
    """A pool of threads that computes batches in parts; a context manager, which ends the threads.

    Parameters
    ----------
    count : int
        Number of threads, with the calling one. 1 computes every batch whole.
    least_input, least_work : int
        See LEAST_INPUT and LEAST_WORK.

    Attributes
    ----------
    workers : Workers
        The threads between batches, when they are idle.

    Raises
    ------
    ValueError
        If count < 1.
    """

    def __init__(self, count: int, *, least_input: int = LEAST_INPUT, least_work: int = LEAST_WORK) -> None:
        if count < 1:
            raise ValueError(f"threads expects a number of at least 1, got {count}")
        self.count = count
        self.least_input = least_input
        self.least_work = least_work
        #: the last model and the number of its parameters
        self._prepared: tuple[Model | None, int] = None, 0
        self.workers = Workers(count - 1) if count > 1 else ALONE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workers.close()

    def parts_of(self, model: Model, x: Array) -> int:
        """The number of parts in which a batch is computed: the same for the same model and shape."""
        prepared, parameters = self._prepared
        if prepared is not model:
            model.draw()  # before the parts, which would draw one each
            parameters = sum(prod(value.shape) for value in model.params.values())
            self._prepared = model, parameters
        size: int = prod(x.shape)
        worth = min(size // self.least_input, size * max(parameters, 1) // self.least_work)
        return max(1, min(self.count, int(x.shape[0]), worth))

    def vjp(self, model: Model, x: Array, run: Any) -> tuple[Array, Any]:
        """``model.vjp(x, run)`` of the whole batch, computed in parts; ``run`` is a Pass."""
        count = 1 if self.count == 1 else self.parts_of(model, x)
        if count == 1:
            return model.vjp(x, replace(run, part=replace(run.part, workers=self.workers)))
        xp, meeting = array_namespace(x), Meeting(count)
        ranges = even_ranges(x.shape[0], count)
        parts = [Part(i, (ranges[i],), x.shape[0], meeting) for i in range(count)]

        def forward(part: Part) -> tuple[Array, Any]:
            ((start, stop),) = part.ranges
            mask = None if run.mask is None else run.mask[start:stop]
            return model.vjp(x[start:stop, ...], replace(run, mask=mask, part=part))

        outputs, pullbacks = zip(*self._each(forward, parts, meeting), strict=True)

        def pullback(
            grad: Array, *, need_x: bool = True, need_params: bool = True
        ) -> tuple[Array | None, dict[str, Array]]:
            def backward(part: Part) -> tuple[Array | None, dict[str, Array]]:
                ((start, stop),) = part.ranges
                found: tuple[Array | None, dict[str, Array]] = pullbacks[part.index](
                    grad[start:stop, ...], need_x=need_x, need_params=need_params
                )
                return found

            grads_x, grads = zip(*self._each(backward, parts, meeting), strict=True)
            # parameters serve every example: their gradients are sums over the parts
            total: dict[str, Array] = dict(grads[0])
            for other in grads[1:]:
                for name, share in other.items():
                    total[name] = meeting.add(total[name], share)
            grad_x: Array | None = None if grads_x[0] is None else xp.concat(grads_x)
            return grad_x, total

        return xp.concat(outputs), pullback

    def _each(self, work: Callable[[Part], T], parts: Sequence[Part], meeting: Meeting) -> list[T]:
        """Results of the work on every part, the first in this thread; waits for all parts even if one fails."""

        def run(part: Part) -> T:
            try:
                return work(part)
            except BaseException:
                meeting.abort()
                raise

        pool, others = self.workers.pool, Shares[T]()
        assert pool is not None
        errors, own = list[BaseException](), list[T]()
        try:
            with self.workers.queueing:
                for part in parts[1:]:
                    others.begin(pool, run, part)
            own.append(run(parts[0]))
            others.wait()
        except BaseException as error:  # Ctrl-C too, at any moment; or a thread that cannot be started
            errors.append(error)
            meeting.abort()
            others.wait()
        found, failed = others.results()
        errors += failed
        if errors:
            # a broken barrier is only the consequence of another part's error
            raise next((e for e in errors if not isinstance(e, BrokenBarrierError)), errors[0])
        return own + found
