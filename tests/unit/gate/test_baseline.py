from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelaudit.core.decisions import DECISIONS, Known
from labelaudit.core.errors import DataError
from labelaudit.gate.baseline import (
    Here,
    ratcheted,
    read_baseline,
    render_baseline,
    renewed,
    with_decisions,
    write_baseline,
)

TITLE = "# labelaudit baseline, version 1\n"
HEADER = TITLE + "content_hash\tgiven_label\tverdict\tlabel\twho\twhen\twhy\tpath\n"


def entries(*known):
    return {each.key: each for each in known}


def here(*suspects, present=()):
    return Here(entries(*suspects), set(present))


A = Known("aa", "cat", "open", path="cat/1.png")
B = Known("bb", "dog", "open", path="dog/2.png")
B_OK = Known("bb", "dog", "ok", who="Ada", when="2026-11-21T10:00:00+00:00", why="a husky", path="dog/2.png")
C_WRONG = Known("cc", "dog", "wrong", "cat", "Ada", "2026-11-21T10:00:00+00:00", "a cat", "dog/3.png")


def test_a_line_for_each_entry_sorted_by_hash(tmp_path):
    write_baseline(tmp_path / "b.tsv", entries(C_WRONG, B_OK, A))
    text = (tmp_path / "b.tsv").read_bytes().decode()
    assert text == HEADER + (
        "aa\tcat\topen\t\t\t\t\tcat/1.png\n"
        "bb\tdog\tok\t\tAda\t2026-11-21T10:00:00+00:00\ta husky\tdog/2.png\n"
        "cc\tdog\twrong\tcat\tAda\t2026-11-21T10:00:00+00:00\ta cat\tdog/3.png\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["b.tsv"]


hashes = st.text("0123456789abcdef", min_size=1, max_size=3)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=30)  # each syncs a file to disk
@given(st.lists(st.builds(Known, hashes, texts, st.sampled_from(DECISIONS), *[texts] * 5), max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory, known):
    path = tmp_path_factory.mktemp("b") / "b.tsv"
    wanted = entries(*known)
    write_baseline(path, wanted)
    assert read_baseline(path) == wanted
    assert render_baseline(read_baseline(path)).encode() == path.read_bytes()


def read(tmp_path, text):
    path = tmp_path / "b.tsv"
    path.write_bytes(text.encode())
    return read_baseline(path)


def test_windows_line_ends_comments_and_cut_off_cells_are_read(tmp_path):
    text = HEADER.replace("\n", "\r\n") + "# checked in May\r\n\r\naa\tcat\topen\r\n"
    assert read(tmp_path, text) == entries(Known("aa", "cat", "open"))


def test_of_two_lines_on_a_sample_the_decision_counts_and_of_two_decisions_the_later(tmp_path):
    later = Known("bb", "dog", "wrong", when="2026-11-22T10:00:00+00:00")
    text = HEADER + "".join(render_baseline(entries(known)).removeprefix(HEADER) for known in (B, later, B_OK))
    assert read(tmp_path, text) == entries(later)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"is no baseline of version 1: it does not begin with '# labelaudit baseline, version 1'\."),
        ("{}\n", r"is no baseline of version 1: it does not begin with"),
        ("# labelaudit baseline, version 2\n", r"it is 'labelaudit baseline, version 2'\."),
        (HEADER + "aa\tcat\tmaybe\n", r"b.tsv: line 3: verdict 'maybe', expected open, ok, wrong\."),
        (HEADER + "aa\tcat\n", r"b.tsv: line 3: 2 columns, expected 8\."),
        (HEADER + "<<<<<<< HEAD\naa\tcat\topen\n=======\n", r"line 3: a merge was not settled, line 5: a merge"),
    ],
)
def test_a_damaged_file_is_named_with_its_lines(text, problem, tmp_path):
    with pytest.raises(DataError, match=problem):
        read(tmp_path, text)


def test_other_bytes_than_utf8_are_an_error(tmp_path):
    (tmp_path / "b.tsv").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"b.tsv: byte 0 is not UTF-8"):
        read_baseline(tmp_path / "b.tsv")


def test_a_folder_that_is_not_there_is_an_error():
    with pytest.raises(DataError, match=r"cannot write .*b.tsv: No such file"):
        write_baseline(Path("/nowhere/b.tsv"), {})


def test_a_new_baseline_holds_the_suspects_and_the_decisions():
    change = renewed({}, here(A, B), entries(B_OK, C_WRONG))
    assert change.entries == entries(A, B_OK, C_WRONG)
    assert (change.added, change.removed, change.decided) == (3, 0, 2)


def test_renewing_adds_new_suspects_keeps_decisions_and_drops_what_is_none_any_more():
    new = Known("dd", "elk", "open")
    change = renewed(entries(A, B_OK), here(new), {})
    assert change.entries == entries(B_OK, new)
    assert (change.added, change.removed, change.decided) == (1, 1, 0)


def test_the_ratchet_only_ever_shrinks():
    new = Known("dd", "elk", "open")
    change = ratcheted(entries(A, B), here(A, new), entries(C_WRONG))
    assert change.entries == entries(A)
    assert (change.added, change.removed, change.decided) == (0, 1, 0)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_the_ratchet_never_adds_an_entry(old, suspects, decided):
    def of(numbers, verdict):
        return entries(*(Known(str(n), "cat", verdict, when="2026") for n in numbers))

    before = of(old, "open")
    change = ratcheted(before, Here(of(suspects, "open"), set()), of(decided, "ok"))
    assert set(change.entries) <= set(before)
    assert {key for key in before if key in of(suspects, "open")} <= set(change.entries)


def test_the_ratchet_takes_decisions_on_old_entries_over():
    change = ratcheted(entries(A, B), here(A, B), entries(B_OK))
    assert change.entries == entries(A, B_OK)
    assert (change.added, change.removed, change.decided) == (0, 0, 1)


def test_what_was_called_right_stays_for_good_and_what_was_called_wrong_until_it_is_corrected():
    old = entries(B_OK, C_WRONG)
    assert ratcheted(old, here(present=[C_WRONG.key]), {}).entries == old
    assert ratcheted(old, here(), {}).entries == entries(B_OK)


def test_a_later_decision_wins_and_an_earlier_one_does_not():
    later = Known("bb", "dog", "wrong", when="2026-11-22T10:00:00+00:00")
    assert with_decisions(entries(B_OK), entries(later)).entries == entries(later)
    assert with_decisions(entries(later), entries(B_OK)).entries == entries(later)
