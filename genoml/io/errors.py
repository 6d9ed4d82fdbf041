"""Errors of the readers: they name file, line, record, the fault and the remedy."""

from __future__ import annotations

from typing import Any

_LONGEST_NAME = 60


class FormatError(ValueError):
    """Raised if a file does not follow its format.

    The message is one line: ``PATH, line N, record NAME: what is wrong; what to do``.

    Attributes
    ----------
    path : str
        The file, or ``"standard input"``.
    line : int or None
        1-based number of the offending line, where there is one.
    record : str or None
        Name of the offending record, where it is known.
    """

    def __init__(
        self, what: str, *, path: str, line: int | None = None, record: str | None = None, fix: str = ""
    ) -> None:
        self.path = path
        self.line = line
        self.record = record
        self._arguments = {"what": what, "path": path, "line": line, "record": record, "fix": fix}
        place = path
        if line is not None:
            place += f", line {line}"
        if record is not None:
            place += f", record {shown(record)}"
        super().__init__(f"{place}: {what}; {fix}" if fix else f"{place}: {what}")

    def __reduce__(self) -> Any:
        # keyword arguments do not survive the default pickling, and errors cross process boundaries
        return _rebuild, (self._arguments,)


class FormatWarning(UserWarning):
    """Warning for a file that may be misread: its encoding is guessed, or its end may be missing."""


def _rebuild(arguments: dict[str, Any]) -> FormatError:
    return FormatError(**arguments)


def first_word(name: str) -> str:
    """The identifier of a record: the first word of its header, ``""`` if there is none."""
    return (name.split(maxsplit=1) or [""])[0]


def shown(text: str) -> str:
    """Text of a file for a message: on one line, shortened, with control characters escaped."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
