"""Damaged files, made from sound ones: what a reader must read or refuse by name, never anything else."""

from __future__ import annotations

import gzip
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from genoml.io import FormatError


def mutations(sound: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged copies, each with a word for what was done; the same for the same seed."""
    draw = random.Random(seed)
    kinds = list(_KINDS.items())
    for number in range(count):
        name, damage = kinds[number % len(kinds)]
        yield f"{number}-{name}", damage(sound, draw)


def refusals(
    read: Callable[[Path], Iterable[Any]],
    folder: Path,
    damaged: Iterable[tuple[str, bytes]],
    *,
    has_lines: bool = True,
) -> int:
    """Read each damaged file to its end; count those refused with a FormatError that names the file and a line.

    Files that are no text have no lines.

    Any other exception goes through to the test.
    """
    refused = 0
    for name, content in damaged:
        path = folder / name
        path.write_bytes(content)
        error = _error_of(read, path)
        if error is not None:
            refused += 1
            assert error.path == str(path), f"{name}: the error names {error.path}"
            assert not has_lines or (error.line or 0) >= 1, (
                f"{name}: the error names line {error.line}: {error}"
            )
            assert "\n" not in str(error), f"{name}: the message is not one line"
    return refused


def _error_of(read: Callable[[Path], Iterable[Any]], path: Path) -> FormatError | None:
    try:
        for _ in read(path):
            pass
    except FormatError as error:
        return error
    return None


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _truncate(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(1, len(data))]


def _flip_bit(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def _replace_byte(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + bytes([draw.choice(b"\x00\x01\x7f\x80\xff\t\r\n \"'-,;:>@+#0")]) + data[at + 1 :]


def _delete_line(data: bytes, draw: random.Random) -> bytes:
    lines = _lines(data)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


def _repeat_line(data: bytes, draw: random.Random) -> bytes:
    lines = _lines(data)
    at = draw.randrange(len(lines))
    return b"".join([*lines[: at + 1], *lines[at:]])


def _swap_lines(data: bytes, draw: random.Random) -> bytes:
    lines = _lines(data)
    a, b = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _cut_line(data: bytes, draw: random.Random) -> bytes:
    lines = _lines(data)
    at = draw.randrange(len(lines))
    lines[at] = lines[at][: draw.randrange(len(lines[at]))] + b"\n"
    return b"".join(lines)


def _insert_bytes(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at:]


def _not_utf8(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + b"\xc3\x28\xa0\xa1" + data[at:]


def _damaged_gzip(data: bytes, draw: random.Random) -> bytes:
    return _truncate(gzip.compress(data, mtime=0), draw)


def _replace_number(data: bytes, draw: random.Random) -> bytes:
    """A number of the file becomes one that no file should have; where there is none, a byte changes."""
    runs = [(is_digit, bytes(run)) for is_digit, run in itertools.groupby(data, lambda byte: 48 <= byte < 58)]
    places = [index for index, (is_digit, _) in enumerate(runs) if is_digit]
    if not places:
        return _replace_byte(data, draw)
    chosen = draw.choice(places)
    wrong = draw.choice(
        [b"-1", b"nan", b"inf", b"1e400", b"2147483648", b"9223372036854775808", b"1.5", b"x", b""]
    )
    return b"".join(wrong if index == chosen else run for index, (_, run) in enumerate(runs))


_KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "truncated": _truncate,
    "bit-flipped": _flip_bit,
    "byte-replaced": _replace_byte,
    "line-deleted": _delete_line,
    "line-repeated": _repeat_line,
    "lines-swapped": _swap_lines,
    "line-cut": _cut_line,
    "bytes-inserted": _insert_bytes,
    "not-utf8": _not_utf8,
    "gzip-truncated": _damaged_gzip,
    "number-replaced": _replace_number,
}
