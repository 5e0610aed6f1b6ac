"""A scan that trains the classifier in the same go."""

import json

import pytest

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import EpochFinished, Event, StageFinished, StageStarted, WorkPlanned
from labelaudit.core.time_left import TimeLeft
from labelaudit.training.model_file import read_model
from tests.cli.terminal import write_flowers, write_photos

SHORT = {"stage1_epochs": "3", "stage2_epochs": "2"}
QUICK = {**SHORT, "finish.epochs": "4"}


def test_both_results_are_in_the_audit_and_the_scan_is_as_without(tmp_path):
    table = write_flowers(tmp_path)
    events: list[Event] = []
    audit = labelaudit.scan(
        table,
        root=tmp_path,
        device="cpu",
        label_column="species",
        method="drpl",
        finish="ce",
        overrides=QUICK,
        on_event=events.append,
    )
    alone = labelaudit.scan(
        table, root=tmp_path / "b", device="cpu", label_column="species", method="drpl", overrides=SHORT
    )
    assert audit.findings_path.read_bytes() == alone.findings_path.read_bytes()
    model = read_model(audit.path / "finish")
    assert model.facts.recipe["options"]["epochs"] == 4
    assert (model.facts.method, model.facts.labels, model.facts.samples) == ("ce", "suggested", 120)
    finish = audit.summary["finish"]
    assert finish["model"] == "finish/model.safetensors"
    relabelled = int((audit.findings["action"] == "relabel").sum())
    assert finish["labels"].get("as suggested") == relabelled
    titles = [event.title for event in events if isinstance(event, StageStarted)]
    assert titles[-1] == "Finish: learn the given labels"
    assert "finish/ce" in audit.meta["results"]["seconds"]
    assert alone.summary["finish"] is None


def test_the_time_left_counts_the_finishing_from_the_start(tmp_path):
    planned: list[dict[str, int]] = []
    labelaudit.scan(
        write_flowers(tmp_path),
        root=tmp_path,
        device="cpu",
        label_column="species",
        method="drpl",
        finish="ce",
        overrides=QUICK,
        on_event=lambda event: planned.append(dict(event.stages)) if isinstance(event, WorkPlanned) else None,
    )
    first, second = planned
    assert first["finish"] > 0
    assert set(second) == {"finish/ce"}


def test_a_scan_that_was_stopped_while_finishing_goes_on_there(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    table = write_flowers(tmp_path)

    def stop(event):
        if isinstance(event, EpochFinished) and event.stage == "finish/ce" and event.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labelaudit.scan(
            table,
            root=tmp_path,
            device="cpu",
            label_column="species",
            method="drpl",
            finish="ce",
            overrides=QUICK,
            on_event=stop,
        )
    epochs: list[tuple[str, int]] = []
    audit = labelaudit.scan(
        table,
        root=tmp_path,
        resume=True,
        on_event=lambda event: epochs.append((event.stage, event.epoch)) if isinstance(event, EpochFinished) else None,
    )
    assert epochs[0] == ("finish/ce", 3)
    assert all(stage == "finish/ce" for stage, _ in epochs)
    assert read_model(audit.path / "finish").facts.classes == ("setosa", "versicolor", "virginica")
    assert json.loads((audit.path / "finish" / "train.json").read_text())["status"] == "finished"
    assert not list(audit.checkpoints_path.iterdir())


def test_suggestions_that_leave_one_class_are_a_warning_and_the_scan_stands(tmp_path, monkeypatch):
    def nothing_left(labels, dataset):
        raise DataError("1 class left to train on.")

    monkeypatch.setattr("labelaudit.classifier.train.require_classes_left", nothing_left)
    audit = labelaudit.scan(
        write_photos(tmp_path),
        root=tmp_path,
        device="cpu",
        method="drpl",
        finish="ce",
        overrides={**QUICK, "train.batch_size": "8"},
    )
    assert audit.summary["finish"] is None
    assert "no classifier was trained: 1 class left to train on." in audit.summary["warnings"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"finish": "erl+"}, r"method 'erl\+' is not known.\nDid you mean 'elr\+'\?"),
        (
            {"finish": "ce", "overrides": {"finish.epoch": "3"}},
            r"unknown setting 'method.epoch'.\nDid you mean 'epochs'",
        ),
        ({"overrides": {"finish.epochs": "3"}}, r"unknown setting 'method.finish.epochs'"),
        ({"finish": "split"}, r"--finish split: it has labels of its own.\nScan, then"),
    ],
)
def test_a_mistake_in_finish_is_found_before_the_scan(tmp_path, settings, said):
    with pytest.raises(ConfigError, match=said):
        labelaudit.scan(write_flowers(tmp_path), root=tmp_path, label_column="species", **settings)
    assert not (tmp_path / ".labelaudit").exists()


def test_the_stages_of_the_finishing_do_not_end_those_of_the_scan():
    clock = TimeLeft(now=iter(range(100)).__next__)
    for event in (WorkPlanned((("stage1", 10), ("finish", 20))), StageStarted("stage1", "", 10)):
        clock.take(event)
    clock.take(StageFinished("stage1", 1.0))
    assert clock._planned["finish"] == 20
