"""Values from a file against declared types; an error names the key's full path, such as ``model_options.filters``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import inspect as types

#: numbers as a message or a file shows them are never longer
_LONGEST = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class SettingError(ValueError):
    """A setting that cannot be; ``key`` is its full path, the message begins with it."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key}: {what}")
        self.key, self.what = key, what

    def __reduce__(self) -> Any:
        return SettingError, (self.key, self.what)


def conform(value: Any, info: types.Type, key: str) -> Any:
    """The value as the type that is declared for it: a whole number for a number becomes a float.

    Parameters
    ----------
    value : object
        From TOML, JSON or Python.
    info : msgspec.inspect.Type
        What is declared: numbers with their bounds, bool, str, Literal, lists, tuples, dicts, Any, or None.
    key : str
        Its path, for messages.

    Raises
    ------
    SettingError
        If it is of another type or out of range; the message says what was expected and what came.
    """
    info = _plain(info)
    if isinstance(info, types.AnyType):
        return value
    if value is None and _allows_none(info):
        return None
    if isinstance(info, types.UnionType):
        return conform(value, _members(info)[0], key)
    if isinstance(info, types.ListType) and isinstance(value, list | tuple):
        return [conform(item, info.item_type, f"{key}[{i}]") for i, item in enumerate(value)]
    if isinstance(info, types.VarTupleType) and isinstance(value, list | tuple):
        return tuple(conform(item, info.item_type, f"{key}[{i}]") for i, item in enumerate(value))
    if isinstance(info, types.TupleType) and isinstance(value, list | tuple):
        if len(value) == len(info.item_types):
            pairs = zip(value, info.item_types, strict=True)
            return tuple(conform(item, own, f"{key}[{i}]") for i, (item, own) in enumerate(pairs))
    elif isinstance(info, types.DictType) and isinstance(value, Mapping):
        return {name: conform(item, info.value_type, f"{key}.{name}") for name, item in value.items()}
    elif _is_scalar(value, info):
        return float(value) if isinstance(info, types.FloatType) else value
    raise SettingError(key, f"expects {expected(info)}, got {toml_value(value, shorten=True)}")


def _plain(info: types.Type) -> types.Type:
    return info.type if isinstance(info, types.Metadata) else info


def _members(info: types.UnionType) -> list[types.Type]:
    return [_plain(member) for member in info.types if not isinstance(member, types.NoneType)]


def _allows_none(info: types.Type) -> bool:
    return isinstance(info, types.UnionType) and any(isinstance(m, types.NoneType) for m in info.types)


def _is_scalar(value: Any, info: types.Type) -> bool:
    if isinstance(info, types.BoolType):
        return isinstance(value, bool)
    if isinstance(info, types.StrType):
        return isinstance(value, str)
    if isinstance(info, types.LiteralType):
        return isinstance(value, str) and value in info.values
    if isinstance(value, bool) or not isinstance(info, types.IntType | types.FloatType):
        return False
    if isinstance(info, types.FloatType):
        if not isinstance(value, int | float) or abs(value) >= 2**1023 or math.isnan(value):
            return False
    elif not isinstance(value, int):
        return False
    return (
        (info.ge is None or value >= info.ge)
        and (info.gt is None or value > info.gt)
        and (info.le is None or value <= info.le)
        and (info.lt is None or value < info.lt)
    )


def expected(info: types.Type) -> str:
    """What a type takes, in words: ``a whole number of at least 1``."""
    info = _plain(info)
    if isinstance(info, types.UnionType):
        return " or ".join(expected(member) for member in _members(info))
    if isinstance(info, types.IntType | types.FloatType):
        return _number(info)
    if isinstance(info, types.LiteralType):
        return "one of " + ", ".join(toml_value(value) for value in info.values)
    if isinstance(info, types.ListType | types.VarTupleType):
        return f"a list, each {expected(info.item_type)}"
    if isinstance(info, types.TupleType):
        return f"a list of {len(info.item_types)}, each {expected(info.item_types[0])}"
    if isinstance(info, types.DictType):
        return "a table"
    return {types.BoolType: "true or false", types.StrType: "text in quotes"}.get(type(info), "a value")


def _number(info: types.IntType | types.FloatType) -> str:
    words = "a whole number" if isinstance(info, types.IntType) else "a number"
    low, high = (info.ge if info.gt is None else info.gt), (info.le if info.lt is None else info.lt)
    if low is not None and high is not None:
        if info.gt is not None and info.lt is not None:
            return f"{words} between {_short(low)} and {_short(high)}, both excluded"
        return f"{words} from {_short(low)} to {'below ' if info.lt is not None else ''}{_short(high)}"
    if low is not None:
        words += f" above {_short(low)}" if info.gt is not None else f" of at least {_short(low)}"
    return words


def _short(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else repr(bound)


def refuse_unknown(keys: Iterable[str], known: Iterable[str], prefix: str = "", of: str = "") -> None:
    """Raise SettingError for the first key that is not known, with the nearest one that is."""
    known = list(known)
    for key in keys:
        if key not in known:
            nearest = get_close_matches(key, known, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
            raise SettingError(f"{prefix}{shown_key(key)}", f"unknown key{of}; {hint}")


# ---------------------------------------------------------------- TOML


def toml_value(value: Any, *, shorten: bool = False) -> str:
    """A value as TOML writes it: text, numbers, true and false, lists, tables (inline).

    Raises
    ------
    TypeError
        For a value that TOML cannot hold (unless it is only to be shown, ``shorten``).
    """
    text = _toml_value(value, shorten)
    return text if not shorten or len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _toml_value(value: Any, lenient: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        # Python refuses to write whole numbers of more than 4,300 digits
        return repr(value) if isinstance(value, float) or abs(value) < 2**64 else "a number of many digits"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml_value(item, lenient) for item in value)}]"
    if isinstance(value, Mapping):
        pairs = [f"{shown_key(key)} = {_toml_value(item, lenient)}" for key, item in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if lenient:
        return "none" if value is None else str(value)
    raise TypeError(f"TOML expects text, numbers, booleans, lists or tables, got {type(value).__name__}")


def shown_key(key: str) -> str:
    """A key as TOML writes it, in quotes where it needs them."""
    return key if _BARE_KEY.fullmatch(key) else _toml_value(key, False)
