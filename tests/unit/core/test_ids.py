r"""Ids of files: any name becomes text that tables hold, no two names one id, and the name is found again."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelaudit.core.ids import id_of, ids_of, name_of, unicode_of

names = st.binary(max_size=12).map(lambda data: os.fsdecode(data))
likely = st.text(alphabet=["\\", "x", "0", "f", "\udcff", "\udc80", "\n", "a", "u", "é"], max_size=9)


@pytest.mark.parametrize("name", ["cat/1.png", "Käse/猫.jpg", "a b.png", r"a\b.png", "100%.png", "-x", "~"])
def test_common_names_are_their_own_ids(name):
    assert id_of(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        (r"caf\xe9.png", r"caf\\xe9.png"),
        ("a\nb", r"a\x0ab"),
        ("\\\udcff", r"\\\xff"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_what_is_no_text_is_spelled_out(name, expected):
    assert id_of(name) == expected
    assert name_of(expected) == name


@given(names | likely)
def test_every_name_is_found_again(name):
    spelled = id_of(name)
    spelled.encode("utf-8")
    assert name_of(spelled) == name


@given(st.lists(names | likely, max_size=6))
def test_many_at_once_are_as_one_by_one(several):
    assert ids_of(several) == tuple(map(id_of, several))


@given(st.text(st.characters(codec=None)))
def test_words_of_people_can_be_written(text):
    unicode_of(text).encode("utf-8")
