"""Forward and backward of a batch in parts, one a thread.

A layer's ``vjp`` leaves nothing behind and NumPy lets go of the interpreter's lock while it computes, so parts of
a batch run side by side, each through the whole network. Element-wise work shares the cores in this way too,
which the threads of a BLAS library leave to one. The results are those of the whole batch but for rounding: batch
statistics are summed over the parts, and dropout draws each example's own numbers, see ``genoml.parts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from contextvars import copy_context
from math import prod
from threading import BrokenBarrierError
from types import TracebackType
from typing import Self, TypeVar

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.base import Layer, Pullback
from genoml.parts import Meeting, Part, computing_part, even_ranges, idle_threads

T = TypeVar("T")

#: numbers in the input of a part, and that times the model's parameters, at least: below them a thread costs more
#: than it saves
LEAST_INPUT, LEAST_WORK = 1 << 15, 1 << 29


class Threads:
    """A pool of threads that shares out batches; a context manager, which ends them.

    Parameters
    ----------
    count : int
        Threads in all; this one is among them. 1 computes every batch whole.
    least_input, least_work : int
        See LEAST_INPUT and LEAST_WORK.

    Raises
    ------
    ValueError
        If count < 1.
    """

    def __init__(self, count: int, *, least_input: int = LEAST_INPUT, least_work: int = LEAST_WORK) -> None:
        if count < 1:
            raise ValueError(f"threads expects a number of at least 1, got {count}")
        self.count, self.least_input, self.least_work = count, least_input, least_work
        self._prepared: Layer | None = None
        self._parameters = 0
        self._pool = ThreadPoolExecutor(count - 1, "genoml") if count > 1 else None
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        if self._pool is not None:
            self._entered.enter_context(idle_threads(self._pool, self.count - 1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()
        if self._pool is not None:
            self._pool.shutdown()

    def parts_of(self, model: Layer, x: Array) -> int:
        """In how many parts a batch is computed: the same for the same model and shape."""
        if self._prepared is not model:
            # drawn when first needed, which is not for two threads to do
            self._parameters = sum(prod(value.shape) for value in model.params.values())
            len(model.state)
            self._prepared = model
        size: int = prod(x.shape)
        worth = min(size // self.least_input, size * max(self._parameters, 1) // self.least_work)
        return max(1, min(self.count, int(x.shape[0]), worth))

    def vjp(
        self, model: Layer, x: Array, *, training: bool = False, step: int | None = None
    ) -> tuple[Array, Pullback]:
        """``model.vjp`` of the whole batch, computed in parts."""
        parts = 1 if self.count == 1 else self.parts_of(model, x)
        if parts == 1:
            return model.vjp(x, training=training, step=step)
        xp, meeting = array_namespace(x), Meeting(parts)
        ranges = even_ranges(x.shape[0], parts)
        places = [Part(i, (ranges[i],), x.shape[0], meeting) for i in range(parts)]

        def forward(part: Part) -> tuple[Array, Pullback]:
            ((start, stop),) = part.ranges
            return model.vjp(x[start:stop, ...], training=training, step=step)

        outputs, pullbacks = zip(*self._each(forward, places), strict=True)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            def backward(part: Part) -> tuple[Array | None, dict[str, Array]]:
                ((start, stop),) = part.ranges
                own: Pullback = pullbacks[part.index]
                return own(grad[start:stop, ...], need_x=need_x)

            grads_x, grads = zip(*self._each(backward, places), strict=True)
            # parameters serve every example: their gradients are sums over the parts
            total: dict[str, Array] = dict(grads[0])
            for other in grads[1:]:
                for name, value in other.items():
                    total[name] = total[name] + value
            grad_x: Array | None = None if grads_x[0] is None else xp.concat(grads_x)
            return grad_x, total

        return xp.concat(outputs), pullback

    def _each(self, work: Callable[[Part], T], parts: Sequence[Part]) -> list[T]:
        """The work on every part, the first in this thread; waits for all even if one fails."""
        assert self._pool is not None

        def run(part: Part) -> T:
            try:
                with computing_part(part):
                    return work(part)
            except BaseException:
                part.meeting.abort()
                raise

        # backend and error state are of this thread's context, and the work needs them
        others = [self._pool.submit(copy_context().run, run, part) for part in parts[1:]]
        errors, found = list[BaseException](), list[T]()
        try:
            found.append(run(parts[0]))
            wait(others)
        except BaseException as error:  # Ctrl-C too, which may come while this thread waits
            errors.append(error)
            parts[0].meeting.abort()
            wait(others)
        for future in others:
            if (failed := future.exception()) is not None:
                errors.append(failed)
            else:
                found.append(future.result())
        if errors:
            # the others' is that they waited in vain
            raise next((e for e in errors if not isinstance(e, BrokenBarrierError)), errors[0])
        return found
