"""A training as Python sees it: from an audit or a dataset to a model that predicts."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

import labelaudit
from labelaudit.classifier.tested import accuracies
from labelaudit.classifier.train import Wanted, new_training
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Known, record_decision
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import EpochFinished, EpochTested, Event, Said
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import request_of
from labelaudit.training.model_file import read_model
from tests.cli.terminal import write_photos

SHORT = {"epochs": "8", "train.batch_size": "16"}


def write_clouds(path, *, n=120, wrong=(), seed=0):
    """Write a table of three clouds; some rows have the label of the next one."""
    rng = np.random.default_rng(seed)
    true = np.arange(n) % 3
    given = true.copy()
    given[list(wrong)] = (true[list(wrong)] + 1) % 3
    table = pd.DataFrame(rng.normal(size=(n, 3)) + np.eye(3)[true] * 6, columns=["a", "b", "c"])
    table.assign(label=np.array(["x", "y", "z"])[given]).to_csv(path, index=False)
    return path


def train(source, tmp_path, **settings):
    overrides = SHORT | settings.pop("overrides", {})
    named = {"method": "ce", "device": "cpu", "out": tmp_path / "model", "root": tmp_path} | settings
    return labelaudit.train(source, overrides=overrides, **named)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A folder with a scanned table whose first twelve labels are wrong."""
    folder = tmp_path_factory.mktemp("scanned")
    write_clouds(folder / "t.csv", wrong=range(12))
    options = {"stage1_epochs": "12", "stage2_epochs": "8", "train.batch_size": "16"}
    audit = labelaudit.scan(folder / "t.csv", root=folder, device="cpu", method="drpl", overrides=options)
    assert (audit.findings["action"][:12] == "relabel").mean() > 0.7
    return folder


def test_a_model_of_a_table_predicts_it(tmp_path):
    table = write_clouds(tmp_path / "t.csv")
    trained = train(table, tmp_path, test=write_clouds(tmp_path / "test.csv", seed=1, n=60))
    assert trained.path == tmp_path / "model" / "model.safetensors"
    assert trained.labels == "120 as given"
    test = trained.facts.metrics["test"]
    assert test["samples"] == 60
    assert test["accuracy"]["last"] > 0.95
    assert (test["accuracy"]["averaged_epochs"], len(test["accuracy"]["by_epoch"])) == (8, 8)
    assert read_model(tmp_path / "model").facts == trained.facts
    found = labelaudit.predict(tmp_path / "model", tmp_path / "test.csv", out=None)
    predicted = [line.split(",")[1] for line in found.text.splitlines()[1:]]
    accuracy = np.mean(np.array(predicted) == np.array(["x", "y", "z"])[np.arange(60) % 3])
    assert accuracy == pytest.approx(test["accuracy"]["last"])  # the test is of the networks in the file
    assert (tmp_path / "model" / "confusion.csv").read_text().startswith("true,predicted,samples\nx,x,")
    meta = json.loads((tmp_path / "model" / "train.json").read_text())
    assert (meta["status"], meta["results"]["labels"]) == ("finished", {"as given": 120})
    assert not (tmp_path / "model" / "checkpoints").exists()


def test_suggestions_of_the_audit_are_learnt_and_decisions_before_them(scanned, tmp_path, monkeypatch):
    monkeypatch.chdir(scanned)  # tables are read below the audit's folder or here alone
    audit = labelaudit.load(scanned)
    mended = train(scanned / "t.csv", tmp_path, root=scanned)
    relabelled = int((audit.findings["action"] == "relabel").sum())
    assert mended.labels.endswith(f", {relabelled} as suggested")
    assert mended.facts.labels == "suggested"
    row = audit.findings[audit.findings["action"] == "relabel"].iloc[0]
    copy = Audit(tmp_path / "copy" / ".labelaudit" / "audits" / audit.path.name)
    copy.path.mkdir(parents=True)
    for file in ("audit.json", "findings.parquet"):
        (copy.path / file).write_bytes((audit.path / file).read_bytes())
    record_decision(copy, Known(row["content_hash"], row["given_label"], "ok"), sample_id=row["sample_id"])
    decided = train(copy.path, tmp_path, out=tmp_path / "b")
    assert f"1 decided by people, {relabelled - 1} as suggested" in decided.labels


def test_decisions_of_people_are_trusted_set_enough(scanned, tmp_path, monkeypatch):
    monkeypatch.chdir(scanned)
    audit = labelaudit.load(scanned)
    copy = Audit(tmp_path / "copy" / ".labelaudit" / "audits" / audit.path.name)
    copy.path.mkdir(parents=True)
    for file in ("audit.json", "findings.parquet"):
        (copy.path / file).write_bytes((audit.path / file).read_bytes())
    settings = {"method": "ieg", "overrides": {"epochs": "1"}}
    with pytest.raises(ConfigError, match=r"method 'ieg' needs a trusted set"):
        train(copy.path, tmp_path, **settings)
    for _, row in audit.findings.iloc[20:32].iterrows():  # rightly labelled, four of each class
        record_decision(copy, Known(row["content_hash"], row["given_label"], "ok"), sample_id=row["sample_id"])
    trained = train(copy.path, tmp_path, **settings)
    assert "12 decided by people" in trained.labels
    assert trained.facts.method == "ieg"


def test_trusted_images_from_elsewhere_are_learnt_and_not_tested_on(tmp_path):
    photos, test = write_photos(tmp_path / "a", n=44), tmp_path / "test"
    for number in range(44):
        label = ("cat", "dog")[number % 2]
        folder = (tmp_path / "trusted", test, photos)[(number >= 4) + (number >= 20)] / label
        folder.mkdir(parents=True, exist_ok=True)
        (photos / label / f"{number:03d}.png").rename(folder / f"{number:03d}.png")
    trained = train(photos, tmp_path, method="ieg", overrides={"epochs": "1"}, trusted=tmp_path / "trusted", test=test)
    assert (trained.facts.samples, trained.facts.metrics["test"]["samples"]) == (28, 16)


@pytest.mark.parametrize("kind", ["soft", "split"])
def test_soft_and_split_labels_have_a_method_of_their_own(scanned, tmp_path, kind):
    trained = train(scanned / ".labelaudit", tmp_path, labels=kind, method=None)
    assert (trained.facts.method, trained.facts.labels) == ("split", kind)
    with pytest.raises(ConfigError, match=rf"--labels {kind} has a method of its own, not elr"):
        train(scanned / ".labelaudit", tmp_path, labels=kind, method="elr", overwrite=True)


def test_elr_plus_leaves_two_networks_and_is_the_default(tmp_path):
    trained = train(write_clouds(tmp_path / "t.csv"), tmp_path, method=None, overrides={"epochs": "2"})
    assert (trained.facts.method, trained.facts.networks) == ("elr+", 2)


def test_all_networks_of_a_panel_are_kept_those_from_before_a_stop_included(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    table, short = write_clouds(tmp_path / "t.csv"), {"networks": "3", "epochs": "2"}
    whole = train(table, tmp_path, method="panel", overrides=short, out=tmp_path / "whole")
    ended = 0

    def stop(event):
        nonlocal ended
        ended += isinstance(event, EpochFinished)
        if ended == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(table, tmp_path, method="panel", overrides=short, on_event=stop)
    resumed = labelaudit.train(out=tmp_path / "model", resume=True)
    assert whole.facts.networks == resumed.facts.networks == 3
    of_whole, of_resumed = (read_model(trained.path).networks for trained in (whole, resumed))
    for one, other in zip(of_whole, of_resumed, strict=True):
        assert all(np.array_equal(one[key].numpy(), other[key].numpy()) for key in one)
    outputs = [network["layers.7.weight"].numpy() for network in of_whole]
    assert not np.array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[1], outputs[2])


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    table = write_clouds(tmp_path / "t.csv")
    whole = train(table, tmp_path, test=table, out=tmp_path / "whole")
    tested = 0

    def stop(event):
        nonlocal tested
        tested += isinstance(event, EpochTested)
        if tested == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(table, tmp_path, test=table, on_event=stop)
    meta = json.loads((tmp_path / "model" / "train.json").read_text())
    assert (meta["status"], meta["error"][:19]) == ("interrupted", "stopped by the user")
    with pytest.raises(ConfigError, match=r"a training was stopped in .*\nGo on with it with --resume"):
        train(table, tmp_path)
    resumed = labelaudit.train(out=tmp_path / "model", resume=True)
    first, second = (dataclasses.asdict(each.facts) | {"made": ""} for each in (whole, resumed))
    assert first == second
    names = [read_model(each.path).networks[0] for each in (whole, resumed)]
    assert all(np.array_equal(names[0][key].numpy(), names[1][key].numpy()) for key in names[0])
    with pytest.raises(ConfigError, match=r"there is no stopped training in .*model"):
        labelaudit.train(out=tmp_path / "model", resume=True)


def test_changed_data_is_not_gone_on_with(tmp_path):
    table = write_clouds(tmp_path / "t.csv")
    with pytest.raises(KeyboardInterrupt):
        train(table, tmp_path, stop_after="0.001s")
    table.write_text(table.read_text().replace(",x\n", ",y\n", 1))
    with pytest.raises(DataError, match=r"the data changed since the training began: fingerprint \w+ then, \w+ now"):
        labelaudit.train(out=tmp_path / "model", resume=True)


def test_a_model_is_replaced_only_when_asked(tmp_path):
    table = write_clouds(tmp_path / "t.csv")
    train(table, tmp_path, overrides={"epochs": "1"})
    with pytest.raises(ConfigError, match=r"model has a model already.\nChoose another --output, or replace it"):
        train(table, tmp_path, overrides={"epochs": "1"})
    train(table, tmp_path, overrides={"epochs": "1"}, overwrite=True)


def test_the_split_called_test_is_tested_on_and_not_learnt(tmp_path):
    photos = write_photos(tmp_path / "a", n=40)
    for split, start in (("train", 0), ("test", 30)):
        for number in range(start, 30 if split == "train" else 40):
            label = ("cat", "dog")[number % 2]
            target = tmp_path / "pets" / split / label / f"{number:03d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            (photos / label / f"{number:03d}.png").rename(target)
    said: list[Event] = []
    trained = train(tmp_path / "pets", tmp_path, test=tmp_path / "pets", on_event=said.append)
    assert (trained.facts.samples, trained.facts.metrics["test"]["samples"]) == (30, 10)
    assert trained.facts.metrics["test"]["accuracy"]["last"] == 1.0
    assert any(isinstance(event, Said) and event.text == "labels: 30 as given" for event in said)


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"labels": "sugested"}, ConfigError, r"--labels 'sugested' is not known.\nDid you mean 'suggested'\?"),
        ({"labels": "soft"}, ConfigError, r"--labels soft needs a finished audit of .*t.csv.\nRun `labelaudit scan"),
        ({"test": "gone.csv"}, ConfigError, r"gone.csv does not exist"),
        ({"method": "erl+"}, ConfigError, r"method 'erl\+' is not known.\nDid you mean 'elr\+'\?"),
    ],
)
def test_a_mistake_is_found_before_anything_is_written(tmp_path, settings, kind, said):
    table = write_clouds(tmp_path / "t.csv")
    with pytest.raises(kind, match=said):
        train(table, tmp_path, **settings)
    assert not (tmp_path / "model").exists()


def test_test_data_with_a_class_of_its_own_is_refused(tmp_path):
    table, test = write_clouds(tmp_path / "t.csv"), write_clouds(tmp_path / "test.csv")
    test.write_text(test.read_text().replace(",x\n", ",xx\n"))
    with pytest.raises(DataError, match=r"classes that the training data does not have: 'xx'"):
        train(table, tmp_path, test=test)


def test_a_published_schedule_of_drpl_ends_with_its_third_network_in_a_training_and_with_the_split_in_a_scan(tmp_path):
    photos = write_photos(tmp_path, n=12)
    asked = {"recipe": "paper:cifar10", "method": "drpl", "epochs_scale": 0.01, "device": "cpu"}
    requests = [request_of(photos, asked), request_of(photos, asked)]
    requests[0] = dataclasses.replace(requests[0], for_classifier=True)
    of_training, of_scan = (prepare(request, tune=False).recipe.options for request in requests)
    assert (of_training["final_epochs"], of_scan["final_epochs"]) == (4, 0)
    wanted = Wanted(photos, tmp_path)
    training = new_training(wanted, requests[1], out=tmp_path / "model", overwrite=False)
    assert training.prepared.recipe.options["final_epochs"] == 4


def test_last_mean_of_the_last_ten_and_best_are_told_apart():
    by_epoch = dict(enumerate([0.1, 0.9, *[0.5] * 9, 0.6], start=1))
    found = accuracies(by_epoch, last=0.6)
    assert (found["last"], found["best"], found["best_epoch"]) == (0.6, 0.9, 2)
    assert found["mean_of_last"] == pytest.approx((0.5 * 9 + 0.6) / 10)
