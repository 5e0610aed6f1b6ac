import json

import numpy as np
import pytest

from labelaudit.core.decisions import Known
from labelaudit.report.curves import decided_line, expected_line, read_events, training_lines
from labelaudit.report.flows import OTHERS, flows_of


def test_expected_errors_add_up_from_the_most_suspicious_sample_on():
    line = expected_line(np.array([0.9, 0.1, 0.5]))
    assert line.x == (0.0, 1.0, 2.0, 3.0)
    assert line.y == pytest.approx((0.0, 0.9, 1.4, 1.5))


def test_a_long_line_keeps_its_bend_and_its_end():
    clean = np.ones(100_000)
    clean[:10] = 0.0
    line = expected_line(clean)
    assert len(line.x) < 320
    assert line.x[-1] == 100_000.0
    assert line.y[-1] == pytest.approx(10.0)
    assert [y for x, y in zip(line.x, line.y, strict=True) if x <= 5] == [0, 1, 2, 3, 4, 5]


def test_decisions_count_in_the_order_in_which_they_were_made():
    known = [
        Known("c", "cat", "wrong", when="2026-01-03"),
        Known("a", "cat", "wrong", when="2026-01-01"),
        Known("b", "cat", "ok", when="2026-01-02"),
        Known("d", "cat", "open"),
    ]
    line = decided_line(known)
    assert (line.x, line.y) == ((0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 1.0, 2.0))
    assert decided_line([]).y == (0.0,)


def test_an_epoch_that_was_done_again_counts_as_it_was_done_last(tmp_path):
    events = [
        {"event": "StageStarted", "stage": "n1", "title": "Network 1"},
        {"event": "EpochFinished", "stage": "n1", "epoch": 1, "mean_loss": 2.0},
        {"event": "EpochFinished", "stage": "n1", "epoch": 2, "mean_loss": 1.5},
        {"event": "EpochFinished", "stage": "n1", "epoch": 2, "mean_loss": 1.0},
        {"event": "EpochTested", "stage": "n1", "epoch": 2, "accuracy": 0.8},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, events)) + '\n{"event": "EpochFin')  # a crash cut the last line off
    (loss,) = training_lines(read_events(path), "EpochFinished", "mean_loss")
    (accuracy,) = training_lines(read_events(path), "EpochTested", "accuracy")
    assert (loss.name, loss.x, loss.y) == ("Network 1", (1.0, 2.0), (2.0, 1.0))
    assert accuracy.y == (0.8,)
    assert read_events(tmp_path / "none.jsonl") == []


def test_flows_count_suspects_by_pair():
    flows = flows_of(["cat", "cat", "dog"], ["dog", "dog", "fox"], ["fox", "cat", "dog"])
    assert flows.classes == ("fox", "cat", "dog")
    assert flows.counts.tolist() == [[0, 0, 0], [0, 0, 2], [1, 0, 0]]
    assert flows.pairs == (("cat", "dog", 2), ("dog", "fox", 1))
    assert not flows.has_others


def test_classes_beyond_the_most_are_counted_together():
    given = [f"c{k}" for k in range(10)] + ["c0"] * 5
    suggested = [f"c{(k + 1) % 10}" for k in range(10)] + ["c1"] * 5
    flows = flows_of(given, suggested, [f"c{k}" for k in range(10)], most=4)
    assert flows.classes == ("c0", "c1", "c2", OTHERS)
    assert flows.has_others
    assert flows.counts.sum() == 15
    assert flows.counts[0].tolist() == [0, 6, 0, 0]
