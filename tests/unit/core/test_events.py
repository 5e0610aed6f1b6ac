"""What a scan says while it runs, as JSON."""

import json
import typing

import pytest

from labelaudit.core.events import (
    EpochFinished,
    EpochTested,
    Event,
    Said,
    SamplesDone,
    StageFinished,
    StageResumed,
    StageStarted,
    ThreadsTried,
    WorkPlanned,
    event_record,
)

RECORDS: list[tuple[Event, dict[str, object]]] = [
    (Said("note", "on 2 threads"), {"event": "Said", "level": "note", "text": "on 2 threads"}),
    (
        WorkPlanned((("stage1", 30), ("stage2", 20))),
        {"event": "WorkPlanned", "stages": [["stage1", 30], ["stage2", 20]]},
    ),
    (
        StageStarted("stage1", "Stage 1", 30),
        {"event": "StageStarted", "stage": "stage1", "title": "Stage 1", "samples": 30},
    ),
    (StageResumed("stage1", 20), {"event": "StageResumed", "stage": "stage1", "samples": 20}),
    (
        SamplesDone("stage1", 12, 2, 5),
        {"event": "SamplesDone", "stage": "stage1", "samples": 12, "epoch": 2, "epochs": 5},
    ),
    (SamplesDone("read", 12), {"event": "SamplesDone", "stage": "read", "samples": 12, "epoch": 0, "epochs": 0}),
    (
        EpochFinished("stage1", 2, 5, 0.25),
        {"event": "EpochFinished", "stage": "stage1", "epoch": 2, "epochs": 5, "mean_loss": 0.25},
    ),
    (
        EpochTested("stage1", 2, 5, 0.9),
        {"event": "EpochTested", "stage": "stage1", "epoch": 2, "epochs": 5, "accuracy": 0.9},
    ),
    (
        ThreadsTried("stage1", 2, was=2, threads=1, rates={2: 61.0, 1: 1800.0}),
        {
            "event": "ThreadsTried",
            "stage": "stage1",
            "epoch": 2,
            "was": 2,
            "threads": 1,
            "rates": {"2": 61.0, "1": 1800.0},
        },
    ),
    (StageFinished("stage1", 1.5), {"event": "StageFinished", "stage": "stage1", "seconds": 1.5}),
]


@pytest.mark.parametrize(("event", "record"), RECORDS)
def test_the_record_of_an_event_is_json_with_its_name(event, record):
    assert json.loads(json.dumps(event_record(event), allow_nan=False)) == record


def test_the_records_above_cover_every_event():
    assert {type(event) for event, _ in RECORDS} == set(typing.get_args(Event))
