from dataclasses import replace

from labelaudit.gate.between import between
from labelaudit.gate.columns import read_columns
from tests.gate_audit import Row, write_rows


def columns(folder, rows):
    folder.mkdir()
    return read_columns(write_rows(folder, rows, classes=("cat", "dog")).findings_path)


def names(samples):
    return [sample.path for sample in samples]


def test_every_suspect_of_both_audits_is_in_one_group(tmp_path):
    before = columns(
        tmp_path / "a",
        [
            Row("stays.png", "cat", 0.1, "dog"),
            Row("mended.png", "cat", 0.2, "dog"),
            Row("cleared.png", "cat", 0.3, "dog"),
            Row("gone.png", "cat", 0.4, "dog"),
            Row("was fine.png", "dog"),
            Row("fine.png", "dog"),
        ],
    )
    after = columns(
        tmp_path / "b",
        [
            Row("fine.png", "dog"),
            Row("stays.png", "cat", 0.15, "dog"),
            Row("mended.png", "dog"),
            Row("cleared.png", "cat"),
            Row("was fine.png", "dog", 0.05, "cat"),
            Row("fresh.png", "dog", 0.01, "cat"),
        ],
    )
    found = between(before, after)
    assert (names(found.remaining), names(found.new), names(found.added)) == (
        ["stays.png"],
        ["was fine.png"],
        ["fresh.png"],
    )
    assert (names(found.relabelled), names(found.cleared), names(found.gone)) == (
        ["mended.png"],
        ["cleared.png"],
        ["gone.png"],
    )
    assert found.fixed == 3
    suspects = len(found.remaining) + len(found.new) + len(found.added)
    assert suspects == int(after.flagged.sum())


def test_a_renamed_sample_is_known_by_its_content(tmp_path):
    before = columns(tmp_path / "a", [Row("old.png", "cat", 0.1, "dog", "h1"), Row("x.png", "dog", content="h2")])
    after = columns(tmp_path / "b", [Row("x.png", "dog", content="h2"), Row("new.png", "cat", 0.2, "dog", "h1")])
    found = between(before, after)
    assert (names(found.remaining), found.fixed, found.added) == (["new.png"], 0, ())


def test_of_twins_the_one_with_the_same_name_is_meant(tmp_path):
    rows = [Row("a.png", "cat", 0.1, "dog", "h"), Row("b.png", "cat", content="h")]
    before = columns(tmp_path / "a", rows)
    after = columns(
        tmp_path / "b", [replace(rows[0], clean_prob=0.9), replace(rows[1], clean_prob=0.1, suggested="dog")]
    )
    found = between(before, after)
    assert (names(found.cleared), names(found.new)) == (["a.png"], ["b.png"])


def test_a_suspect_with_another_label_that_is_a_suspect_again_is_new(tmp_path):
    before = columns(tmp_path / "a", [Row("a.png", "cat", 0.1, "dog"), Row("b.png", "dog")])
    after = columns(tmp_path / "b", [Row("a.png", "dog", 0.1, "cat"), Row("b.png", "dog")])
    found = between(before, after)
    assert (names(found.new), found.remaining, found.fixed) == (["a.png"], (), 0)


def test_an_audit_compared_with_itself_has_its_suspects_remaining(tmp_path):
    same = columns(tmp_path / "a", [Row(f"{k}.png", "cat", 0.1 + k / 10, "dog") for k in range(6)])
    found = between(same, same)
    assert names(found.remaining) == ["0.png", "1.png", "2.png", "3.png"]
    assert (found.fixed, found.new, found.added) == (0, (), ())
