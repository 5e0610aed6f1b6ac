"""The review page in a real browser, by keyboard and mouse."""

import json

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.decisions import read_decisions
from labelaudit.functional.images import hash_content
from tests.gate_audit import Row, write_pictures, write_rows
from tests.review_desk import write_audit

pytestmark = pytest.mark.slow  # a browser and a server of its own each

SURE = {"noise_interval": [0.30, 0.31]}  # no questions are offered


def many(n, *, classes=("cat", "dog", "cow")):
    """Suspects of every pair of classes."""
    return [
        Row(f"{classes[at % 3]}/{at:04d}.png", classes[at % 3], 0.01 + 0.4 * at / n, classes[(at // 3 + at + 1) % 3])
        if classes[at % 3] != classes[(at // 3 + at + 1) % 3]
        else Row(f"{classes[at % 3]}/{at:04d}.png", classes[at % 3], 0.01 + 0.4 * at / n, classes[(at + 1) % 3])
        for at in range(n)
    ]


def lines_of(audit):
    return [json.loads(line) for line in audit.decisions_path.read_text().splitlines()]


def test_two_hundred_suspects_are_decided_by_keyboard_within_a_minute(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(210), results=SURE)
    tab = visit(serve())
    assert "token" not in tab.page.url
    keys = ["a", "k", "a", "m", "d"]
    expected = {"a": "wrong", "k": "ok", "m": "open", "d": "wrong"}
    for at in range(200):
        assert tab.row() == at
        tab.press(keys[at % 5])
        assert len(lines_of(audit)) == at + 1  # on disk before the next one is shown
    assert 0 < tab.page.evaluate("tookMs") < 60_000
    assert [line["verdict"] for line in lines_of(audit)] == [expected[keys[at % 5]] for at in range(200)]
    assert tab.text("#counts").startswith("200 of 210 suspects looked at")
    assert tab.problems == []


def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(30), results=SURE)
    server = serve()
    tab = visit(server)
    for _ in range(7):
        tab.press("k")
    server.kill()
    tab.page.keyboard.press("k")
    tab.page.wait_for_selector("#toast.wrong.on")
    assert "still running" in tab.text("#toast")
    assert tab.row() == 7  # what was not recorded is not passed over
    assert len(read_decisions(audit).known) == 7
    again = visit(serve())
    assert again.row() == 7
    again.press("u")  # also what was done before
    assert again.row() == 6
    assert len(read_decisions(audit).known) == 6
    assert again.problems == []


def test_two_tabs_share_the_work(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(40), results=SURE)
    server = serve()
    one = visit(server)
    two = visit(server, beside=one)
    seen = set()
    for _ in range(10):
        for tab in (one, two):
            seen.add(tab.row())
            tab.press("k")
    assert len(seen) == len(read_decisions(audit).known) == 20
    one.page.goto("about:blank")  # what it had before it is free again
    for _ in range(20):
        two.press("a")
    assert len(read_decisions(audit).known) == 40
    assert two.problems == []


def test_hostile_names_are_shown_and_do_nothing(tmp_path, serve, visit):
    classes = [
        "<script>document.title='owned'</script>",
        '<img src=x onerror="alert(1)">',
        "a'b\"c`d",
        "new\nline",
        "😀😀",
        "../../etc",
        "\u202etxt.exe",
        "x" * 300,
        *(f"class {number:05d}" for number in range(10_000)),
    ]
    paths = [
        "<script>alert(2)</script>.png",
        "quote\"'.png",
        "new\nline.png",
        "😀.png",
        "\u202egnp.exe.png",
        "y" * 200 + ".png",
    ]
    rows = [Row(f"c{at}/{path}", classes[at], 0.1 + at / 100, classes[at + 1]) for at, path in enumerate(paths)]
    rows = write_pictures(tmp_path / "photos", [*rows, Row("c9/wide.png", classes[7], 0.01, classes[0])])
    wide = tmp_path / "photos" / "c9" / "wide.png"
    Image.new("RGB", (20_000, 300), "teal").save(wide)
    rows[-1] = Row("c9/wide.png", classes[7], 0.01, classes[0], hash_content(wide.read_bytes()))
    audit = write_rows(tmp_path, rows, classes=classes, results=SURE)
    tab = visit(serve())
    tab.wait("document.querySelector('.picture')?.naturalWidth > 0")
    assert tab.page.evaluate("document.querySelector('.picture').naturalWidth") == 1600
    shown = []
    for _ in range(len(rows)):
        shown.append(tab.text("#labels"))
        tab.press("a")
    assert "<script>document.title='owned'</script>" in shown[0]
    assert any("new⏎line" in text for text in shown)
    assert any("[U+202E]txt.exe" in text for text in shown)
    tab.page.keyboard.press("ArrowLeft")
    tab.page.keyboard.press("c")
    tab.page.keyboard.type("class 09999")
    assert tab.page.locator("#chooser-list li").all_inner_texts() == ["class 09999"]
    tab.press("Enter")
    assert lines_of(audit)[-1]["label"] == "class 09999"
    tab.page.keyboard.press("g")
    tab.page.wait_for_selector("#grid:not([hidden])")
    assert tab.page.evaluate("document.title") == "photos: labelaudit review"
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.problems == []


def test_another_class_back_and_undo(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(12), results=SURE)
    tab = visit(serve())
    tab.wait("document.body.dataset.seen")
    tab.page.keyboard.press("c")
    tab.page.keyboard.type("co")
    tab.page.wait_for_selector("#chooser-list li[aria-selected=true]")
    tab.press("Enter")
    assert (lines_of(audit)[-1]["label"], tab.row()) == ("cow", 1)
    tab.press("ArrowRight")  # skipped
    tab.press("ArrowLeft")
    tab.press("ArrowLeft")
    assert tab.row() == 0
    assert "You said: it is cow." in tab.text("#labels")
    tab.press("k")  # said otherwise
    assert (lines_of(audit)[-1]["verdict"], tab.row()) == ("ok", 1)
    tab.press("u")
    assert (lines_of(audit)[-1]["label"], tab.row()) == ("cow", 0)
    tab.press("u")
    assert read_decisions(audit).known == {}
    assert tab.problems == []


def test_where_nobody_is_accused_the_page_says_that_it_is_a_ranking(tmp_path, serve, visit):
    write_audit(tmp_path, [Row(f"cat/{at}.png", "cat", 0.9 + at / 200) for at in range(9)], results=SURE)
    tab = visit(serve())
    tab.wait("document.body.innerText.includes('There are no suspects')")
    tab.page.keyboard.press("Enter")
    tab.wait("document.body.dataset.seen")
    assert tab.row() == 0
    assert tab.problems == []


def test_a_note_goes_with_the_decision_and_comes_back_with_undo(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(12), results=SURE)
    tab = visit(serve())
    tab.wait("document.body.dataset.seen")
    tab.page.keyboard.press("n")
    tab.page.keyboard.type("a <b>husky</b>")
    tab.page.keyboard.press("Enter")
    tab.wait("document.querySelector('#labels .said') !== null")
    assert "Your note, with the next decision: a <b>husky</b>" in tab.text("#labels")
    tab.press("a")
    assert (lines_of(audit)[-1]["why"], tab.row()) == ("a <b>husky</b>", 1)
    tab.press("k")  # it went with one decision only
    assert lines_of(audit)[-1]["why"] == "looked at on the review page"
    tab.press("u")
    tab.press("u")
    assert "a <b>husky</b>" in tab.text("#labels")
    tab.press("k")
    assert [lines_of(audit)[-1][name] for name in ("verdict", "why")] == ["ok", "a <b>husky</b>"]
    tab.press("ArrowLeft")
    assert "You said: the label is right (a <b>husky</b>)." in tab.text("#labels")
    tab.page.keyboard.press("g")
    tab.wait("document.querySelectorAll('.tile').length > 1")
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("Shift+ArrowRight")
    tab.page.keyboard.press("n")
    tab.page.keyboard.type("both")
    tab.page.keyboard.press("Enter")
    assert "both" in tab.text("#grid-note")
    tab.press("k")
    assert [line["why"] for line in lines_of(audit)[-2:]] == ["both", "both"]
    assert tab.text("#grid-note") == ""
    assert tab.problems == []


def test_a_class_that_there_was_not_is_asked_about_once(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(40), results=SURE)
    server = serve()
    tab = visit(server)
    tab.wait("document.body.dataset.seen")
    tab.page.keyboard.press("c")
    tab.page.keyboard.type("Cat")  # in other letters it is the same
    assert tab.page.locator("#chooser-list li").all_inner_texts() == ["cat"]
    tab.page.fill("#chooser-input", "ca")
    assert tab.page.locator("#chooser-list li").all_inner_texts() == ["cat", "New class: ca"]
    tab.page.fill("#chooser-input", "elk")
    tab.page.keyboard.press("Enter")
    assert "There is no class elk yet" in tab.text("#chooser-none")
    assert not audit.decisions_path.exists()
    tab.press("Enter")
    assert (lines_of(audit)[-1]["label"], tab.row()) == ("elk", 1)
    tab.page.keyboard.press("c")  # from now on it is one like the others
    tab.page.keyboard.type("el")
    assert tab.page.locator("#chooser-list li").all_inner_texts() == ["elk", "New class: el"]
    tab.page.keyboard.press("Escape")
    beside = visit(server, beside=tab)
    beside.wait("document.body.dataset.seen")
    beside.page.keyboard.press("c")
    beside.page.keyboard.type("elk")
    assert beside.page.locator("#chooser-list li").all_inner_texts() == ["elk"]
    tab.press("u")
    tab.page.keyboard.press("c")
    tab.page.keyboard.type("elk")
    assert tab.page.locator("#chooser-list li").all_inner_texts() == ["New class: elk"]
    assert tab.problems == []


def test_a_click_does_what_its_key_does(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(6), results=SURE)
    tab = visit(serve())
    for selector in (".label.suggested", ".label.given", "#actions button:has-text('Drop it')"):
        tab.wait("document.body.dataset.seen && !document.body.dataset.busy")
        row = tab.row()
        tab.page.click(selector)
        tab.wait(f"document.body.dataset.row !== '{row}'")
    assert [(line["verdict"], line.get("kind")) for line in lines_of(audit)] == [
        ("wrong", None),
        ("ok", None),
        ("wrong", "drop"),
    ]
    tab.press("k")  # the button that was clicked does not take the key
    assert len(lines_of(audit)) == 4
    assert tab.problems == []


def test_a_held_key_decides_once(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(6), results=SURE)
    tab = visit(serve())
    tab.wait("document.body.dataset.seen")
    tab.page.keyboard.down("k")
    for _ in range(5):
        tab.page.keyboard.down("k")  # as a keyboard repeats
    tab.page.keyboard.up("k")
    tab.wait("document.body.dataset.row === '1'")
    assert len(lines_of(audit)) == 1


def test_many_are_decided_at_once_in_the_grid(tmp_path, serve, visit):
    audit = write_audit(tmp_path, [Row(f"cat/{at:03d}.png", "cat", 0.1, "dog") for at in range(150)], results=SURE)
    tab = visit(serve())
    tab.page.keyboard.press("g")
    tab.wait("document.querySelectorAll('.tile').length === 60")
    assert tab.text("#grid-title") == "cat → dog"
    tab.page.keyboard.press("a")
    assert "Select some first" in tab.text("#toast")
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("Shift+ArrowRight")
    tab.page.keyboard.press("Shift+ArrowRight")
    assert tab.text("#grid-count") == "3 selected, 150 samples left"
    tab.press("k")
    tab.wait("document.querySelectorAll('.tile').length === 57")
    tab.page.keyboard.press("e")
    tab.press("a")
    tab.wait("document.querySelectorAll('.tile').length === 60")
    assert [line["verdict"] for line in lines_of(audit)] == ["ok"] * 3 + ["wrong"] * 57
    assert len({line["batch"] for line in lines_of(audit)}) == 2
    tab.press("u")
    assert len(read_decisions(audit).known) == 3
    assert tab.problems == []


def test_an_unsure_audit_offers_questions_and_records_them_as_drawn(tmp_path, serve, visit):
    rows = [Row(f"cat/{at:03d}.png", "cat", float(p), "dog") for at, p in enumerate(np.linspace(0.02, 0.98, 80))]
    audit = write_audit(tmp_path, rows, results={"noise_interval": [0.05, 0.6]})
    tab = visit(serve())
    tab.page.wait_for_selector("#offer:not([hidden])")
    assert "30 questions about samples drawn by lot" in tab.text("#offer")
    tab.press("q")
    assert "%" not in tab.text("#labels")  # what the audit thinks would sway the answer
    for _ in range(30):
        tab.press("k")
    assert all(0 < line["asked"] < 1 for line in lines_of(audit))
    assert len(read_decisions(audit).asked) == 30
    tab.wait("Number(document.getElementById('counts').textContent.match(/noise ([0-9.]+)/)[1]) < 30")
    for _ in range(20):  # the figures follow the answers a moment later
        if "questions answered" in tab.text("#stage"):
            break
        tab.page.wait_for_timeout(200)
        tab.press("s")
    assert "questions answered" in tab.text("#stage")
    assert tab.page.is_hidden("#offer")
    assert tab.problems == []


def test_people_see_each_others_decisions_only_after_their_own(tmp_path, serve, visit):
    audit = write_audit(tmp_path, many(5), results=SURE)
    server = serve()
    ann = visit(server)
    for _ in range(2):
        ann.press("k")
    ben = visit(server)
    ben.page.click("#who")
    ben.page.fill("#asker-input", "Ben")
    ben.page.click("#asker button")
    ben.wait("document.getElementById('who').textContent.includes('Ben')")
    ben.page.select_option("#order", "second")
    ben.wait("document.body.dataset.row === '0'")
    assert "Ann" not in ben.text("#labels")
    ben.press("a")
    ben.press("ArrowLeft")
    assert "Ann: the label is right." in ben.text("#labels")
    assert {line["who"] for line in lines_of(audit)} == {"Ann", "Ben"}
    assert ben.problems == []


def test_orders_that_are_chosen_in_haste_begin_with_their_first_sample(tmp_path, serve, visit):
    write_audit(tmp_path, many(12), results=SURE)
    tab = visit(serve())
    tab.wait("document.body.dataset.seen")
    choose = """(names) => names.forEach((name) => {
      document.getElementById("order").value = name;
      document.getElementById("order").dispatchEvent(new Event("change"));
    })"""
    for _ in range(3):
        tab.page.evaluate(choose, ["pair", "class", "suspicion"])
        tab.page.wait_for_timeout(300)
        tab.wait("document.body.dataset.seen")
        assert tab.row() == 0
    assert tab.problems == []


def test_the_end_says_so_and_goes_on_with_the_rest(tmp_path, serve, visit):
    audit = write_audit(tmp_path, [*many(3), Row("cat/right.png", "cat", 0.9, "dog")], results=SURE)
    tab = visit(serve())
    for key in ("k", "s", "k"):
        tab.press(key)
    assert "Those that were skipped (1)" in tab.text("#stage")
    tab.press("Enter")
    tab.press("k")
    assert len(read_decisions(audit).known) == 3
    assert tab.problems == []


def test_the_button_takes_the_other_colours_whatever_the_screen_asks_for(tmp_path, serve, visit):
    write_audit(tmp_path, many(5), results=SURE)
    tab = visit(serve(), color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.page.evaluate(ground) == "rgb(19, 19, 21)"
    tab.page.click("#theme")
    assert tab.page.evaluate(ground) == "rgb(244, 244, 242)"
    tab.page.reload()
    tab.page.wait_for_selector("[data-seen]")
    assert tab.page.evaluate(ground) == "rgb(244, 244, 242)"  # remembered
    tab.page.click("#theme")
    assert tab.page.evaluate(ground) == "rgb(19, 19, 21)"
    assert tab.problems == []
