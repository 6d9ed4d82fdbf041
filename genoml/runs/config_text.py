"""Configurations as text: TOML read and written with comments, and tables of all keys for the documentation."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from genoml.io.settings import make_settings, read_toml, settings_error
from genoml.models import MODELS, model_spec, option_struct
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings

_ARGUMENT = re.compile(r"(\w+(?:, \w+)*) : ")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def read_config(path: Path | None, overrides: Mapping[str, Any]) -> TrainConfig:
    """Read a configuration from a TOML file, or take the defaults; ``overrides`` that are not None win.

    Of the key ``data`` they are joined with those of the file, see ``DataSettings.changed``.

    Raises
    ------
    FormatError
        If the file is not TOML, or one of its keys is unknown, of the wrong type or out of range; the message
        names the file and the key's path.
    ValueError
        If the file cannot be read, or an override cannot be.
    """
    values = {} if path is None else read_toml(path)
    changed = {key: value for key, value in overrides.items() if value is not None}
    data = changed.pop("data", None)
    try:
        config = make_config(values | changed)
    except ValueError as error:
        key = re.split(r"[.\[:]", str(error))[0]
        if path is None or key in changed:
            raise
        raise settings_error(path, error) from error
    return config if not data else msgspec.structs.replace(config, data=config.data.changed(data))


def make_config(values: Mapping[str, Any]) -> TrainConfig:
    """Make a configuration from values by key.

    Raises
    ------
    ValueError
        If a key is unknown, or see TrainConfig.
    """
    return make_settings(values, TrainConfig)


def config_text(config: TrainConfig) -> str:
    """TOML of a configuration, which ``read_config`` reads back, with a comment above each key.

    A key that was left out is written as a comment, since TOML has no value for none; so are the keys of the data that
    are at their defaults.
    """
    lines = []
    for field in _fields(TrainConfig):
        if field.name == "data":
            continue
        value = getattr(config, field.name)
        lines += _key_lines(field, None if value is None else toml_value(value))
    given = config.data.given
    lines += ["", "[data]"]
    for field in _fields(DataSettings):
        lines += _key_lines(field, toml_value(given[field.name]) if field.name in given else None)
    return "\n".join(lines) + "\n"


def _key_lines(field: types.Field, value: str | None) -> list[str]:
    """Lines of a key: its meaning, and its value, or, as a comment, what it takes."""
    line = f"# {field.name} = {expected(field.type)}" if value is None else f"{field.name} = {value}"
    return [f"# {_meaning(field)}", line]


def options_text(model: str) -> str:
    """The options of a model with their defaults, as comments in TOML."""
    lines = [f"# The options of {model}, with their defaults, to be chosen from for model_options:"]
    for field in _fields(option_struct(model)):
        lines.append(f"#   {field.name} = {toml_value(field.default)}  ({expected(field.type)})")
    return "\n".join(lines) + "\n"


def key_table(settings: type[msgspec.Struct] = TrainConfig) -> str:
    """All keys of a configuration, or of its data, as a Markdown table: type, default, meaning."""
    defaults = settings()
    rows = []
    for field in _fields(settings):
        default = getattr(defaults, field.name)
        shown = "" if default is None or field.name == "data" else f"`{toml_value(default)}`"
        rows.append((f"`{field.name}`", expected(field.type), shown, _meaning(field)))
    return _markdown(("key", "takes", "default", "meaning"), rows)


def option_tables() -> str:
    """The options of every model as Markdown tables."""
    parts = []
    for model in MODELS:
        meanings = option_meanings(model_spec(model).build)
        rows = [
            (f"`{field.name}`", expected(field.type), f"`{toml_value(field.default)}`", meanings[field.name])
            for field in _fields(option_struct(model))
        ]
        parts.append(f"#### `{model}`\n\n" + _markdown(("option", "takes", "default", "meaning"), rows))
    return "\n".join(parts)


def option_meanings(build: Callable[..., Any]) -> dict[str, str]:
    """Description of each argument of a model's function, from its docstring, on one line."""
    _, _, rest = (inspect.getdoc(build) or "").partition("Parameters\n----------\n")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in rest.splitlines():
        if set(line) == {"-"}:
            break
        head = _ARGUMENT.match(line)
        if head:
            names = head[1].split(", ")
        elif line.startswith(" "):
            meanings |= {name: f"{meanings.get(name, '')} {line.strip()}".strip() for name in names}
    return {name: text.replace("``", "`") for name, text in meanings.items()}


def _fields(struct: type[msgspec.Struct]) -> Sequence[types.Field]:
    info = types.type_info(struct)
    return info.fields if isinstance(info, types.StructType) else ()


def _meaning(field: types.Field) -> str:
    schema = field.type.extra_json_schema if isinstance(field.type, types.Metadata) else None
    return str((schema or {})["description"])


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines) + "\n"
    )


def expected(info: types.Type) -> str:
    """Description of the values of a type, such as ``a whole number of at least 1``."""
    if isinstance(info, types.Metadata):
        return expected(info.type)
    if isinstance(info, types.UnionType):  # with None: a key that may be left out
        return " or ".join(expected(kind) for kind in info.types if not isinstance(kind, types.NoneType))
    if isinstance(info, types.IntType | types.FloatType):
        return ("a whole number" if isinstance(info, types.IntType) else "a number") + _bounds(info)
    if isinstance(info, types.LiteralType):
        return "one of " + ", ".join(toml_value(value) for value in info.values)
    if isinstance(info, types.ListType | types.VarTupleType):
        return f"a list, each {expected(info.item_type)}"
    if isinstance(info, types.TupleType):
        return f"a list of {len(info.item_types)}, each {expected(info.item_types[0])}"
    return {types.BoolType: "true or false", types.StrType: "text in quotes"}.get(type(info), "a table")


def _bounds(info: types.IntType | types.FloatType) -> str:
    low = info.ge if info.gt is None else info.gt
    high = info.le if info.lt is None else info.lt
    if high is None or high == sys.float_info.max:
        return f" above {low:g}" if info.gt is not None else f" of at least {low:g}"
    if info.gt is not None and info.lt is not None:
        return f" between {low:g} and {high:g}, both excluded"
    if info.gt is not None:
        return f" above {low:g} and at most {high:g}"
    return f" from {low:g} to {'below ' if info.lt is not None else ''}{high if high > 1e6 else f'{high:g}'}"


def toml_value(value: Any) -> str:
    """Write a value as TOML: text, numbers, true and false, lists, inline tables.

    Raises
    ------
    TypeError
        For a value that TOML cannot hold.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)} = {toml_value(item)}" for key, item in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    raise TypeError(f"TOML expects text, numbers, booleans, lists or tables, got {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else toml_value(key)
