"""Threads: forward and backward of a batch in parts, one part a thread.

A layer's ``vjp`` keeps no state and NumPy releases the interpreter's lock while it computes, so the parts of a batch
run in parallel, each through the whole network. This uses all cores for element-wise work too, which the threads of
a BLAS library do not. The results are those of the whole batch but for rounding: batch
statistics are summed over the parts, and dropout draws each example's own numbers, see ``Part``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from math import prod
from threading import BrokenBarrierError
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.parallel.parts import ALONE, Meeting, Part, Shares, Workers, add_shares, even_ranges, tree_sum
from genoml.parallel.ranks import ONE_RANK, Ranks

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
    ranks : Ranks
        Processes that have as many parts each of every batch; x is then this one's rows of it.
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

    def __init__(
        self,
        count: int,
        ranks: Ranks = ONE_RANK,
        *,
        least_input: int = LEAST_INPUT,
        least_work: int = LEAST_WORK,
    ) -> None:
        if count < 1:
            raise ValueError(f"threads expects a number of at least 1, got {count}")
        self.count = count
        self.ranks = ranks
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

    def parts_of(self, model: Model, x: Array, total: int | None = None) -> int:
        """The number of parts in which this process computes its rows x of ``total``: the same for the same shapes."""
        prepared, parameters = self._prepared
        if prepared is not model:
            model.draw()  # before the parts, which would draw one each
            parameters = sum(prod(value.shape) for value in model.params.values())
            self._prepared = model, parameters
        rows: int = x.shape[0] if total is None else total
        size: int = prod(x.shape[1:]) * rows
        worth = min(size // self.least_input, size * max(parameters, 1) // self.least_work)
        return max(1, min(self.count, min(rows, worth) // self.ranks.count))

    def vjp(self, model: Model, x: Array, run: Any) -> tuple[Array, Any]:
        """``model.vjp(x, run)`` of the whole batch, computed in parts; ``run`` is a Pass.

        Of several ranks each gives its own rows of the batch, whose size ``run.part`` says.
        """
        shares = self._shares(model, x, run)
        if len(shares) == 1:
            return model.vjp(x, shares[0][1])
        xp = array_namespace(x)
        outputs, pullbacks = zip(
            *self._each(lambda rows, run: model.vjp(x[rows, ...], run), shares), strict=True
        )

        def pullback(
            grad: Array, *, need_x: bool = True, need_params: bool = True
        ) -> tuple[Array | None, dict[str, Array]]:
            def backward(rows: slice, run: Any) -> tuple[Array | None, dict[str, Array]]:
                found: tuple[Array | None, dict[str, Array]] = pullbacks[run.part.index](
                    grad[rows, ...], need_x=need_x, need_params=need_params
                )
                return found

            grads_x, grads = zip(*self._each(backward, shares), strict=True)
            grad_x: Array | None = None if grads_x[0] is None else xp.concat(grads_x)
            return grad_x, _sum_of(grads)

        return xp.concat(outputs), pullback

    def gradients(
        self,
        model: Model,
        x: Array,
        run: Any,
        loss: Callable[[Array, slice, Part], tuple[Array, Array]],
    ) -> Gradients:
        """Loss of a batch, and the gradients of the parameters: forward, loss and backward at one go in each part.

        ``loss(outputs, rows, part)`` gives the loss of these rows of x and its gradient: their share of the step's.
        Of several ranks each has those of its own rows.
        """
        shares = self._shares(model, x, replace(run, pulls=1))

        def work(rows: slice, run: Any) -> tuple[Array, dict[str, Array]]:
            y, pullback = model.vjp(x if len(shares) == 1 else x[rows, ...], run)
            value, grad = loss(y, rows, run.part)
            return value, pullback(grad, need_x=False)[1]

        return Gradients(self._each(work, shares))

    def _shares(self, model: Model, x: Array, run: Any) -> list[tuple[slice, Any]]:
        """The rows of x that each thread computes, and their pass."""
        if x.ndim == 0:  # no rows: the layer says what it expects
            return [(slice(None), run)]
        size = int(run.part.whole_size(x.shape[0]))
        count, ranks = 1 if self.count == 1 else self.parts_of(model, x, size), self.ranks
        if count * ranks.count == 1:
            return [(slice(0, size), replace(run, part=replace(run.part, workers=self.workers)))]
        meeting, workers = Meeting(count, ranks), self.workers if count == 1 else ALONE
        places = even_ranges(size, count * ranks.count)[count * ranks.rank :][:count]
        (before, _), *_ = run.part.rows(size)
        first, shares = places[0][0], []
        for index, (start, stop) in enumerate(places):
            rows = slice(start - first, stop - first)
            mask = None if run.mask is None else run.mask[rows]
            part = Part(
                index, ((before + start, before + stop),), run.part.total or size, meeting, workers, size
            )
            shares.append((rows, replace(run, mask=mask, part=part)))
        return shares

    def _each(self, work: Callable[[slice, Any], T], shares: Sequence[tuple[slice, Any]]) -> list[T]:
        """The work on every share, the first in this thread; waits for all even if one fails."""
        meeting: Meeting = shares[0][1].part.meeting
        if len(shares) == 1:
            return [work(*shares[0])]

        def run(share: tuple[slice, Any]) -> T:
            try:
                return work(*share)
            except BaseException:
                meeting.abort()
                raise

        pool, others = self.workers.pool, Shares[T]()
        assert pool is not None
        errors, own = list[BaseException](), list[T]()
        try:
            with self.workers.queueing:
                for share in shares[1:]:
                    others.begin(pool, run, share)
            own.append(run(shares[0]))
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


class Gradients:
    """Loss and gradients of each part of a batch; of several batches, ``a + b``, the parts' before they are summed."""

    def __init__(self, parts: Sequence[tuple[Array, dict[str, Array]]]) -> None:
        self.parts = parts

    def __add__(self, later: Gradients) -> Gradients:
        pairs = zip_longest(self.parts, later.parts)  # a smaller batch may have fewer parts
        return Gradients([_both(a, b) if a and b else a or b for a, b in pairs])

    def total(self) -> tuple[Array, dict[str, Array]]:
        """The sums over the parts."""
        losses, grads = zip(*self.parts, strict=True)
        return tree_sum(losses), _sum_of(grads)


def _both(
    a: tuple[Array, dict[str, Array]], b: tuple[Array, dict[str, Array]]
) -> tuple[Array, dict[str, Array]]:
    return a[0] + b[0], {name: add_shares(value, b[1][name]) for name, value in a[1].items()}


@cache
def shared_threads(count: int) -> Threads:
    """The threads of this process for a network that is called by hand."""
    return Threads(count)


def _sum_of(grads: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Sums of the parts' gradients: parameters serve every example. The first part has all of them."""
    return {name: tree_sum([part[name] for part in grads if name in part], add_shares) for name in grads[0]}
