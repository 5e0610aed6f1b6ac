"""What a stranger wrote is shown in every output, and obeyed in none."""

import json
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelaudit.core import shown

ESC, BIDI = "\x1b]0;x\x07", "\u202egnp.exe"
texts = st.text(st.characters(codec=None), max_size=40)  # halves of surrogate pairs, too


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\x1b[31m", r"cat\x1b[31m"),
        (BIDI, r"\u202egnp.exe"),
        ("a\x9b31m", r"a\x9b31m"),
        ("a\r\nb\tc", "a\\x0d\nb\tc"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("Käse 🐱 猫", "Käse 🐱 猫"),
    ],
)
def test_a_terminal_gets_nothing_that_it_obeys(text, expected):
    assert shown.on_terminal(text) == expected


@pytest.mark.parametrize(
    "text", ["::error::x", "  ::error::x", "a\n\t::set-output name=x::y", "\u3000::error::x", "\x1c::e"]
)
def test_no_line_of_a_log_begins_as_a_command(text):
    assert not any(line.strip().startswith("::") for line in shown.in_log(text).splitlines())


def test_the_old_form_of_a_command_is_broken_wherever_it_stands():
    assert shown.in_log("cat/##[error]x.png: a::b") == "cat/# #[error]x.png: a::b"


@given(texts)
def test_logs_hold_no_command_whatever_was_written(text):
    safe = shown.in_log(text)
    assert "##[" not in safe
    assert not any(line.strip().startswith("::") for line in re.split("[\n]", safe))
    safe.encode()  # can be written


@given(st.dictionaries(texts, texts, max_size=3))
def test_json_means_the_same_and_holds_no_command(value):
    safe = shown.in_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(safe) == value
    assert "##[" not in safe
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", safe)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("[x](http://evil)", " [x"),
        ("http://evil.example", "://"),
        ("WWW.evil.example", "WWW."),
        ("@team", "@t"),
        ("a#12", "#1"),
        ("<img src=x>", " <img"),
        ("&lt;", " &lt"),
        ("a|b\nc", "a|"),
    ],
)
def test_markdown_neither_links_nor_marks_up(text, gone):
    safe = f" {shown.in_markdown(text)}"
    assert gone not in safe
    assert "\n" not in safe


def test_a_page_gets_neither_tags_nor_the_end_of_an_attribute():
    assert shown.in_html("<b a=\"'\x1b") == "&lt;b a=&quot;&#x27;\\x1b"


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1", "'=1"),
        (" +1", "' +1"),
        ("\tx", "'\tx"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ("a; -cmd", "a; '-cmd"),
        ('a,"@x', "a,\"'@x"),
        ("=1|+1", "'=1|'+1"),
    ],
)
def test_no_part_of_a_cell_begins_as_a_formula(cell, safe):
    assert shown.in_cell(cell) == safe


@pytest.mark.parametrize("cell", ["cat/1.png", "a=b", "x-1", "3.5", "a, b"])
def test_common_cells_stay_as_they_are(cell):
    assert shown.in_cell(cell) == cell


@given(st.text(alphabet="=-@;,|'\"\t\n a"))
def test_a_cell_comes_back_as_it_was(text):
    assert shown.out_of_cell(shown.in_cell(text)) == text


def test_a_message_of_sarif_holds_no_link():
    assert shown.in_sarif("[x](http://evil) \x1b") == "\\[x\\](http://evil) \\x1b"


@given(texts)
def test_a_word_of_a_command_stays_one_word(text):
    if "\0" not in text:
        assert shlex.split(shown.in_shell(text)) == [text]
