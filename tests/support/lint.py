"""The lint of the portable files: faults that only another array library would show, without running it.

Portable are the files that name no array library: genoml/nn, ops, losses, metrics, optim, schedules. Rules:

import     no numpy, cupy, cupyx, torch, jax or scipy, and none of array_api_compat's own namespaces
name       every ``xp.<name>`` exists in the standard (array-api-strict), in NumPy and in CuPy; the
           extensions linalg and fft are optional in the standard, and count as absent
method     no array methods or attributes but ``.shape``, ``.dtype`` and ``.ndim``
host       no ``float()``, ``int()``, ``bool()`` but of host values, and no array as a condition. Host values
           are literals, parameters annotated int, float, bool or str, ``.shape``, ``.ndim``, ``len()``,
           ``math.*``, and arithmetic on those
wait       no function for which CuPy waits until the device is done: ``clip`` and ``sign`` of array-api-compat choose
           entries by masks, and the size of ``nonzero`` and ``unique_...`` depends on the values
creation   every array made from nothing or from host values has ``dtype=`` and ``device=``
einsum     is not in the standard

A namespace is a variable named ``xp`` or ``xp_...``, or a call of ``array_namespace``. The comment
``# lint: allow RULE, reason`` lets one line be. CuPy's names are those of cupy_names.txt, so that no CuPy is
needed; where CuPy 14 is installed (without a GPU too) the list is made anew with

    python tests/support/lint.py > tests/support/cupy_names.txt
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

CUPY_NAMES = Path(__file__).with_name("cupy_names.txt")
LIBRARIES = {"numpy", "cupy", "cupyx", "torch", "jax", "scipy"}
CREATION = {"zeros", "ones", "empty", "full", "arange", "asarray", "eye", "linspace"}
#: functions of a namespace whose result lies on the host
HOST_FUNCTIONS = {"isdtype", "can_cast", "finfo", "iinfo", "result_type", "__array_namespace_info__"}
#: functions for which CuPy waits, and what to write instead
WAITS = {
    "clip": "genoml.ops.arrays.clip",
    "sign": "copysign, or genoml.ops.arrays.clip of whole numbers",
    "nonzero": "where, with an output of the input's size",
} | dict.fromkeys(
    ("unique_all", "unique_counts", "unique_inverse", "unique_values"),
    "sort, with an output of the input's size",
)
HOST_TYPES = {"int", "float", "bool", "str"}
_METHOD_NAMES = """
all any argmax argmin argpartition argsort astype block_until_ready byteswap choose clip compress
conj contiguous copy cpu cumprod cumsum detach diagonal dot exp expand fill flatten item log
masked_fill max mean min nonzero numpy partition permute prod put ravel repeat reshape resize round
scatter searchsorted sort sqrt squeeze std sum swapaxes take to_device tobytes tofile tolist trace
transpose unsqueeze var view
"""
METHODS = frozenset(_METHOD_NAMES.split())
ATTRIBUTES = {
    "T",
    "mT",
    "H",
    "base",
    "data",
    "device",
    "flat",
    "imag",
    "itemsize",
    "nbytes",
    "real",
    "size",
    "strides",
}


@dataclass(frozen=True, order=True)
class Fault:
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: [{self.rule}] {self.text}"


# ---------------------------------------------------------------- names


def names_of(module: ModuleType) -> set[str]:
    """``zeros``, ``linalg.svd``, ...: everything that a namespace offers."""
    names = set(dir(module))
    for extension in ("linalg", "fft"):
        names |= {f"{extension}.{name}" for name in dir(getattr(module, extension))}
    return names


@cache
def cupy_names() -> frozenset[str]:
    return frozenset(CUPY_NAMES.read_text().split())


def names_in_installed_cupy() -> set[str]:
    """CuPy's names from CuPy itself, without private ones."""
    found = names_of(importlib.import_module("array_api_compat.cupy"))
    return {name for name in found if not re.search(r"(^|\.)_(?!_array_namespace_info__$)", name)}


@cache
def _namespaces() -> dict[str, frozenset[str]]:
    standard = set(dir(importlib.import_module("array_api_strict"))) - {"linalg", "fft"}
    numpy = names_of(importlib.import_module("array_api_compat.numpy"))
    return {"the standard": frozenset(standard), "NumPy": frozenset(numpy), "CuPy": cupy_names()}


# ---------------------------------------------------------------- rules


def _is_namespace(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "xp" or node.id.startswith("xp_")
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "array_namespace"
    )


def _path(node: ast.AST) -> str | None:
    """``linalg.svd`` of ``xp.linalg.svd``; None for what does not begin with a namespace."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed(parts)) if parts and _is_namespace(node) else None


def _root(node: ast.AST) -> str | None:
    """The variable that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


class Linter(ast.NodeVisitor):
    """Collects the faults of one file."""

    def __init__(self, tree: ast.AST) -> None:
        self.faults: set[Fault] = set()
        self.host_names: list[set[str]] = []
        #: names of imported modules, whose functions are no array methods
        self.modules = {"math"} | {
            (alias.asname or alias.name).split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }

    def fault(self, node: Any, rule: str, text: str) -> None:
        self.faults.add(Fault(node.lineno, rule, text))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._imported(node, f"{node.module or ''}.{alias.name}")

    def _imported(self, node: ast.AST, name: str) -> None:
        parts = name.split(".")
        if parts[0] in LIBRARIES or (
            parts[0] == "array_api_compat" and len(parts) > 1 and parts[1] in LIBRARIES
        ):
            self.fault(node, "import", f"imports {name}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.host_names.append(
            {a.arg for a in arguments if isinstance(a.annotation, ast.Name) and a.annotation.id in HOST_TYPES}
        )
        self.generic_visit(node)
        self.host_names.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = _path(node)
        if path is not None:
            for label, names in _namespaces().items():
                if path not in names and not (path.startswith("__") and path != "__array_namespace_info__"):
                    self.fault(node, "name", f"xp.{path} is not in {label}")
            if path in WAITS:
                self.fault(node, "wait", f"CuPy waits for xp.{path}; use {WAITS[path]}")
            if path.split(".")[-1] in ("einsum", "einsum_path"):
                self.fault(node, "einsum", f"xp.{path}")
        elif node.attr in ATTRIBUTES and _root(node) not in {"self", *self.modules}:
            self.fault(node, "method", f".{node.attr} of an array")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        path = _path(function)
        if path in CREATION:
            missing = {"dtype", "device"} - {keyword.arg for keyword in node.keywords}
            if missing:
                self.fault(node, "creation", f"xp.{path} without {' and '.join(sorted(missing))}")
        elif path is None and isinstance(function, ast.Attribute):
            self._method(node, function)
        reads = isinstance(function, ast.Name) and function.id in ("float", "int", "bool", "complex")
        if reads and not all(map(self._on_host, node.args)):
            self.fault(node, "host", f"{ast.unparse(function)}() of what may be an array")
        self.generic_visit(node)

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        in_place = re.fullmatch(r"[a-z]\w*[a-z0-9]_", function.attr)
        bare_get = function.attr == "get" and not node.args and not node.keywords
        called = function.attr in METHODS or in_place or bare_get
        if called and not (isinstance(function.value, ast.Name) and function.value.id in self.modules):
            self.fault(node, "method", f".{function.attr}() of an array")

    def _on_host(self, node: ast.AST) -> bool:
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return any(name in names for names in self.host_names)
            case ast.Attribute(attr="shape" | "ndim"):
                return True
            case ast.Subscript(value=value):
                return self._on_host(value)
            case ast.BinOp(left=left, right=right):
                return self._on_host(left) and self._on_host(right)
            case ast.UnaryOp(operand=operand):
                return self._on_host(operand)
            case ast.Compare(left=left, comparators=others):
                return self._on_host(left) and all(map(self._on_host, others))
            case ast.Call(func=ast.Name(id="len")):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math")), args=arguments):
                return all(map(self._on_host, arguments))
        return False

    # conditions: `if xp.any(x)` reads the device as bool(xp.any(x)) does
    def visit_If(self, node: ast.If | ast.While | ast.IfExp | ast.Assert) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    visit_While = visit_IfExp = visit_Assert = visit_If  # noqa: N815 - the names that ast calls

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for value in node.values:
            self._condition(value)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._condition(node.operand)
        self.generic_visit(node)

    def _condition(self, test: ast.AST) -> None:
        parts = [test.left, *test.comparators] if isinstance(test, ast.Compare) else [test]
        for part in parts:
            path = _path(part.func) if isinstance(part, ast.Call) else None
            if path is not None and path not in HOST_FUNCTIONS:
                self.fault(part, "host", f"xp.{path}(...) as a condition")


def lint(source: str) -> list[Fault]:
    """The faults of a file's text, but for those that its comments allow, by line."""
    tree = ast.parse(source)
    linter = Linter(tree)
    linter.visit(tree)
    allowed = set(_allowed(source))
    return sorted(fault for fault in linter.faults if (fault.line, fault.rule) not in allowed)


def _allowed(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        found = re.search(r"# lint: allow (\w+), \S", line)
        if found:
            yield number, found.group(1)


def portable_files(package: Path) -> list[Path]:
    """The files that must run on every library; ``losses/labels.py`` looks at labels on the host, before they cross."""
    folders = ("nn", "ops", "losses", "metrics", "optim")
    found = [path for folder in folders for path in (package / folder).rglob("*.py")]
    return sorted(path for path in found if path != package / "losses" / "labels.py")


if __name__ == "__main__":
    print("\n".join(sorted(names_in_installed_cupy())))
