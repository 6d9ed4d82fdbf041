"""Write genetic_codes.json from NCBI's gc.prt: ``python make_genetic_codes.py gc.prt > genetic_codes.json``."""

from __future__ import annotations

import json
import re
import sys

_COMMENT = re.compile(r"--.*")
_ENTRY = re.compile(
    r'\{\s*(?P<names>(?:name\s+"[^"]*"\s*,\s*)+)id\s+(?P<id>\d+)\s*,'
    r'\s*ncbieaa\s+"(?P<amino_acids>[A-Z*]{64})"\s*,\s*sncbieaa\s+"(?P<starts>[-M*]{64})"\s*\}'
)


def parse_gc_prt(text: str) -> dict[str, object]:
    """Version and tables of gc.prt; the 64 letters of a table stand for TTT, TTC, TTA, TTG, TCT ... GGG.

    Raises
    ------
    ValueError
        If there is no version or no table, or a table has not the form that is expected.
    """
    version = re.search(r"--\s*Version (\d+\.\d+)", text)
    # a "--" within a quoted string is no comment: those of sncbieaa are the only ones
    lines = [line if '"' in line else _COMMENT.sub("", line) for line in text.splitlines()]
    body = "\n".join(lines)
    entries = list(_ENTRY.finditer(body))
    if version is None or not entries or len(entries) != body.count("sncbieaa"):
        raise ValueError("expects NCBI's gc.prt: a version, and tables of name, id, ncbieaa and sncbieaa")
    tables = []
    for entry in entries:
        quoted = re.findall(r'"([^"]*)"', entry["names"])
        names = [" ".join(part.split()) for text in quoted for part in text.split(";")]
        tables.append(
            {
                "id": int(entry["id"]),
                "names": names,
                "amino_acids": entry["amino_acids"],
                "starts_and_stops": entry["starts"],
            }
        )
    return {"version": version[1], "tables": tables}


def main() -> None:
    """Read the file that is named, write JSON to standard output."""
    with open(sys.argv[1], encoding="ascii") as stream:
        content = parse_gc_prt(stream.read())
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
