"""The site: ``nox -s docs`` builds it from the guides and the docstrings, without the network."""

from __future__ import annotations

import os
import re
import sys
from html import escape
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

from docutils.nodes import SkipNode, paragraph
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "backends")]

import genoml  # noqa: E402

project, author, version = "genoml", "The genoml authors", genoml.__version__
copyright = "The genoml authors"
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "backends/README.md",
    "genoml/resources/README.md",
]
exclude_patterns = ["docs/conf.py"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]
html_math_renderer = "mathml"  # which browsers draw themselves: no script, no network
# the tutorials are run as they are built, in full; `-D nb_execution_mode=off` builds them without results
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
# their figures are SVG
_IPYTHON = TemporaryDirectory()
os.environ["IPYTHONDIR"] = _IPYTHON.name
(Path(_IPYTHON.name) / "profile_default").mkdir()
(Path(_IPYTHON.name) / "profile_default" / "ipython_kernel_config.py").write_text(
    'c = get_config()\nc.InlineBackend.figure_formats = {"svg"}\nc.IPKernelApp.log_level = "ERROR"\n'
)

html_theme = "furo"
html_title = f"genoml {version}"
html_theme_options = {"sidebar_hide_name": False}
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"

napoleon_google_docstring = False
napoleon_custom_sections = ["Shapes"]
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings have them in words
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
# words of types such as "sequence of str" are no links; docs/README.md is within the index
suppress_warnings = ["ref.python", "toc.not_included"]

#: rooms that are not for users of the library
_INNER = {"cli", "arguments"}


#: code in a line, the line under a heading, and marks that would be markup
_LITERAL = re.compile(r"(``.*?``|:\w+:`[^`]*`|<[^>]*>`_+)")
_RULE = re.compile("-{3,}")
_MARKS = re.compile(r"(\||\*|_(?!\w))")


def _rooms() -> list[str]:
    found = [module.name for module in iter_modules(genoml.__path__)]
    return sorted(name for name in found if name[0] != "_" and name not in _INNER)


def _write_pages(app: Any) -> None:
    """A page for each room, with every public name of it."""
    folder = ROOT / "docs" / "api"
    folder.mkdir(exist_ok=True)
    seen: set[int] = set()
    for room in sorted(_rooms(), key=lambda room: room != "nn"):
        module = import_module(f"genoml.{room}")
        title = f"genoml.{room}"
        lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", ""]
        for name in sorted(getattr(module, "__all__", [])):
            value = getattr(module, name)
            lines += _entry(f"{title}.{name}", value, again=id(value) in seen)
            seen.add(id(value))
        path, text = folder / f"{room}.rst", "\n".join(lines) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _entry(name: str, value: Any, *, again: bool) -> list[str]:
    kind = "autoclass" if isinstance(value, type) else "autofunction" if callable(value) else "py:data"
    # what scikit-learn adds to its estimators is described there
    hidden = ["   :exclude-members: set_score_request, set_fit_request"] if ".estimators." in name else []
    if isinstance(value, type) and issubclass(value, genoml.nn.Layer) and value is not genoml.nn.Layer:
        hidden = ["   :no-members:"]  # those of Layer
    return [f".. {kind}:: {name}", *(["   :no-index:"] if again else []), *hidden, ""]


def _plain(line: str) -> str:
    """A line of prose, where a bar, a star and an underscore mean themselves; not within double backticks."""
    if line.lstrip().startswith("*") or _LITERAL.fullmatch(line):
        return line
    parts = _LITERAL.split(line)
    return "".join(part if number % 2 else _MARKS.sub(r"\\\1", part) for number, part in enumerate(parts))


def _literal_formulas(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Indented blocks between paragraphs are formulas: shown as they are typed. Shapes are lines of their own."""
    if not lines:
        return
    found: list[str] = []
    section, block = "", False
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        section = line.strip() if _RULE.fullmatch(below.strip()) else section
        if section == "Shapes" and line.strip() not in ("", section) and not _RULE.fullmatch(line.strip()):
            found.append(f"| {_plain(line.strip())}")
            continue
        if line.startswith("    ") and not block and not section and not lines[number - 1].strip():
            if not any(part.rstrip().endswith("::") for part in found[-2:]):
                found += ["::", ""]
            block = True
        block = block and (not line.strip() or line.startswith("    "))
        found.append(line if block else _plain(line))
    lines[:] = found


def _write_math(writer: Any, node: Any) -> None:
    if node.tagname == "math":
        writer.body.append(convert(node.astext()))
    else:
        writer.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>\n')
    raise SkipNode


def _head_and_captions(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """For search engines the first paragraph as the page's description; for screen readers the captions' level."""
    first = None if doctree is None else next(iter(doctree.findall(paragraph)), None)
    if first is not None:
        words = shorten(first.astext(), 160, placeholder="...")
        context["metatags"] = (
            f'{context.get("metatags", "")}<meta name="description" content="{escape(words)}" />'
        )
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Any) -> None:
    """Pages of the reference, formulas of docstrings as they are typed, and those of guides as MathML."""
    app.connect("html-page-context", _head_and_captions, priority=900)  # after the theme
    app.add_html_math_renderer("mathml", (_write_math, None), (_write_math, None))
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", _literal_formulas, priority=100)
