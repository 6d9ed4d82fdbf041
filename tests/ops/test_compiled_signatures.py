"""Functions are compiled when they are called, for their stated types, and anew after any change beside them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from genoml_numpy.compiled import signatures
from genoml_numpy.compiled.signatures import FLOAT, INT, NOTHING, compiled, given, written


@compiled(FLOAT, FLOAT, INT)
def _times(x: Any, count: Any) -> Any:
    return x * np.float32(count)


@compiled(NOTHING, given(FLOAT, 1), INT, written(FLOAT, 1))
def _repeat(x: Any, count: Any, y: Any) -> None:
    for i in range(x.shape[0]):
        y[i] = _times(x[i], count)


def test_a_function_is_compiled_when_it_is_called_and_so_are_those_that_it_calls() -> None:
    for function in (_times, _repeat):
        assert not function.signatures  # type: ignore[attr-defined]
    x, y = np.arange(4, dtype=np.float32), np.empty(4, np.float32)
    barrier = threading.Barrier(4)

    def call(_: int) -> None:
        barrier.wait()
        _repeat(x, np.int32(3), y)  # not of the stated type: converted

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))
    np.testing.assert_array_equal(y, [0, 3, 6, 9])
    for function in (_times, _repeat):
        assert len(function.signatures) == 1  # type: ignore[attr-defined]


def test_other_types_than_those_stated_are_refused() -> None:
    x = np.arange(4, dtype=np.float32)
    with pytest.raises(TypeError, match="No matching definition"):
        _repeat(x, 3, np.empty(4))
    x.flags.writeable = False
    with pytest.raises(TypeError, match="No matching definition"):
        _repeat(np.ones(4, np.float32), 3, x)


def test_what_was_compiled_is_not_read_after_a_change_of_another_file_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stamp() -> Any:
        function: Any = compiled(FLOAT, FLOAT, INT)(_times.py_func)  # type: ignore[attr-defined]
        return function._cache._cache_file._source_stamp

    before = stamp()
    assert stamp() == before
    (name, time, size), *others = signatures._FILES
    monkeypatch.setattr(signatures, "_FILES", ((name, time + 1, size), *others))
    assert stamp() != before
