"""The tables of docs/configuration.md: ``PYTHONPATH=tests python -m support.configuration_page`` makes them."""

from __future__ import annotations

import re
from pathlib import Path

from genoml.runs import DataSettings
from genoml.runs.config_text import key_table, option_tables

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def page_with_tables(text: str) -> str:
    """The page, its tables made anew."""
    for name, table in (
        ("keys", key_table()),
        ("data", key_table(DataSettings)),
        ("options", option_tables()),
    ):
        pattern = rf"(?s)(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", text)
    return text


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text()))
