"""Settings: TOML files of bounded size, and values checked by the msgspec type that declares them.

The message of an error begins with the key's path, as in ``model_options.dropout[1]: expects a number < 1.0``.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from genoml.io.errors import FormatError, shown

_T = TypeVar("_T")

#: kinds of numbers in settings; the largest number is the largest finite one
Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
#: from 0 to below 1
Share = Annotated[float, Meta(ge=0, lt=1)]

#: bytes in a file of settings, at most
_LARGEST = 1 << 16
#: around the hash in the first line of sealed TOML
_SEAL_WORDS = "# sha256 of the lines below: "
_SEAL_END = "; remove this line after an edit\n"
_EMPTY = hashlib.sha256(b"").hexdigest().encode()
#: names with so many dots between them, which Python's TOML reader takes seconds and gigabytes for by the thousand
_DOTTED = re.compile(rb"(?<![^\s.=\[\]{},])(?:[^\s.=\[\]{},]+[ \t]*\.[ \t]*){32}")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
#: msgspec's words, and those of TOML
_WORDS = {
    "Expected": "expects", " | null": "", "`int`": "a whole number", "`float`": "a number", "`str`": "text",
    "`bool`": "true or false", "`array`": "a list", "`object`": "a table", "Invalid enum": "invalid",
    f"<= {sys.float_info.max!r}": "that is finite", f">= -{sys.float_info.max!r}": "that is finite",
}  # fmt: skip


def seal_toml(text: str) -> str:
    """TOML with a comment above it that holds the sha256 of the rest, by which ``read_toml`` notices a change."""
    return f"{_SEAL_WORDS}{hashlib.sha256(text.encode()).hexdigest()}{_SEAL_END}{text}"


def _refuse_changed(content: bytes, path: Path) -> None:
    """Raise FormatError if sealed TOML has changed, or lost its end."""
    head, end, text = content.partition(b"\n")
    words = _SEAL_WORDS.encode()
    if not (head.startswith(words) or words.startswith(content)):
        return
    if head + end != seal_toml("").encode().replace(_EMPTY, hashlib.sha256(text).hexdigest().encode()):
        fix = "restore it, or, if it was edited on purpose, remove its first line"
        raise FormatError("not as it was written, damaged or edited", path=str(path), line=1, fix=fix)


def read_toml(path: Path) -> dict[str, Any]:
    """The values that a TOML file holds, for ``make_settings``.

    Raises
    ------
    FormatError
        If it is not TOML, with the line, larger than 64 KiB, or sealed and not as it was written.
    ValueError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > _LARGEST:
        line = 1 + content.count(b"\n")
        raise FormatError("expects settings of at most 64 KiB, got more", path=str(path), line=line)
    _refuse_changed(content, path)
    if dotted := _DOTTED.search(content):
        line = 1 + content.count(b"\n", 0, dotted.start())
        raise FormatError("not valid TOML (nested too deep)", path=str(path), line=line)
    try:
        return msgspec.toml.decode(content, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        # also tables or lists within each other by the thousand, and numbers of thousands of digits
        place = _AT_LINE.search(str(error))
        line = int(place[1]) if place and place[1] else 1 + content.count(b"\n")
        why = "nested too deep" if isinstance(error, RecursionError) else _AT_LINE.sub("", str(error))
        raise FormatError(f"not valid TOML ({shown(why)})", path=str(path), line=line) from error


def settings_error(path: Path, error: ValueError) -> FormatError:
    """The FormatError for a message that begins with a key's path, with the first line that has the key."""
    words = re.split(r"[.\[\]:]+", str(error).split(": ")[0])
    lines = path.read_text("utf-8", "replace").split("\n")
    for word in filter(None, reversed(words)):
        key = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        found = [number for number, line in enumerate(lines, 1) if key.search(line.split("#")[0])]
        if found:
            return FormatError(str(error), path=str(path), line=found[0])
    return FormatError(str(error), path=str(path), line=1)


@cache
def _types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Type of each field; msgspec evaluates the annotations each time that it is asked."""
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def check_fields(settings: msgspec.Struct, path: str = "") -> None:
    """Check and convert each field of settings that were made in Python, as msgspec does with those that it reads."""
    for name, kind in _types(type(settings)).items():
        msgspec.structs.force_setattr(
            settings, name, make_settings(getattr(settings, name), kind, path + name)
        )


def make_settings(values: Any, type: type[_T], place: str = "", of: str = "") -> _T:
    """Values by key as the Struct that declares them; or one value as its type.

    Parameters
    ----------
    values : mapping
        From TOML, JSON or Python.
    type : type
        What is declared.
    place : str
        What holds the values, for messages: ``model_options`` gives ``model_options.filters: expects ...``.
    of : str
        What the keys belong to, for messages on unknown ones: ``" of model basset"``.

    Raises
    ------
    ValueError
        If a key is unknown, or a value of another type or out of range; the message begins with the key's path.
    """
    try:
        return msgspec.convert(values, type)
    except msgspec.ValidationError as error:
        raise ValueError(_plain_words(error, type, place, of)) from error


def _plain_words(error: msgspec.ValidationError, type: Any, place: str = "", of: str = "") -> str:
    """msgspec's message with the key's path first, the nearest known name for an unknown key, and in words."""
    what, _, path = str(error).partition(" - at `$")
    key = (place + path.rstrip("`")).removeprefix(".")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown:
        inner = _declared(type, path.rstrip("`"))
        key = f"{key}.{shown(unknown[1])}".removeprefix(".")
        return f"{key}: unknown key{of}; {_nearest(unknown[1], getattr(inner, '__struct_fields__', ()))}"
    if what.startswith("Invalid enum"):
        within, _, last = path.rstrip("`").rpartition(".")
        what += f", expects {' or '.join(_choices(_declared(type, within), last))}"
    for words, plain in _WORDS.items():
        what = what.replace(words, plain)
    return f"{key}: {what}" if key else what


def _declared(type: Any, path: str) -> Any:
    """The type of what is at a path of names within a Struct."""
    for name in filter(None, path.split(".")):
        declared = _types(type).get(name.partition("[")[0])
        if "[" in name:  # an item of a list
            declared = get_args(declared)[0]
        type = getattr(declared, "__origin__", declared)
    return type


def _nearest(name: str, known: Iterable[str]) -> str:
    """The hint for a name that is not known: the nearest one that is, or all of them."""
    found = get_close_matches(name, known, 1)
    return f"did you mean {found[0]}?" if found else f"there are {', '.join(known)}"


def _choices(type: Any, key: str) -> list[str]:
    """The values of a Literal, or of the Struct's field that is one, in quotes."""
    if hasattr(type, "__struct_fields__"):
        type = _types(type)[key]
    info: Any = msgspec.inspect.type_info(type)
    while isinstance(info, msgspec.inspect.Metadata | msgspec.inspect.UnionType):  # one that may be left out
        info = info.type if isinstance(info, msgspec.inspect.Metadata) else info.types[0]
    return [f"'{value}'" for value in info.values] if isinstance(info, msgspec.inspect.LiteralType) else []
