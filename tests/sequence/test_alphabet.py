from __future__ import annotations

import numpy as np
import pytest

from genoml.sequence.alphabet import (
    BYTE_TO_CODE,
    CODE_LETTERS,
    COMPLEMENT_CODES,
    ILLEGAL_CODE,
    MEMBERSHIP,
    check_alphabet,
)


def test_codes_stand_in_the_documented_order():
    assert CODE_LETTERS == "ACGTRYSWKMBDHVN"


def test_membership_is_the_iupac_table():
    members = {
        letter: "".join(base for base, is_in in zip("ACGT", MEMBERSHIP[code], strict=True) if is_in)
        for code, letter in enumerate(CODE_LETTERS)
    }
    assert members == {
        "A": "A",
        "C": "C",
        "G": "G",
        "T": "T",
        "R": "AG",
        "Y": "CT",
        "S": "CG",
        "W": "AT",
        "K": "GT",
        "M": "AC",
        "B": "CGT",
        "D": "AGT",
        "H": "ACT",
        "V": "ACG",
        "N": "ACGT",
    }
    assert not MEMBERSHIP[15].any()


def test_complement_of_a_code_has_the_complements_of_its_members():
    np.testing.assert_array_equal(MEMBERSHIP[COMPLEMENT_CODES], MEMBERSHIP[:, ::-1])


def test_complement_is_an_involution():
    np.testing.assert_array_equal(COMPLEMENT_CODES[COMPLEMENT_CODES], np.arange(16))


@pytest.mark.parametrize(
    ("alphabet", "letters"),
    [("DNA", CODE_LETTERS), ("RNA", CODE_LETTERS.replace("T", "U")), ("auto", CODE_LETTERS + "U")],
)
def test_table_takes_the_letters_of_its_alphabet_and_no_other_byte(alphabet, letters):
    taken = {chr(byte) for byte in range(256) if BYTE_TO_CODE[alphabet][byte] != ILLEGAL_CODE}
    assert taken == set(letters + letters.lower())


def test_u_and_t_share_a_code():
    assert {BYTE_TO_CODE["auto"][ord(letter)] for letter in "TtUu"} == {3}


def test_tables_cannot_be_written_to():
    assert not MEMBERSHIP.flags.writeable
    assert not COMPLEMENT_CODES.flags.writeable


def test_unknown_alphabet_is_refused():
    with pytest.raises(ValueError, match=r"alphabet expects one of auto, DNA, RNA, got 'dna'"):
        check_alphabet("dna")
