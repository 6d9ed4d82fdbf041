from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from genoml.io import FormatError
from genoml.io.settings import Count, NotNegative, Positive, Share, make_settings, read_toml, seal_toml


class Own(msgspec.Struct, forbid_unknown_fields=True):
    filters: Count = 1
    rate: Positive = 1.0
    decay: NotNegative = 0.0
    dropout: tuple[Share, Share] = (0.0, 0.0)
    kind: Annotated[Literal["max", "mean"], msgspec.Meta(description="of pooling")] = "max"
    depth: Count | None = None


def test_values_become_the_struct_that_declares_them() -> None:
    found = make_settings({"filters": 3, "rate": 2, "dropout": [0, 0.5], "depth": None}, Own)
    assert found == Own(filters=3, rate=2.0, dropout=(0.0, 0.5))
    assert isinstance(found.rate, float)
    assert make_settings(3, Count, "epochs") == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"filters": 0}, "own.filters: expects a whole number >= 1"),
        ({"filters": True}, "own.filters: expects a whole number, got true or false"),
        ({"filters": 1.0}, "own.filters: expects a whole number, got a number"),
        ({"rate": 10**400}, "own.rate: Number out of range"),
        ({"rate": float("inf")}, "own.rate: expects a number that is finite"),
        ({"rate": float("nan")}, "own.rate: expects a number > 0.0"),
        ({"decay": -1}, "own.decay: expects a number >= 0.0"),
        ({"dropout": [0, 1]}, "own.dropout[1]: expects a number < 1.0"),
        ({"dropout": [0]}, "own.dropout: expects a list of length 2, got 1"),
        ({"kind": "sum"}, "own.kind: invalid value 'sum', expects 'max' or 'mean'"),
        ({"depth": "x"}, "own.depth: expects a whole number, got text"),
        ({"filter": 1}, "own.filter: unknown key of model x; did you mean filters?"),
        (
            {"a\nb": 1},
            "own.a\\nb: unknown key of model x; there are filters, rate, decay, dropout, kind, depth",
        ),
        (3, "own: expects a table, got a whole number"),
    ],
)
def test_what_cannot_be_is_refused_by_the_path_of_its_key(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make_settings(values, Own, "own", of=" of model x")


def test_a_value_alone_is_refused_by_its_key() -> None:
    with pytest.raises(ValueError, match=r"^epochs: expects a whole number >= 1$"):
        make_settings(0, Count, "epochs")
    for kind in (Literal["a", "b"], Literal["a", "b"] | None):
        with pytest.raises(ValueError, match=r"^kind: invalid value 'c', expects 'a' or 'b'$"):
            make_settings("c", kind, "kind")


def test_a_file_is_read_as_it_is_and_its_faults_name_it(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('a = 1\n[b]\nc = ["x"]\n')
    assert read_toml(path) == {"a": 1, "b": {"c": ["x"]}}
    for text, what in (
        (b"a = 1\nb 2\n", "line 2: not valid TOML"),
        (b"a = 1\na = 2\n", "line 2: not valid TOML"),
        (b"\xff", "not valid TOML ('utf-8' codec"),
        (b"a = " + b"[" * 9999, "not valid TOML (nested too deep)"),
        (b"#" * 65537, "at most 64 KiB"),
    ):
        path.write_bytes(text)
        with pytest.raises(FormatError, match=re.escape(what)) as caught:
            read_toml(path)
        assert caught.value.path == str(path)
    with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
        read_toml(tmp_path / "none.toml")


def test_every_cut_and_changed_letter_of_sealed_settings_that_counts_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    sealed = seal_toml("a = 1\nb = 2\n").encode()
    path.write_bytes(sealed)
    assert read_toml(path) == {"a": 1, "b": 2}
    for at in range(len(sealed)):
        path.write_bytes(sealed[:at])
        with pytest.raises(FormatError):
            read_toml(path)
        path.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with suppress(FormatError):  # nothing is noticed of the words around the hash
            assert read_toml(path) == {"a": 1, "b": 2}
    path.write_bytes(sealed.partition(b"\n")[2].replace(b"1", b"7"))  # edited, and its first line removed
    assert read_toml(path) == {"a": 7, "b": 2}


def test_names_with_thousands_of_dots_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "dots.toml"
    for line in (
        "a" + ".a" * 29_000 + " = 1",
        "[" + "a . " * 9_000 + "a]",
        "x = {" + "a." * 9_000 + "a = 1}",
    ):
        path.write_text(line)
        begun = time.perf_counter()
        with pytest.raises(FormatError, match="nested too deep"):
            read_toml(path)
        assert time.perf_counter() - begun < 1.0
