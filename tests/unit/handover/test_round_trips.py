"""Suspects go to other tools, and what people decide there comes back; by the tools' documented files."""

from __future__ import annotations

import base64
import io
import json
import shutil
import xml.etree.ElementTree as ET
import zipfile
from urllib.parse import unquote

import pandas as pd
import pytest
from PIL import Image

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.layouts import IDS, image
from tests.mended import audited, decide


@pytest.fixture
def photos(tmp_path):
    """Twelve photographs, three of them suspects; one has a name that addresses must quote."""
    for number, key in enumerate(IDS):
        name = "cat 1#.png" if key == "cat1" else f"{key}.png"
        image(tmp_path / f"photos/{key[:3]}/{name}", number)
    wrong = {"cat/cat 1#.png": "dog", "cat/cat2.png": "dog", "dog/dog4.png": "cat"}
    audit, _ = audited(tmp_path, tmp_path / "photos", wrong=wrong)
    return audit


def test_label_studio_gets_tasks_that_show_with_scores_and_a_config_that_fits(photos, tmp_path):
    tasks_file, config_file = labelaudit.hand_over(photos, "label-studio", output=tmp_path, served=tmp_path)
    tasks = json.loads(tasks_file.read_text())
    config = ET.fromstring(config_file.read_text())
    choices = config.find("Choices")
    shown = config.find("Image")
    assert choices is not None
    assert shown is not None
    assert [choice.get("value") for choice in choices][:2] == ["cat", "dog"]
    assert len(tasks) == 3
    for task in tasks:
        served, _, place = task["data"]["image"].partition("?d=")
        assert served == "/data/local-files/"
        assert (tmp_path / unquote(place)).is_file()
        (prediction,) = task["predictions"]
        (result,) = prediction["result"]
        assert (result["from_name"], result["to_name"]) == (choices.get("name"), shown.get("name"))
        assert result["value"]["choices"] == [task["data"]["suggested_label"]]
        assert 0 <= prediction["score"] <= 1
    assert "cat%201%23.png" in tasks[0]["data"]["image"]
    assert len({task["predictions"][0]["model_version"] for task in tasks}) == 1


def test_label_studio_can_have_the_images_within_the_tasks(photos, tmp_path):
    tasks = json.loads(labelaudit.hand_over(photos, "label-studio", output=tmp_path)[0].read_text())
    kind, _, data = tasks[0]["data"]["image"].partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (12, 12)


def annotated(task, choice, who=7, **more):
    """Return a task as Label Studio exports it after somebody chose."""
    result = [{"id": "x", "from_name": "label", "to_name": "sample", "type": "choices", "value": {"choices": [choice]}}]
    if "note" in more:
        result.append({"type": "textarea", "from_name": "note", "value": {"text": [more["note"]]}})
    annotation = {"id": 1, "completed_by": who, "result": result, "was_cancelled": more.get("skipped", False)}
    return task | {"id": 12, "annotations": [annotation], "updated_at": "2026-11-27T10:00:00Z"}


def test_annotations_of_label_studio_become_decisions(photos, tmp_path):
    tasks = json.loads(labelaudit.hand_over(photos, "label-studio", output=tmp_path)[0].read_text())
    done = [
        annotated(tasks[0], "dog", who={"email": "ann@example.org", "id": 3}, note="a husky"),
        annotated(tasks[1], "cat"),
        annotated(tasks[2], "(none of these)"),
        annotated(tasks[0], "cat", skipped=True),
    ]
    (tmp_path / "export.json").write_text(json.dumps(done))
    imported = labelaudit.import_(tmp_path / "export.json", audit=photos)
    assert imported.source == "Label Studio"
    decisions = labelaudit.load(photos.path).decisions.set_index("sample_id")
    by_name = [tuple(decisions.loc[task["data"]["sample_id"], ["decision", "label", "kind"]]) for task in tasks]
    assert by_name == [("wrong", "dog", ""), ("ok", "", ""), ("wrong", "", "drop")]
    first = decisions.loc[tasks[0]["data"]["sample_id"]]
    assert (first["who"], first["why"]) == ("ann@example.org", "a husky")
    again = labelaudit.import_(tmp_path / "export.json", audit=photos)
    assert (len(again.decisions), again.unchanged) == (0, 3)


def test_the_short_export_of_label_studio_is_read_as_well(photos, tmp_path):
    rows = [{"id": 1, "sample_id": "cat/cat2.png", "given_label": "cat", "label": "dog", "annotator": 3}]
    (tmp_path / "min.json").write_text(json.dumps(rows))
    (known,) = labelaudit.import_(tmp_path / "min.json", audit=photos).decisions
    assert (known.decision, known.label, known.who) == ("wrong", "dog", "label-studio:3")


def test_two_choices_are_no_class_and_are_told(photos, tmp_path):
    task = {"data": {"sample_id": "cat/cat2.png", "given_label": "cat"}}
    done = annotated(task, "dog")
    done["annotations"][0]["result"][0]["value"]["choices"] = ["dog", "cat"]
    (tmp_path / "e.json").write_text(json.dumps([done]))
    with pytest.raises(DataError, match="'dog and cat' is no class of the audit"):
        labelaudit.import_(tmp_path / "e.json", audit=photos)


def test_fiftyone_gets_samples_and_gives_tags_and_labels_back(photos, tmp_path):
    (file,) = labelaudit.hand_over(photos, "fiftyone", output=tmp_path)
    found = json.loads(file.read_text())
    assert all(sample["filepath"].startswith(str(tmp_path)) for sample in found["samples"])
    assert found["samples"][0]["tags"] == ["suspect", "mislabelled"]
    assert found["samples"][0]["suggested"]["label"] == "dog"
    found["samples"][0]["given"]["label"] = "dog"
    found["samples"][1]["tags"].append("labelaudit:ok")
    (tmp_path / "back.json").write_text(json.dumps(found))
    imported = labelaudit.import_(tmp_path / "back.json", audit=photos)
    assert [(known.decision, known.label) for known in imported.decisions] == [("wrong", "dog"), ("ok", "")]


def test_cvat_gets_tags_and_only_what_people_made_comes_back(photos, tmp_path):
    (file,) = labelaudit.hand_over(photos, "cvat", output=tmp_path, served=tmp_path / "photos")
    tree = ET.parse(file)
    tags = {image.get("name"): image[0].get("label") for image in tree.iter("image")}
    assert tags == {"cat/cat 1#.png": "dog", "cat/cat2.png": "dog", "dog/dog4.png": "cat"}
    assert labelaudit.import_(file, audit=photos).decisions == ()
    for image_, label in zip(tree.iter("image"), ("dog", "cat", "labelaudit:drop"), strict=True):
        image_[0].set("label", label)
        image_[0].set("source", "manual")
    tree.write(tmp_path / "annotations.xml")
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        archive.write(tmp_path / "annotations.xml", "annotations.xml")
    decisions = labelaudit.import_(tmp_path / "task.zip", audit=photos).decisions
    assert labelaudit.import_(tmp_path / "annotations.xml", audit=photos).unchanged == 3
    assert [(known.decision, known.label, known.kind) for known in decisions] == [
        ("wrong", "dog", ""),
        ("ok", "", ""),
        ("wrong", "", "drop"),
    ]


def test_cvat_files_that_declare_entities_are_refused(photos, tmp_path):
    text = '<!DOCTYPE a [<!ENTITY b "c">]><annotations><image name="cat/cat2.png"/></annotations>'
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match="declares entities"):
        labelaudit.import_(tmp_path / "a.xml", audit=photos)


def test_coco_classes_are_read_by_scan_as_corrected(photos, tmp_path):
    decide(photos, "cat/cat2.png", "dog")
    decide(photos, "dog/dog4.png", decision="ok")
    decide(photos, "cat/cat 1#.png")
    (file,) = labelaudit.hand_over(photos, "coco", output=tmp_path)
    found = json.loads(file.read_text())
    names = {each["id"]: each["name"] for each in found["categories"]}
    files = {each["id"]: each["file_name"] for each in found["images"]}
    labels = {files[note["image_id"]]: names[note["category_id"]] for note in found["annotations"]}
    assert len(labels) == 11
    assert labels["cat/cat2.png"] == "dog"
    assert labels["dog/dog4.png"] == "dog"
    assert "cat/cat 1#.png" not in labels
    shutil.copy(file, tmp_path / "photos/coco.json")
    assert len(read_dataset(tmp_path / "photos/coco.json", DataSettings())) == 11


def test_argilla_records_have_fields_suggestions_and_metadata(photos, tmp_path):
    (file,) = labelaudit.hand_over(photos, "argilla", output=tmp_path)
    found = json.loads(file.read_text())
    names = {field["name"] for field in found["settings"]["fields"]}
    assert all(set(record["fields"]) == names for record in found["records"])
    assert found["settings"]["questions"][0]["labels"] == ["cat", "dog"]
    assert {s["value"] for record in found["records"] for s in record["suggestions"]} == {"cat", "dog"}
    assert all(set(record["metadata"]) <= set(found["settings"]["metadata"]) for record in found["records"])


def test_tables_for_cleanlab_huggingface_and_dvc_have_all_samples_in_their_order(photos, tmp_path):
    files = labelaudit.hand_over(photos, "cleanlab", "huggingface", "dvc", output=tmp_path)
    assert [file.name for file in files] == [
        "cleanlab.csv",
        "huggingface.parquet",
        "dvc-metrics.json",
        "dvc-noise-per-class.csv",
    ]
    issues, columns = pd.read_csv(files[0]), pd.read_parquet(files[1])
    ids = photos.findings["sample_id"].tolist()
    assert issues["sample_id"].tolist() == columns["sample_id"].tolist() == ids
    assert issues["is_label_issue"].sum() == 3
    assert issues.sort_values("label_score")["is_label_issue"].tolist()[:3] == [True] * 3
    assert columns["label_corrected"].value_counts().to_dict() == {"dog": 7, "cat": 5}
    assert json.loads(files[2].read_text())["suspects"] == 3
    assert pd.read_csv(files[3])["class"].tolist() == ["cat", "dog"]


def test_columns_join_a_real_hugging_face_dataset(photos, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the real library")
    (file,) = labelaudit.hand_over(photos, "huggingface", output=tmp_path)
    columns = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    own = datasets.Dataset.from_dict({"x": list(range(12))})
    both = datasets.concatenate_datasets([own, columns], axis=1)
    assert both.column_names == ["x", *columns.column_names]
    assert both[0]["label_action"] == photos.findings["action"][0]


def test_texts_and_rows_are_shown_in_words(tmp_path):
    lines = "".join(f"it was the {i}. film of all times,{'cat' if i % 2 else 'dog'}\n" for i in range(12))
    (tmp_path / "t.csv").write_text("text,label\n" + lines)
    audit, _ = audited(tmp_path, tmp_path / "t.csv", wrong={"1": "dog"})
    tasks, config = labelaudit.hand_over(audit, "label-studio", output=tmp_path)
    assert json.loads(tasks.read_text())[0]["data"]["text"] == "it was the 1. film of all times"
    assert ET.fromstring(config.read_text()).find("Text") is not None
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match="label-studio shows it"):
        labelaudit.hand_over(audit, "label-studio", output=tmp_path, overwrite=True)


def test_an_unknown_tool_and_a_folder_that_is_not_served_are_told(photos, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean label-studio"):
        labelaudit.hand_over(photos, "labelstudio")
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="3 images are not below"):
        labelaudit.hand_over(photos, "label-studio", output=tmp_path, served=tmp_path / "other")
