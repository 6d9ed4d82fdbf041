"""Chromosome names: the same one is chr1 here and 1 there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean ...?)`` for the known chromosome name that is most like this one; else nothing."""
    names = list(known)
    twins = (name.removeprefix("chr"), f"chr{name}", {"MT": "chrM", "chrM": "MT", "M": "chrM"}.get(name, ""))
    close = [twin for twin in twins if twin in names and twin != name]
    close = close or difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
