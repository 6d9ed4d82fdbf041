"""Motifs as logos in notebooks."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from genoml import Motif


def drawn(shown: str) -> ElementTree.Element:
    return ElementTree.fromstring(shown[shown.index("<svg") :])


def test_a_motif_is_a_logo_with_letters_as_high_as_their_share_of_the_bits() -> None:
    motif = Motif("M1", np.array([[1, 0, 0, 0], [0, 0.5, 0, 0.5], [0.25] * 4]), symbol="<F>")
    shown = motif._repr_html_()
    assert shown.startswith("<div>M1 &lt;F&gt;</div>")
    svg = drawn(shown)
    assert svg.attrib["aria-label"].endswith("most probable bases ACA")
    places = [re.findall(r"[-.\d]+", path.attrib["transform"]) for path in svg]
    # column, top, width, height in pixels, 30 a bit: 2 bits of A; C and T share 1 bit; nothing of the last position
    assert [[float(number) for number in place] for place in places] == [
        [0.5, 0, 14, 60],
        [15.5, 45, 14, 15],
        [15.5, 30, 14, 15],
    ]
