from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest

from genoml.checkpoint import host_weights
from genoml.data import SequenceData, ShuffledNegatives
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.train import FitOptions, fit
from genoml.train.background import ahead
from support.planted import planted_data
from support.subprocesses import output_of


def threads_ahead() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("genoml-ahead")]


@pytest.mark.parametrize("depth", [0, 1, 2, 7])
def test_what_is_made_ahead_comes_in_order(depth: int) -> None:
    assert list(ahead(lambda key: key * key, range(20), depth)) == [key * key for key in range(20)]
    assert list(ahead(str, [], depth)) == []
    assert not threads_ahead()


def test_no_more_is_made_ahead_than_told() -> None:
    made: list[int] = []
    with closing(ahead(made.append, iter(range(100)), 3)) as results:
        for _ in range(5):
            next(results)
        deadline = time.monotonic() + 10
        while len(made) < 8 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert made == list(range(8))


def test_it_is_made_while_the_one_before_is_used() -> None:
    begun = threading.Event()

    def make(key: int) -> int:
        if key == 1:
            begun.set()
        return key

    with closing(ahead(make, range(2), 1)) as results:
        assert next(results) == 0
        assert begun.wait(10)


def test_an_error_comes_where_its_result_would_have_and_ends_the_thread() -> None:
    def make(key: int) -> int:
        if key == 3:
            raise MemoryError("no room")
        return key

    results = ahead(make, range(10), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(MemoryError, match="no room"):
        next(results)
    assert not threads_ahead()


def test_an_interrupt_where_the_results_are_used_ends_the_thread() -> None:
    def use(results: Generator[str, None, None]) -> None:
        with closing(results):
            next(results)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use(ahead(str, range(1000), 2))
    assert not threads_ahead()


def test_the_thread_sees_the_context_of_its_caller() -> None:
    setting: ContextVar[str] = ContextVar("setting", default="none")
    setting.set("mine")
    assert list(ahead(lambda _: setting.get(), range(3), 1)) == ["mine"] * 3


def trained(data: SequenceData, **changes: Any) -> dict[str, np.ndarray]:
    model = build_model("promoter_cnn", {"filters": 6, "kernel_size": 8})
    options = FitOptions(epochs=3, batch_size=16, optimizer=AdamW(0.03), average_decay=0.9, **changes)
    fit(model, data, options=options)
    return host_weights(model)


def kinds_of_data() -> Iterator[SequenceData]:
    data = planted_data(40)
    yield data
    yield ShuffledNegatives.of(data.codes[:40], seed=1)


@pytest.mark.parametrize("data", list(kinds_of_data()), ids=["fixed", "shuffled anew"])
def test_training_gives_the_same_bits_however_far_ahead_batches_are_made(data: SequenceData) -> None:
    expected = trained(data, prefetch=0)
    for depth in (1, 2, 50):
        found = trained(data, prefetch=depth)
        assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert not threads_ahead()


def test_a_forked_process_does_not_wait_for_what_its_parent_writes() -> None:
    code = """
        import os, threading
        from genoml.train.background import NewestWriter

        begun, free = threading.Event(), threading.Event()

        def write(what):
            print(what, flush=True)
            begun.set()
            free.wait()

        writer = NewestWriter(write)
        writer.submit("first")
        begun.wait()
        with writer._lock:  # as the thread may hold it
            child = os.fork()
        if not child:
            free.set()
            writer.finish()
            writer.submit("of the child")
            writer.finish()
            writer.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        free.set()
        writer.finish()
        writer.close()
    """
    assert output_of(code).split("\n") == ["first", "of the child"]
