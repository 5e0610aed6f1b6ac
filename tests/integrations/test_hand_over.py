"""The hand-over with the tools' own libraries, where they are installed: what docs/how-to/hand-over.md says is run."""

import importlib.util
import json
import re
import shutil
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

import labelaudit
from tests.layouts import IDS, image
from tests.mended import audited

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "hand-over.md"


def needs(name):
    """Without importing it: some libraries start a server, or want a key, as soon as they are."""
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


def code_of(title, number=0):
    """Return a piece of Python from the guide."""
    section = GUIDE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[number]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Twelve photographs, three of them suspects."""
    for number, key in enumerate(IDS):
        image(tmp_path / f"photos/{key[:3]}/{key}.png", number)
    wrong = {"cat/cat1.png": "dog", "cat/cat2.png": "dog", "dog/dog4.png": "cat"}
    audit, _ = audited(tmp_path, tmp_path / "photos", wrong=wrong)
    monkeypatch.chdir(tmp_path)
    return audit


@contextmanager
def greeting_server():
    """Serve what a client of Argilla asks as soon as it is there: who it is."""

    class Greeting(BaseHTTPRequestHandler):
        def do_GET(self):
            who = {
                "id": "00000000-0000-0000-0000-000000000001",
                "username": "ann",
                "role": "owner",
                "first_name": "Ann",
            }
            body = json.dumps(who).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Greeting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@needs("label_studio_sdk")
@pytest.mark.parametrize("how", ["JSON", "JSON_MIN"])
def test_label_studio_takes_config_and_tasks_and_its_exports_come_back(photos, tmp_path, how):
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    tasks_file, config_file = labelaudit.hand_over(photos, "label-studio", output=tmp_path)
    tasks, config = json.loads(tasks_file.read_text()), config_file.read_text()
    interface = LabelInterface(config)
    interface.validate()
    done = []
    for number, task in enumerate(tasks, start=1):
        (prediction,) = task["predictions"]
        assert interface.validate_task({"data": task["data"]})  # with predictions it calls itself wrongly (2.1.2)
        assert interface.validate_prediction(prediction)
        annotation = {"id": number, "completed_by": 1, "result": prediction["result"], "was_cancelled": False}
        assert interface.validate_annotation(annotation)
        done.append(task | {"id": number, "annotations": [annotation]})
    (tmp_path / "done.json").write_text(json.dumps(done))
    converter = Converter(config, str(tmp_path), download_resources=False)
    converter.convert(str(tmp_path / "done.json"), str(tmp_path / "out"), how, is_dir=False)
    (back,) = (tmp_path / "out").glob("*.json")
    decisions = labelaudit.import_(back, audit=photos).decisions
    assert [(known.decision, known.label) for known in decisions] == [
        ("wrong", "dog"),
        ("wrong", "dog"),
        ("wrong", "cat"),
    ]


@needs("fiftyone")
def test_fiftyone_takes_samples_and_gives_tags_and_labels_back(photos, tmp_path):
    labelaudit.hand_over(photos, "fiftyone", output=tmp_path)
    # Its datasets need MongoDB, which it fetches; its samples do not.
    there = code_of("FiftyOne").split("dataset = ")[0]
    names: dict[str, Any] = {}
    exec(there, names)
    samples = names["samples"]
    assert [sample["suggested"].label for sample in samples] == ["dog", "dog", "cat"]
    samples[0]["given"].label = "dog"
    samples[1].tags.append("labelaudit:ok")
    samples[2].tags.append("labelaudit:drop")
    exec(code_of("FiftyOne", 1), names | {"dataset": samples, "json": json})
    decisions = labelaudit.import_(tmp_path / "back.json", audit=photos).decisions
    assert [(known.decision, known.label, known.kind) for known in decisions] == [
        ("wrong", "dog", ""),
        ("ok", "", ""),
        ("wrong", "", "drop"),
    ]


@needs("datumaro")
def test_cvat_annotations_are_read_and_written_by_datumaro(photos, tmp_path):
    import datumaro

    shutil.copytree(tmp_path / "photos", tmp_path / "task" / "images")
    labelaudit.hand_over(photos, "cvat", output=tmp_path / "task", served=tmp_path / "photos")
    read = datumaro.Dataset.import_from(str(tmp_path / "task"), "cvat")
    names = [label.name for label in read.categories()[datumaro.AnnotationType.label]]
    assert {item.id: [names[each.label] for each in item.annotations] for item in read} == {
        "cat/cat1": ["dog"],
        "cat/cat2": ["dog"],
        "dog/dog4": ["cat"],
    }
    read.export(str(tmp_path / "back"), "cvat")
    (back,) = (tmp_path / "back").glob("**/*.xml")
    decisions = labelaudit.import_(back, audit=photos).decisions
    assert [(known.decision, known.label) for known in decisions] == [
        ("wrong", "dog"),
        ("wrong", "dog"),
        ("wrong", "cat"),
    ]


@needs("argilla")
def test_argilla_takes_settings_and_records_and_responses_come_back(photos, tmp_path):
    import argilla

    labelaudit.hand_over(photos, "argilla", output=tmp_path)
    logged = []

    class Dataset:  # the one that needs a server
        def __init__(self, _name, settings, **_where):
            self.settings, self.records = settings, self

        def create(self):
            self.settings.validate()

        def log(self, records):
            logged.extend(records)

    with greeting_server() as address:
        client = argilla.Argilla(api_url=address, api_key="key")
        exec(code_of("Argilla").replace("rg.Dataset(", "Dataset("), {"Dataset": Dataset, "client": client})
    assert [record.suggestions["label"].value for record in logged] == ["dog", "dog", "cat"]
    rows = [{"sample_id": record.metadata["sample_id"], "label": "dog"} for record in logged]
    pd.DataFrame(rows).to_csv(tmp_path / "back.csv", index=False)
    decisions = labelaudit.import_(tmp_path / "back.csv", audit=photos).decisions
    assert [(known.decision, known.label) for known in decisions] == [("wrong", "dog"), ("wrong", "dog"), ("ok", "")]


@needs("cleanlab")
@needs("datasets")  # which Datalab needs
def test_columns_are_those_of_cleanlab(photos, tmp_path):
    import numpy as np
    from cleanlab import Datalab

    (file,) = labelaudit.hand_over(photos, "cleanlab", output=tmp_path)
    ours = pd.read_csv(file)
    predicted = ours["predicted_label"].map({"cat": 0, "dog": 1}).to_numpy()
    lab = Datalab({"label": ours["given_label"].tolist()}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=np.eye(2)[predicted] * 0.9 + 0.05, issue_types={"label": {}})
    theirs = lab.get_issues("label")
    assert set(theirs.columns) <= set(ours.columns)
    for name in ("is_label_issue", "given_label", "predicted_label"):
        assert theirs[name].tolist() == ours[name].tolist()
