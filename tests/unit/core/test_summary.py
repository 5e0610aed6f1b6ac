import json

import numpy as np
import pytest

from labelaudit.core.summary import six_digits, summarise
from tests.pets import small_findings

META = {
    "path": "/data/.labelaudit/audits/x",
    "name": "x",
    "source": "pets",
    "method": "drpl",
    "device": "cpu",
    "recipe": {"name": "fast"},
    "dataset": {"classes": ["cat", "dog", "elk"]},
    "results": {"noise_rate": 0.6, "noise_interval": [0.4, 0.8], "seconds": {"stage 1": 2.5, "stage 2": 1.25}},
    "warnings": ["small"],
}


def test_the_summary_counts_samples_actions_and_issues():
    summary = summarise(META, small_findings())
    assert (summary["samples"], summary["classes"], summary["suspects"]) == (4, 3, 5)
    assert summary["actions"] == {"keep": 1, "relabel": 2, "review": 2, "drop": 1}
    assert summary["issues"]["mislabelled"] == 2
    assert summary["issues"]["rare-class"] == 0
    assert "" not in summary["issues"]


def test_the_summary_repeats_what_the_audit_knows():
    summary = summarise(META, small_findings())
    assert summary["schema"] == 1
    assert summary["audit"] == {"path": "/data/.labelaudit/audits/x", "name": "x"}
    assert [summary[key] for key in ("source", "method", "recipe", "device")] == ["pets", "drpl", "fast", "cpu"]
    assert {key: summary["noise"][key] for key in ("rate", "interval", "labels", "expected")} == {
        "rate": 0.6,
        "interval": [0.4, 0.8],
        "labels": 3,
        "expected": 1.8,
    }
    assert (summary["noise"]["quiet"], summary["noise"]["identifiable"]) == (False, True)
    assert summary["seconds"] == 3.75
    assert summary["warnings"] == ["small"]


def test_seconds_without_stages_are_from_start_to_end():
    times = {"created": "2026-11-20T10:00:00+00:00", "finished": "2026-11-20T10:01:30.500000+00:00"}
    assert summarise(times, small_findings())["seconds"] == 90.5
    assert summarise({}, small_findings())["seconds"] is None


def test_the_worst_rows_come_in_rank_order_without_rows_set_aside():
    worst = summarise(META, small_findings())["worst"]
    assert [row["sample_id"] for row in worst] == ["b.png", "d.png", "c.png"]
    assert worst[0] == {
        "sample_id": "b.png",
        "path": "b.png",
        "given_label": "dog",
        "suggested_label": "cat",
        "suggested_prob": 0.85,
        "clean_prob": 0.1,
        "issue": "mislabelled",
    }


def test_each_class_has_its_expected_number_of_wrong_labels():
    assert summarise(META, small_findings())["per_class"] == [
        {
            "label": "cat",
            "samples": 2,
            "suspects": 1,
            "expected_wrong": pytest.approx(1.0),
            "share": pytest.approx(0.5),
            "interval": None,
        },
        {
            "label": "dog",
            "samples": 2,
            "suspects": 2,
            "expected_wrong": pytest.approx(1.6),
            "share": pytest.approx(0.8),
            "interval": None,
        },
        {"label": "elk", "samples": 0, "suspects": 0, "expected_wrong": 0.0, "share": 0.0, "interval": None},
    ]


def test_without_class_names_the_labels_that_occur_are_the_classes():
    assert [row["label"] for row in summarise({}, small_findings())["per_class"]] == ["cat", "dog"]


def test_confused_pairs_are_counted_and_ties_are_alphabetical():
    pairs = summarise(META, small_findings(suggested=[-1, 0, 0, 2]))["confused_pairs"]
    assert pairs == [
        {"given": "dog", "suggested": "cat", "count": 2},
        {"given": "cat", "suggested": "elk", "count": 1},
    ]
    tied = summarise(META, small_findings())["confused_pairs"]
    assert [(pair["given"], pair["suggested"]) for pair in tied] == [("cat", "elk"), ("dog", "cat"), ("dog", "elk")]


def test_rows_set_aside_are_counted_and_shown():
    set_aside = summarise(META, small_findings())["set_aside"]
    assert set_aside["count"] == 2
    assert set_aside["first"][0] == {
        "sample_id": "torn.png",
        "path": "torn.png",
        "issue": "unreadable",
        "detail": "ends early",
    }


def test_the_summary_is_json_even_where_values_are_missing():
    summary = summarise({}, small_findings(suggested=[-1, -1, -1, -1], action=["review"] * 4))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["worst"][0]["suggested_label"] is None
    assert summary["worst"][0]["suggested_prob"] is None
    assert summary["confused_pairs"] == []


def test_no_suspects_make_empty_lists():
    clean = small_findings(action=["keep"] * 4, issue=[""] * 4)
    summary = summarise(META, clean[:4])
    assert (summary["suspects"], summary["worst"], summary["confused_pairs"]) == (0, [], [])
    assert summary["set_aside"] == {"count": 0, "first": []}


def test_six_digits_are_what_float32_can_carry():
    assert six_digits(float(np.float32(0.1))) == 0.1
    assert six_digits(123456789.0) == 123457000.0
