from labelaudit.lab.review_cost import Spent, by_grid, letters_of, one_by_one, row_by_row, table
from tests.gate_audit import Row
from tests.review_desk import ROWS, open_desk, write_audit

MENDED = {
    "cat/1.png": "dog",
    "cat/2.png": "dog",
    "dog/3.png": "cow",
    "dog/4.png": "dog",
    "cow/5.png": "cow",
    "cow/6.png": "dog",
}


def total(steps):
    return sum(steps, Spent())


def test_one_key_decides_and_going_on_behind_the_suspects_costs_one_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_desk(write_audit(tmp_path)) as desk:
        steps = list(one_by_one(desk, MENDED))
    # cow for dog/3.png is not offered: C, two letters ("c" is cat), Enter
    assert [(step.looks, step.strokes, step.mended) for step in steps] == [
        (1, 1, 1),
        (1, 1, 1),
        (1, 4, 1),
        (1, 1, 0),
        (0, 1, 0),
        (1, 1, 0),
        (1, 1, 1),
    ]


def test_the_grid_selects_the_fewer_and_decides_the_largest_group_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row(f"cat/{at:02d}.png", "cat", 0.1, "dog") for at in range(10)] + [ROWS[4]]
    truth = {row.path: "dog" for row in rows} | {"cat/03.png": "cat", "cow/5.png": "cow"}
    with open_desk(write_audit(tmp_path, rows)) as desk:
        steps = list(by_grid(desk, truth))
    # G; the pair; all but one: E, a click, A; the last one: a click, K; then Enter and K for what is no suspect
    assert [step.strokes for step in steps if step.strokes] == [1, 2, 3, 2, 1, 1]
    assert total(steps) == Spent(looks=11, strokes=10, mended=9)


def test_a_row_of_the_sheet_costs_opening_closing_the_word_and_enter():
    sheet = [
        {"sample_id": "a", "given_label": "cat", "suggested_label": "dog"},
        {"sample_id": "b", "given_label": "cat", "suggested_label": "dog"},
        {"sample_id": "c", "given_label": "cat", "suggested_label": "dog"},
    ]
    truth = {"a": "cat", "b": "dog", "c": "cow"}
    short = list(row_by_row(sheet, truth, is_completed=True))
    full = list(row_by_row(sheet, truth, is_completed=False))
    assert [step.strokes for step in short] == [4, 4, 6]  # Tab, two letters of cow
    assert [step.strokes for step in full] == [3 + len("ok"), 3 + len("accept"), 3 + 1 + len("cow")]
    assert total(short).mended == 2


def test_a_way_that_ends_too_early_says_where():
    steps = [Spent(), Spent(5, 5, 5), Spent(9, 12, 8)]
    assert "| page | 5, 5 | 9, 12 | ends at 80.0% | 1.5 |" in table({"page": steps}, 10)


def test_letters_are_counted_until_a_class_is_the_first_that_begins_so():
    classes = ["automobile", "airplane", "cat", "catfish"]
    assert [letters_of(name, classes) for name in classes] == [1, 2, 1, 4]
