"""The table of restriction enzymes is REBASE's, as Biopython has it."""

from __future__ import annotations

import pytest
from Bio import Restriction

from genoml.design import ENZYMES
from genoml.design.enzymes import site_of


@pytest.mark.parametrize("name", sorted(set(ENZYMES) - {"I-SceI"}))  # Biopython has no homing enzymes
def test_the_site_is_that_of_rebase(name: str) -> None:
    assert ENZYMES[name] == getattr(Restriction, name).site


def test_names_are_found_in_any_case() -> None:
    assert site_of("ecori") == site_of("EcoRI") == "GAATTC"


def test_the_nearest_names_are_told() -> None:
    with pytest.raises(ValueError, match="no enzyme is named 'EcoRJ'; did you mean EcoRV or EcoRI"):
        site_of("EcoRJ")
