"""The portable files keep to the Array API standard; and the lint that says so catches what is planted."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import genoml
from support.lint import cupy_names, lint, names_in_installed_cupy, portable_files

PACKAGE = Path(genoml.__file__).parent
FILES = portable_files(PACKAGE)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_a_portable_file_keeps_to_the_standard(path: Path) -> None:
    faults = lint(path.read_text(encoding="utf-8"))
    assert not faults, "\n".join(str(fault) for fault in faults)


def test_every_portable_folder_and_file_is_read() -> None:
    names = {path.relative_to(PACKAGE).parts[0] for path in FILES}
    assert names == {"nn", "ops", "losses", "metrics", "optim"}
    assert {"schedules.py", "layer.py", "self_attention.py"} <= {path.name for path in FILES}


# rule, what must be caught, what must pass
PLANTED = [
    ("import", "import numpy as np", "import math"),
    ("import", "import numpy.linalg", "import numbers"),
    ("import", "from scipy.special import erf", "from array_api_compat import array_namespace"),
    ("import", "import jax.numpy as jnp", "from genoml.ops.conv1d import conv1d_vjp"),
    ("import", "def f():\n    import torch", "from array_api_compat import device, is_array_api_obj"),
    ("import", "from array_api_compat import numpy", "from collections.abc import Callable"),
    ("import", "import array_api_compat.cupy as xp", "import array_api_compat"),
    ("import", "from cupyx.scipy import special", "from genoml.backend import Array"),
    ("name", "y = xp.erf(x)", "y = xp.exp(x)"),
    ("name", "y = xp.swapaxes(x, 0, 1)", "y = xp.permute_dims(x, (1, 0))"),
    ("name", "y = xp.linalg.svd(a)", "y = xp.matmul(a, b)"),
    ("name", "y = array_namespace(x).cumsum(x)", "y = array_namespace(x).cumulative_sum(x)"),
    ("name", "y = xp_other.concatenate([x])", "y = xp_other.concat([x])"),
    ("name", "kind = xp.float16", "kind = xp.float32"),
    ("einsum", "y = xp.einsum('ij,jk->ik', a, b)", "y = xp.tensordot(a, b, axes=1)"),
    ("method", "y = x.sum()", "y = xp.sum(x)"),
    ("method", "y = (a + b).mean(axis=0)", "y = xp.mean(a + b, axis=0)"),
    ("method", "y = x.reshape(-1)", "y = xp.reshape(x, (-1,))"),
    ("method", "y = x.astype('float32')", "y = xp.astype(x, xp.float32)"),
    ("method", "y = x[0, :].copy()", "y = table.items()"),
    ("method", "y = self.weights.max()", "y = xp.max(self.weights)"),
    ("method", "y = x.item()", "y = self.named_layers.items()"),
    ("method", "y = x.get()", "y = table.get('name')"),
    ("method", "x.add_(1.0)", "names.add('x')"),
    ("method", "y = x.T", "y = xp.matrix_transpose(x)"),
    ("method", "n = x.size", "n = x.shape[0] * x.ndim"),
    ("method", "d = x.device", "d = self.device"),
    ("method", "y = xp.permute_dims(x, (1, 0)).reshape(3)", "y = xp.finfo(x.dtype).eps"),
    ("method", "y = x.exp()", "import math\ny = math.exp(2.0)"),
    ("host", "y = float(xp.sum(x))", "y = float(x.shape[0])"),
    ("host", "y = int(x)", "def f(x: Array, rate: float):\n    return int(rate * x.shape[1] + len(name))"),
    ("host", "y = bool(x.dtype)", "y = bool(x.ndim)"),
    ("host", "def f(x: Array):\n    return float(x[0])", "def f(rate: float):\n    return float(2 * rate)"),
    ("host", "y = float(math.sqrt(x))", "y = float(math.sqrt(x.ndim + 2))"),
    ("host", "if xp.any(x > 0):\n    pass", "if xp.isdtype(x.dtype, 'real floating'):\n    pass"),
    ("host", "y = 1 if xp.max(x) > 0 else 0", "y = 1 if x.shape[0] > 0 else 0"),
    ("host", "while not xp.all(x):\n    pass", "while not x.ndim:\n    pass"),
    ("host", "y = ok and xp.all(x)", "y = xp.logical_and(ok, xp.all(x))"),
    ("host", "assert xp.isfinite(x)", "assert x.shape"),
    ("wait", "y = xp.clip(x, 0.0, 1.0)", "y = clip(x, 0.0, 1.0)"),
    ("wait", "y = xp.clip(x, min=0)", "y = xp.maximum(x, zero)"),
    ("wait", "y = array_namespace(x).sign(x)", "y = xp.copysign(one, x)"),
    ("wait", "(at,) = xp.nonzero(x)", "y = xp.where(x > 0, x, zero)"),
    ("wait", "y = xp.unique_values(x)", "y = xp.sort(x)"),
    ("creation", "y = xp.zeros(3)", "y = xp.zeros(3, dtype=x.dtype, device=d)"),
    ("creation", "y = xp.ones((2,), dtype=x.dtype)", "y = xp.ones((2,), dtype=x.dtype, device=d)"),
    ("creation", "y = xp.empty(3, device=d)", "y = xp.empty(3, dtype=x.dtype, device=d)"),
    ("creation", "y = xp.full(3, 1.0)", "y = xp.full(3, 1.0, dtype=x.dtype, device=d)"),
    ("creation", "y = xp.arange(3)", "y = xp.arange(3, dtype=xp.int32, device=d)"),
    ("creation", "y = array_namespace(x).asarray([1.0])", "y = xp.asarray([1.0], dtype=x.dtype, device=d)"),
    ("creation", "y = xp.eye(3)", "y = xp.eye(3, dtype=x.dtype, device=d)"),
    ("creation", "y = xp.linspace(0, 1, 5)", "y = xp.zeros_like(x)"),
    (
        "creation",
        "y = xp.asarray(v, device=d)  # lint: allow creation",
        "y = xp.asarray(v, device=d)  # lint: allow creation, any dtype is meant",
    ),
    ("creation", "y = xp.zeros(3)  # lint: allow host, another rule", "y = xp.ones_like(x)"),
]


@pytest.mark.parametrize(("rule", "bad", "good"), PLANTED, ids=[f"{rule}: {bad}" for rule, bad, _ in PLANTED])
def test_a_planted_fault_is_caught_and_its_portable_form_passes(rule: str, bad: str, good: str) -> None:
    assert rule in {fault.rule for fault in lint(bad)}
    assert not lint(good)


def test_a_fault_tells_its_line() -> None:
    (fault,) = lint("x = 1\ny = 2\nz = xp.zeros(3, dtype=d)\n")
    assert str(fault) == "line 3: [creation] xp.zeros without device"


def test_the_list_of_cupy_names_is_what_cupy_has() -> None:
    names = cupy_names()
    assert {"permute_dims", "cumulative_sum", "searchsorted", "linalg.matmul", "float32"} <= names
    if importlib.util.find_spec("cupy"):
        assert names <= names_in_installed_cupy()
