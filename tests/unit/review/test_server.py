import io
import json

import pytest
from PIL import Image

from labelaudit.core.decisions import read_decisions
from tests.gate_audit import Row, write_pictures, write_rows
from tests.review_desk import HOME, TAB, open_page, rows_of, write_audit


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_page(write_audit(tmp_path)) as page:
        yield page.enter()


def test_the_page_comes_with_all_that_it_names(page):
    index = page.client.get("/").text
    for name in ("main.js", "page.css", "icon.svg"):
        assert f"/page/{name}" in index
        assert page.client.get(f"/page/{name}").status_code == 200
    script = page.client.get("/page/main.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for name in {part.split('"')[0] for part in script.text.split('from "./')[1:]}:
        assert page.client.get(f"/page/{name}").status_code == 200, name


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/%2e%2e%2fserver.py",
        "/page/..%5cserver.py",
        "/page//etc/passwd",
        "/page/index.html",
        "/picture/..%2f..%2fetc%2fpasswd/large",
        "/picture/0/..%2flarge",
        "/picture/0/huge",
        "/picture/-1/large",
        "/picture/6/large",
        "/picture/99999999999999999999/large",
    ],
)
def test_nothing_but_listed_files_and_samples_is_served(page, path):
    assert page.client.get(path).status_code == 404


def test_suspects_come_worst_first_then_the_rest(page):
    first = page.get("queue", n=4)
    assert rows_of(first) == [0, 1, 2, 3]
    assert [item["is_suspect"] for item in first["items"]] == [True] * 4
    rest = page.get("queue", n=4, after=first["after"])
    assert (rows_of(rest), rest["left"]) == ([4, 5], 6)
    item = first["items"][0]
    assert (item["given"], item["suggested"], item["clean_prob"], item["rank"]) == ("cat", "dog", 0.02, 1)


def test_a_pair_and_a_class_can_be_asked_for(page):
    assert rows_of(page.get("queue", order="pair", given="cat", suggested="dog")) == [0, 1]
    assert rows_of(page.get("grid", order="class", given="dog")) == [2, 3]
    pairs = [(p["given"], p["suggested"], p["suspects"], p["open"]) for p in page.get("state")["pairs"]]
    assert pairs == [("cat", "dog", 2, 2), ("dog", "cat", 1, 1), ("dog", "cow", 1, 1)]


@pytest.mark.parametrize(
    ("choice", "label", "verdict", "right", "kind"),
    [
        ("accept", None, "wrong", "dog", ""),
        ("keep", None, "ok", "", ""),
        ("label", "cow", "wrong", "cow", ""),
        ("label", "cat", "ok", "", ""),  # the given one
        ("ambiguous", None, "open", "", "ambiguous"),
        ("drop", None, "wrong", "", "drop"),
    ],
)
def test_a_decision_is_on_disk_when_it_is_answered(page, choice, label, verdict, right, kind):
    item = page.get("queue", n=1)["items"][0]
    answer = page.decide(item, choice, label=label)
    assert (answer["status"], answer["recorded"], answer["conflicts"]) == (200, [0], [])
    (line,) = page.desk.audit.decisions_path.read_text().splitlines()
    written = json.loads(line)
    assert (written["verdict"], written["label"], written.get("kind", "")) == (verdict, right, kind)
    assert (written["who"], written["sample_id"], written["given_label"]) == ("Ann", "cat/1.png", "cat")
    (known,) = read_decisions(page.desk.audit).known.values()
    assert (known.decision, known.label, known.kind) == (verdict, right, kind)


def test_what_makes_no_sense_is_refused_in_a_sentence_and_nothing_is_written(page):
    item = {"row": 0, "version": 0}
    for samples, choice, label, problem in (
        ([item], "fine", None, "choice 'fine': expected accept, keep, label, ambiguous, drop"),
        ([item], "label", "elephant", "the label is no class of the dataset"),
        ([item], "label", {"a": 1}, "the label is no class of the dataset"),
        ([], "keep", None, "samples: expected 1 to 1000"),
        ([item] * 1001, "keep", None, "samples: expected 1 to 1000"),
        ([{"row": 6, "version": 0}], "keep", None, "there is no such sample"),
        ([{"row": "../1", "version": 0}], "keep", None, "there is no such sample"),
        ([{"row": True, "version": 0}], "keep", None, "there is no such sample"),
        ([{"row": 0}], "keep", None, "samples: expected a row and a version of each"),
        ("all", "keep", None, "samples: expected 1 to 1000"),
    ):
        answer = page.post("decide", samples=samples, choice=choice, label=label)
        assert (answer["status"], answer["problem"]) == (400, problem)
    for body in (b"", b"[1]", b"{", b"[" * 100_000):
        headers = {"origin": HOME, "content-type": "application/json"}
        assert page.client.post("/api/decide", content=body, headers=headers).status_code == 400
    assert not page.desk.audit.decisions_path.exists()


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ({"tab": ""}, "tab: expected 1 to 40 letters and digits"),
        ({"tab": "../x"}, "tab: expected 1 to 40 letters and digits"),
        ({"reviewer": "x" * 101}, "a name has 1 to 100 printable characters"),
        ({"reviewer": "Ann\u202e"}, "a name has 1 to 100 printable characters"),
        ({"order": "mine"}, "order 'mine': expected suspicion, pair, class, second, disagreement"),
        ({"n": 121}, "n: expected 1 to 120"),
        ({"n": "many"}, "n: expected a number"),
        ({"after": -2}, f"after: expected -1 to {2**40}"),
    ],
)
def test_questions_out_of_range_are_refused(page, about, problem):
    answer = page.client.get("/api/queue", params={"tab": TAB, **about})
    assert (answer.status_code, answer.json()["problem"]) == (400, problem)


def test_a_full_disk_is_told_and_the_sample_stays_open(page, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    item = page.get("queue", n=1)["items"][0]
    monkeypatch.setattr("labelaudit.core.audits.append_lines", full)
    answer = page.decide(item, "keep")
    assert (answer["status"], answer["problem"]) == (507, "It could not be written: No space left on device.")
    assert page.get("queue", n=1)["items"][0]["row"] == 0


def test_pictures_are_scaled_down_and_say_what_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = write_pictures(tmp_path / "photos", [Row("cat/1.png", "cat", 0.1, "dog"), Row("dog/2.png", "dog")])
    large = tmp_path / "photos" / "cat" / "1.png"
    Image.new("RGB", (20_000, 400), "teal").save(large)
    rows[0] = Row("cat/1.png", "cat", 0.1, "dog", content=hash_of(large))
    with open_page(write_rows(tmp_path, rows)) as page:
        page.enter()
        for size, longest in (("large", 1600), ("small", 320)):
            answer = page.client.get(f"/picture/0/{size}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
            assert Image.open(io.BytesIO(answer.content)).size == (longest, longest // 50)
        tiny = page.client.get("/picture/1/large")
        assert tiny.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(tiny.content)).getpixel((0, 0)) == (1, 0, 90)


def hash_of(path):
    from labelaudit.functional.images import hash_content

    return hash_content(path.read_bytes())


def test_a_file_that_changed_since_the_scan_is_not_shown(page):
    Image.new("RGB", (4, 4)).save("photos/cat/1.png")
    answer = page.client.get("/picture/0/large")
    assert (answer.status_code, answer.json()["problem"]) == (410, "The file has changed since the scan.")
    answer = page.client.get("/picture/1/large")
    assert answer.status_code == 200


def test_a_path_that_leaves_the_dataset_shows_nothing_that_the_scan_did_not_see(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4), "red").save(tmp_path / "secret.png")
    rows = write_pictures(tmp_path / "photos", [Row("cat/1.png", "cat", 0.1, "dog"), Row("dog/2.png", "dog")])
    rows += [Row("../secret.png", "cat", 0.1, "dog"), Row(str(tmp_path / "secret.png"), "cat", 0.2, "dog")]
    with open_page(write_rows(tmp_path, rows)) as page:
        page.enter()
        for row in (2, 3):
            assert page.client.get(f"/picture/{row}/large").status_code == 410


def test_hostile_names_travel_as_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ['<script>alert("x")</script>', "a'b\"c", "new\nline", "😀", "..", "\u202egod"]
    rows = [Row(f"x/{at}.png", name, 0.1, names[at - 1]) for at, name in enumerate(names)]
    with open_page(write_audit(tmp_path, rows)) as page:
        page.enter()
        assert sorted(page.get("about")["classes"]) == sorted(names)
        items = page.get("queue", n=6)["items"]
        assert {item["given"] for item in items} == set(names)
        answer = page.client.get("/api/queue", params={"tab": TAB})
        assert answer.headers["content-type"] == "application/json"
        for item in items:
            assert page.decide(item, "label", label=names[0])["status"] == 200
        assert rows_of(page.get("queue")) == []


def test_a_note_is_the_why_of_a_decision_and_undo_brings_back_the_one_before(page):
    item = page.get("queue", n=1)["items"][0]
    first = page.decide(item, "keep", note="  a husky,\n not a wolf ")
    assert next(iter(read_decisions(page.desk.audit).known.values())).why == "a husky, not a wolf"
    assert first["items"][0]["mine"]["note"] == "a husky, not a wolf"
    second = page.decide(first["items"][0], "drop")
    assert second["items"][0]["mine"]["note"] == ""
    back = page.post("undo", step=second["step"])
    assert (back["items"][0]["mine"]["choice"], back["items"][0]["mine"]["note"]) == ("keep", "a husky, not a wolf")


@pytest.mark.parametrize("note", ["x" * 301, 7, ["x"]])
def test_a_note_that_is_none_is_refused(page, note):
    item = page.get("queue", n=1)["items"][0]
    answer = page.decide(item, "keep", note=note)
    assert (answer["status"], answer["problem"]) == (400, "a note has at most 300 characters")


def test_a_new_class_is_taken_where_it_is_meant_and_known_until_it_is_taken_back(page):
    one, two = page.get("queue", n=2)["items"]
    assert page.decide(one, "label", label="elk")["problem"] == "the label is no class of the dataset"
    taken = page.decide(one, "label", label="elk", new_class=True)
    assert page.get("state")["new_classes"] == ["elk"]
    assert page.decide(two, "label", label="elk")["status"] == 200
    page.decide(page.get("sample", row=two["row"])["item"], "keep")
    page.post("undo", step=taken["step"])
    assert page.get("state")["new_classes"] == []


@pytest.mark.parametrize("label", ["", " elk", "new\nline", "\u202eelk", "x" * 201, 5])
def test_a_new_class_that_nobody_can_read_is_refused(page, label):
    item = page.get("queue", n=1)["items"][0]
    assert page.decide(item, "label", label=label, new_class=True)["status"] == 400
    assert read_decisions(page.desk.audit).known == {}


@pytest.fixture
def leaf(tmp_path, monkeypatch):
    """A leaf with rust that is said to have scab, too, and another one: a row for each label of each."""
    monkeypatch.chdir(tmp_path)
    classes = ["rust", "not rust", "scab", "not scab"]
    pictures = write_pictures(tmp_path / "photos", [Row("1.png", "scab"), Row("2.png", "scab")])
    rows = [
        Row("1.png", "scab", 0.02, "not scab", pictures[0].content),
        Row("1.png", "rust", 0.99, "not rust", pictures[0].content),
        Row("2.png", "not rust", 0.98, "rust", pictures[1].content),
    ]
    audit = write_rows(tmp_path, rows, classes=classes, names=["1.png#scab", "1.png#rust", "2.png#rust"])
    meta = json.loads((audit.path / "audit.json").read_text())
    meta["dataset"]["several"] = {"names": ["rust", "scab"], "kind": "cells", "column": "labels", "between": ";"}
    (audit.path / "audit.json").write_text(json.dumps(meta))
    with open_page(audit) as page:
        yield page.enter()


def test_of_several_labels_each_row_asks_about_one(leaf):
    assert leaf.get("about")["several"] is True
    (item, *_) = leaf.get("queue", n=1)["items"]
    for label, new in (("rust", False), ("mould", True)):
        answer = leaf.decide(item, "label", label=label, new_class=new)
        assert (answer["status"], answer["problem"]) == (400, "the label is no class of the dataset")
    assert leaf.get("why", row=item["row"])["twins"] == []  # not its own other label
    assert leaf.decide(item, "accept")["items"][0]["mine"]["label"] == "not scab"
