"""CuPy's arrays summed by NCCL, over a communicator of the same methods; and where there is none."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from genoml.backend import Backend
from genoml.parallel import ONE_RANK
from genoml_cupy.nccl import NcclSums
from support.cupy_on_host import counting
from support.fake_nccl import FakeNccl, expect_equal, gradients_of, trained
from support.thread_ranks import ThreadRanks, as_ranks

pytestmark = pytest.mark.backend


@pytest.fixture
def by_nccl(cuda: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The backend cupy, which finds a communicator."""
    nccl = FakeNccl()
    monkeypatch.setattr(cuda, "_sums", {})
    monkeypatch.setattr(cuda, "_nccl", lambda: (nccl, ""))
    return cuda


def test_a_training_on_gpus_has_the_bits_of_ranks_that_meet_on_the_host(
    by_nccl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = as_ranks(3, lambda ranks: trained(by_nccl, ranks))
    assert [type(sums) for sums in by_nccl._sums.values()] == [NcclSums] * 3
    monkeypatch.setattr(type(by_nccl), "sums", Backend.sums)
    expected = as_ranks(3, lambda ranks: trained(by_nccl, ranks))[0]
    for each in found:
        expect_equal(each, expected)


def test_nothing_is_read_from_the_gpu_for_a_sum(by_nccl: Any) -> None:
    def run(ranks: ThreadRanks) -> None:
        sums = by_nccl.sums(ranks)
        assert by_nccl.sums(ranks) is sums
        arrays = {name: by_nccl.asarray(value) for name, value in gradients_of(ranks.rank).items()}
        sums.sum_all(arrays)
        ranks.gather(None)
        with counting() as found:
            sums.sum_all(arrays)
            sums.sum(arrays["bias"])
            ranks.gather(None)
        assert (found["to_host"], found["waits"]) == (0, 0)

    as_ranks(2, run)


@pytest.mark.parametrize("why", ["absent", "refused"])
def test_without_nccl_sums_go_through_the_host_and_a_line_says_so(
    why: str, cuda: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "_sums", {})
    if why == "refused":
        monkeypatch.setenv("GENOML_NCCL", "0")
    monkeypatch.setitem(sys.modules, "cupy.cuda.nccl", SimpleNamespace(available=False))
    monkeypatch.setattr(cuda.cupy.cuda, "nccl", SimpleNamespace(available=False), raising=False)
    lacks = {"absent": "libnccl.so.2 cannot be loaded", "refused": "GENOML_NCCL=0"}[why]
    line = rf"sums over ranks go through the host, without NCCL \(rank 0: {lacks}\); pip install 'genoml-xp"
    with pytest.warns(UserWarning, match=line) as warned:
        assert as_ranks(2, lambda ranks: cuda.sums(ranks) is ranks) == [True, True]
    assert len(warned) == 1
    assert cuda.sums(ONE_RANK) is ONE_RANK
