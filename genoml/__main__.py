"""``python -m genoml`` is the command ``genoml``."""

from genoml.cli import main

main()
