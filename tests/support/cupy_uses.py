"""What genoml_cupy uses of CuPy, by full name, and whether an installed CuPy has it.

``cupy.cuda.Device``, ``cupyx.scipy.special.gammaln``, ``cupy.ndarray.strides``, ...: names of modules that a file
imports, of ``self.cupy`` and of ``kernels.xp``, which is CuPy, with variables that are assigned from them. CuPy
imports without a GPU, but is no small download, so the names that were found in one are listed in
cupy_uses.txt; where CuPy 14 is installed the list is made anew with

    python tests/support/cupy_uses.py > tests/support/cupy_uses.txt
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from functools import cache
from pathlib import Path

LISTED = Path(__file__).with_name("cupy_uses.txt")
#: chains that are CuPy, in the files of the backend
_CUPY = {"self.cupy", "self.xp", "kernels.xp", "xp"}
#: attributes of an array that twins and backend use; on NumPy's they run in the tests
_ARRAY = ("dtype", "ndim", "shape", "size", "strides", "astype")


def _chain(node: ast.AST) -> str | None:
    """``a.b.c`` of attributes that begin with a variable."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


class _Uses(ast.NodeVisitor):
    def __init__(self) -> None:
        self.known = dict.fromkeys(_CUPY, "cupy")
        self.found: set[str] = set()

    def _resolve(self, chain: str | None) -> str | None:
        """The full name of a chain that begins with CuPy."""
        for start, name in self.known.items():
            if chain is not None and (chain == start or chain.startswith(f"{start}.")):
                return name + chain.removeprefix(start)
        return None

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] in ("cupy", "cupyx"):
                self.known[alias.asname or alias.name.split(".")[0]] = alias.name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").split(".")[0] in ("cupy", "cupyx"):
            for alias in node.names:
                self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                self.found.add(f"{node.module}.{alias.name}")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                resolved = self._resolve(_chain(value))
                if isinstance(name, ast.Name) and resolved is not None:
                    self.known[name.id] = resolved

    def visit_Attribute(self, node: ast.Attribute) -> None:
        resolved = self._resolve(_chain(node))
        if resolved is not None and "." in resolved:
            self.found.add(resolved)
        elif resolved is None:
            self.generic_visit(node)


def uses_in(source: str) -> set[str]:
    """Every full name of CuPy that a file's text uses."""
    uses = _Uses()
    uses.visit(ast.parse(source))
    return uses.found


def uses_of_backend() -> set[str]:
    """Those of the files of genoml_cupy."""
    spec = importlib.util.find_spec("genoml_cupy")
    files = Path(str(spec and spec.origin)).parent.rglob("*.py")
    own = set().union(*(uses_in(path.read_text(encoding="utf-8")) for path in files))
    return own | {f"cupy.ndarray.{name}" for name in _ARRAY}


@cache
def listed() -> frozenset[str]:
    return frozenset(LISTED.read_text().split())


def exists(name: str) -> bool:
    """Whether the installed CuPy has it."""
    module, *rest = name.split(".")
    value, path = importlib.import_module(module), module
    for part in rest:
        path = f"{path}.{part}"
        if not hasattr(value, part):
            try:
                importlib.import_module(path)
            except ImportError:
                return False
        value = getattr(value, part)
    return True


if __name__ == "__main__":
    print("\n".join(sorted(name for name in uses_of_backend() if exists(name))))
