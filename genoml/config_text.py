"""A configuration as people read it: a TOML file with comments, and tables of all keys for the documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from genoml.config import TrainConfig, config_types
from genoml.models import MODELS, model_spec, option_types
from genoml.typed import expected, shown_key, toml_value

_ARGUMENT = re.compile(r"(\w+(?:, \w+)*) : ")


def config_text(config: TrainConfig) -> str:
    """A configuration as TOML that ``read_config`` reads back; each key under what it means.

    A key that was left open is there as a comment, since TOML has no word for none.
    """
    lines = []
    for key in TrainConfig.__struct_fields__:
        value = getattr(config, key)
        lines.append(f"# {meaning(key)}")
        if value is None:
            lines.append(f"# {key} = {expected(config_types()[key])}")
        else:
            lines.append(f"{key} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def options_text(model: str) -> str:
    """The options of a model with their defaults, as comments in TOML."""
    lines = [f"# The options of {model}, with their defaults, to be chosen from for model_options:"]
    for option, default, words in _options(model):
        lines.append(f"#   {option} = {toml_value(default)}  ({words})")
    return "\n".join(lines) + "\n"


def meaning(key: str) -> str:
    """What a key of a configuration means."""
    info = config_types()[key]
    schema = info.extra_json_schema if isinstance(info, msgspec.inspect.Metadata) else None
    return str((schema or {})["description"])


def key_table() -> str:
    """All keys of a configuration as a Markdown table: type, default, meaning."""
    rows = []
    for key, default in msgspec.structs.asdict(TrainConfig()).items():
        shown = "" if default is None else f"`{toml_value(default)}`"
        rows.append((f"`{key}`", expected(config_types()[key]), shown, meaning(key)))
    return _markdown(("key", "takes", "default", "meaning"), rows)


def option_tables() -> str:
    """The options of every model as Markdown tables."""
    parts = []
    for model in MODELS:
        rows = [(f"`{name}`", words, f"`{toml_value(default)}`") for name, default, words in _options(model)]
        meanings = option_meanings(model_spec(model).build)
        full = [(*row, meanings[row[0].strip("`")]) for row in rows]
        parts.append(f"#### `{model}`\n\n" + _markdown(("option", "takes", "default", "meaning"), full))
    return "\n".join(parts)


def _options(model: str) -> Iterator[tuple[str, Any, str]]:
    """Name, default and type of each option."""
    parameters = inspect.signature(model_spec(model).build).parameters
    for option, info in option_types(model).items():
        yield shown_key(option), parameters[option].default, expected(info)


def option_meanings(build: Callable[..., Any]) -> dict[str, str]:
    """What the docstring of a model's function says of each of its arguments, on one line."""
    _, _, rest = (inspect.getdoc(build) or "").partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in rest.splitlines():
        if set(line) == {"-"}:
            break
        head = _ARGUMENT.match(line)
        if head:
            names = head[1].split(", ")
        elif line.startswith(" "):
            found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
    return {name: text.replace("``", "`") for name, text in found.items()}


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines) + "\n"
    )
