"""``python -m tests.proof``, from the repository's root."""

import sys
from pathlib import Path

# as pytest does: the registries are top-level packages of tests/
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from proof.command import main

sys.exit(main())
