"""What is to be seen of a text, a row, a vector; and why a sample is suspected."""

import csv

import numpy as np
import pytest

from labelaudit.core.recipe import DataSettings
from tests.gate_audit import Row, write_pictures, write_rows
from tests.review_desk import open_page, write_audit_of


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Irises of two kinds with a colour; row 0 is labelled small and has the length and the colour of large ones."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(3)
    path = tmp_path / "iris.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "width", "colour", "kind"])
        for index in range(60):
            large = index % 2 == 1
            looks_large = large or index == 0
            length = draw.normal(9 if looks_large else 3, 0.3)
            kind = "large" if large else "small"
            writer.writerow([f"{length:.2f}", f"{draw.normal(5, 1):.2f}", ("white", "blue")[looks_large], kind])
    clean = [0.05] + [0.97] * 59
    return write_audit_of(tmp_path, path, DataSettings(label_column="kind"), clean)


def test_the_cells_that_differ_most_from_the_class_come_first_with_what_is_usual(table):
    with open_page(table) as page:
        (item,) = page.enter().get("queue", n=1)["items"]
        assert (item["given"], item["suggested"]) == ("small", "large")
        content = page.get("sample", row=item["row"])["content"]
        cells = {cell["name"]: cell for cell in content["cells"]}
        assert [cell["name"] for cell in content["cells"]][:2] == ["length", "colour"]
        assert cells["colour"]["text"] == "blue"
        assert cells["colour"]["usual"] == "white, 100 %"
        assert cells["colour"]["usual_other"] == "blue, 100 %"
        assert cells["length"]["off"] > 10 > 3 > cells["length"]["off_other"]
        assert cells["width"]["off"] < 3
        assert cells["kind"]["usual"] is None  # the label is no input


def test_the_nearest_rows_of_both_classes_are_right_looking_ones(table):
    with open_page(table) as page:
        groups = page.enter().get("why", row=0)["neighbours"]
        assert [(group["label"], group["how"]) for group in groups] == [("small", "nearest"), ("large", "nearest")]
        for group in groups:
            assert len(group["samples"]) == 4
            assert {sample["given"] for sample in group["samples"]} == {group["label"]}
            assert 0 not in [sample["row"] for sample in group["samples"]]


def test_a_row_that_changed_since_the_scan_is_not_shown(table, tmp_path):
    path = tmp_path / "iris.csv"
    path.write_text(path.read_text().replace("blue", "green", 1))
    with open_page(table) as page:
        assert page.enter().get("sample", row=0)["content"] == {"problem": "The sample has changed since the scan."}


def test_data_that_is_gone_leaves_a_page_that_says_so(table, tmp_path):
    (tmp_path / "iris.csv").rename(tmp_path / "elsewhere.csv")
    with open_page(table) as page:
        (item,) = page.enter().get("queue", n=1)["items"]
        content = page.get("sample", row=item["row"])["content"]
        assert content["problem"].startswith("The data is not here: ")
        assert page.get("why", row=0)["neighbours"][0]["how"] == "typical"


def test_a_text_is_shown_whole_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "reviews.csv"
    long = "never again " * 3000
    texts = [
        "lovely <b>food</b> and kind people",
        long,
        "cold soup, rude waiter, never again",
        "we come back every week",
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["text", "label"], *zip(texts * 3, ["good", "bad", "bad", "good"] * 3, strict=True)])
    settings = DataSettings(label_column="label", text_column="text")
    with open_page(write_audit_of(tmp_path, path, settings, [0.1] * 2 + [0.9] * 10)) as page:
        page.enter()
        assert page.get("about")["kind"] == "texts"
        assert page.get("sample", row=0)["content"] == {"text": texts[0], "cut": 0}
        content = page.get("sample", row=1)["content"]
        assert (len(content["text"]), content["cut"]) == (20_000, len(long) - 20_000)
        assert page.client.get("/picture/0/large").status_code == 404


def test_an_embedding_is_shown_by_its_row_and_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    labels = ["a", "b"] * 10
    vectors = np.where(np.array(labels)[:, None] == "a", -1.0, 1.0) + draw.normal(0, 0.1, (20, 8))
    np.save(tmp_path / "e.npy", vectors.astype(np.float32))
    path = tmp_path / "labels.csv"
    path.write_text("name,label\n" + "".join(f"n{at},{label}\n" for at, label in enumerate(labels)))
    settings = DataSettings(label_column="label", embeddings=str(tmp_path / "e.npy"))
    with open_page(write_audit_of(tmp_path, path, settings, [0.1] + [0.9] * 19)) as page:
        page.enter()
        assert page.get("sample", row=0)["content"]["cells"][0]["text"] == "n0"
        near, far = page.get("why", row=0)["neighbours"]
        distances = np.linalg.norm(vectors - vectors[0], axis=1)
        expected = [at for at in np.argsort(distances) if labels[at] == "a" and at != 0][:4]
        assert ([each["row"] for each in near["samples"]], near["label"], far["label"]) == (expected, "a", "b")


def test_twins_are_named_with_their_labels_equal_ones_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = write_pictures(tmp_path / "photos", [Row(f"cat/{at}.png", "cat", 0.9) for at in range(3)])
    rows = [Row("cat/0.png", "cat", 0.1, "dog", rows[0].content), *rows[1:], Row("dog/9.png", "dog", 0.9)]
    rows.append(Row("dog/same.png", "dog", 0.9, content=rows[0].content))
    hashes = np.array([0b1111, 0b1110, 0xFFFF0000, 0, 0], dtype=np.uint64)
    audit = write_rows(tmp_path, rows)
    pairs = np.empty((0, 2), dtype=np.int64)
    np.savez(audit.path / "near.npz", hashes=hashes, pairs=pairs, alike=np.array(False))
    with open_page(audit) as page:
        twins = page.enter().get("why", row=0)["twins"]
        assert [(twin["row"], twin["given"], twin["bits"]) for twin in twins] == [(4, "dog", 0), (1, "cat", 1)]
        assert page.get("why", row=3)["twins"] == []  # no hash is like no other


def test_witnesses_speak_for_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row("cat/0.png", "cat", 0.1, "dog"), Row("dog/1.png", "dog")]
    named = {"probe": {"taught": False, "agreement": 0.9, "has_vote": True}}
    witnesses = {"named": named, "chance": 0.5, "proof": 0.1, "bar": 0.2}
    audit = write_rows(tmp_path, rows, results={"witnesses": witnesses})
    np.savez(
        audit.path / "evidence.npz",
        losses=np.zeros(2, dtype=np.float32),
        against_unseen_probe=np.array([2.5, -1.0], dtype=np.float32),
        predicted_unseen_probe=np.array([1, 1], dtype=np.int32),
    )
    with open_page(audit) as page:
        (witness,) = page.enter().get("why", row=0)["witnesses"]
        expected = {"name": "probe", "label": "dog", "against": 2.5, "taught": False, "agreement": 0.9}
        assert witness == expected


def test_the_neighbours_that_the_scan_kept_are_shown_and_samples_without_any_get_typical_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [Row("cat/0.png", "cat", 0.1, "dog"), Row("cat/1.png", "cat", 0.2, "dog")]
    rows += [Row(f"{kind}/{at}.png", kind, 0.9) for at in range(2, 6) for kind in ("cat", "dog")]
    audit = write_rows(tmp_path, rows)
    path = audit.path / "neighbours.npz"
    np.savez(path, sample=np.array([0]), given=np.array([[4, 2, -1]]), suggested=np.array([[9, -1, -1]]))
    with open_page(audit) as page:
        shown = {
            row: [
                (group["label"], group["how"], [each["row"] for each in group["samples"]])
                for group in page.enter().get("why", row=row)["neighbours"]
            ]
            for row in (0, 1)
        }
    assert shown[0] == [("cat", "nearest", [4, 2]), ("dog", "nearest", [9])]
    assert [(label, how) for label, how, _ in shown[1]] == [("cat", "typical"), ("dog", "typical")]
