"""Whatever the CUDA backend uses of CuPy exists there, which shows without a GPU."""

from __future__ import annotations

import importlib.util

import pytest

from support.cupy_uses import exists, listed, uses_in, uses_of_backend


@pytest.mark.filterwarnings("ignore:\\s*nccl library could not be loaded")  # where only the module is there
def test_every_name_that_the_backend_uses_is_one_of_cupys() -> None:
    assert uses_of_backend() == listed(), "python tests/support/cupy_uses.py > tests/support/cupy_uses.txt"
    if importlib.util.find_spec("cupy"):
        assert not [name for name in listed() if not exists(name)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import cupy\ny = cupy.cuda.Nothing()", {"cupy.cuda.Nothing"}),
        ("from cupyx.scipy import special\ny = special.erfinverse(x)",
         {"cupyx.scipy.special", "cupyx.scipy.special.erfinverse"}),
        ("runtime = self.cupy.cuda.runtime\nruntime.getNothing()",
         {"cupy.cuda.runtime", "cupy.cuda.runtime.getNothing"}),
        ("(n, c), xp = x.shape, kernels.xp\ny = xp.emptied((n, c))", {"cupy.emptied"}),
        ("import numpy as np\ny = np.zeros(3) + x.shape[0]", set()),
    ],
)  # fmt: skip
def test_a_use_is_found_by_its_full_name(source: str, expected: set[str]) -> None:
    assert uses_in(source) == expected
