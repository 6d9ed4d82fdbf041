"""Guides: the files, modules and names that they mention exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from support.guides import DOCS, GUIDES, MISSING, ROOT, resolves

TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
FOLDERS = ("genoml", "tests", "docs", "backends", "benchmarks", "examples")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*")
#: a block, or a cell of a tutorial with what it says of itself
BLOCK = re.compile(
    r"^```(\w*|\{code-cell\} ipython3)\n(?:---\n.*?^---\n|(?::.*?\n)+)?(.*?)^```", re.MULTILINE | re.DOTALL
)


def paths_in(text: str) -> set[str]:
    """Repository paths between backticks, such as ``genoml/ops/conv1d.py``; a test's name after it is left out."""
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    return {span.split("::")[0] for span in spans if PATH.fullmatch(span.split("::")[0])}


def links_in(text: str) -> set[str]:
    """Relative targets of links and images, without their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", text))
    return {target.split("#")[0] for target in targets if "://" not in target} - {""}


def names_in(text: str) -> set[str]:
    """Dotted names between backticks, and what the Python blocks import from genoml."""
    prose = BLOCK.sub("", text)
    names = {
        name for span in re.findall(r"`([^`\n]+)`", prose) for name in re.findall(r"\bgenoml(?:\.\w+)+", span)
    }
    for language, block in BLOCK.findall(text):
        if language in ("python", "{code-cell} ipython3"):
            names |= imports_in(block)
    return names


def imports_in(block: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "genoml":
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.split(".")[0] == "genoml"}
    return names


@pytest.mark.parametrize("guide", [*GUIDES, *TUTORIALS], ids=lambda guide: guide.relative_to(ROOT).as_posix())
def test_every_path_that_a_guide_names_exists(guide: Path) -> None:
    text = guide.read_text()
    missing = [path for path in sorted(paths_in(text)) if not any(ROOT.glob(path.rstrip("/")))]
    missing += [link for link in sorted(links_in(text)) if not (guide.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("guide", [*GUIDES, *TUTORIALS], ids=lambda guide: guide.relative_to(ROOT).as_posix())
def test_every_name_of_genoml_that_a_guide_uses_exists(guide: Path) -> None:
    names = names_in(guide.read_text()) - (set(MISSING) if guide.name == "limits.md" else set())
    assert [name for name in sorted(names) if not resolves(name)] == []


def test_a_path_and_a_name_that_are_gone_are_found() -> None:
    text = (
        "`genoml/nn/gone.py`, `tests/test_docs.py::test_this`, [a](gone.md), `genoml.nn.Gone(3)` and\n"
        "```python\nfrom genoml.nn import Conv1D, Lost\n```\n"
    )
    assert paths_in(text) == {"genoml/nn/gone.py", "tests/test_docs.py"}
    assert links_in(text) == {"gone.md"}
    names = names_in(text)
    assert names == {"genoml.nn.Gone", "genoml.nn.Conv1D", "genoml.nn.Lost"}
    assert {name for name in names if not resolves(name)} == {"genoml.nn.Gone", "genoml.nn.Lost"}


def test_every_guide_and_module_that_the_code_names_exists() -> None:
    missing = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file == Path(__file__):
                continue
            named = re.findall(r"\b(?:docs/\w+\.md|(?:genoml|backends)/[\w/]+\.py)\b", file.read_text())
            missing += [f"{file.relative_to(ROOT)}: {path}" for path in named if not (ROOT / path).exists()]
    assert missing == []


def test_the_site_lists_every_guide() -> None:
    index = (DOCS / "index.rst").read_text()
    listed = set(re.findall(r"^   (\w+)$", index, re.MULTILINE)) | {"README"}
    folders = re.findall(r"^   (\w+)/\*$", index, re.MULTILINE)
    listed |= {f"{folder}/{path.stem}" for folder in folders for path in (DOCS / folder).glob("*.md")}
    guides = {path.relative_to(DOCS).with_suffix("").as_posix() for path in GUIDES if DOCS in path.parents}
    assert listed >= guides
    assert {name for name in listed if not (DOCS / f"{name}.md").exists()} == set()
    tutorials = re.findall(r"^   tutorials/(\w+)$", index, re.MULTILINE)
    assert sorted(tutorials) == sorted(path.stem for path in TUTORIALS)
