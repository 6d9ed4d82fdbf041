from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.sequence import back_transcribe, transcribe


@settings(max_examples=30)
@given(st.text("ACGTNRacgtnr"))
def test_back_transcription_undoes_transcription(sequence):
    rna = transcribe(sequence)
    assert not set("Tt") & set(rna)
    assert back_transcribe(rna) == sequence
    assert transcribe(rna) == rna
    assert transcribe(sequence.encode()) == rna.encode()


def test_case_and_ambiguous_letters_are_kept():
    assert transcribe("ATGtnY") == "AUGunY"
    assert transcribe(["AT", "CC"]) == ["AU", "CC"]
    assert back_transcribe((b"AU",)) == [b"AT"]


@pytest.mark.parametrize("function", [transcribe, back_transcribe])
def test_what_is_neither_dna_nor_rna_is_refused(function):
    with pytest.raises(ValueError, match="sequence 1 has both T and U"):
        function(["A", "TU"])
    with pytest.raises(ValueError, match="letter 'E' at position 1"):
        function("AE")
    with pytest.raises(
        TypeError, match=f"{function.__name__} expects str, bytes or a list of them, got ndarray"
    ):
        function(np.zeros(3, np.uint8))
