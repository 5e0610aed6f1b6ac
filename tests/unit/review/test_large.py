"""A hundred thousand findings, ten thousand of them suspects: what a key costs does not grow with them."""

import time

import numpy as np
import pytest

from labelaudit.core.decisions import Entry, Known, record_decisions
from labelaudit.review.desk import About, Who
from labelaudit.review.orders import Wanted
from tests.gate_audit import Row, write_rows
from tests.review_desk import open_desk

ANN = Who("Ann", "a")
MOST_S = 0.5  # of processor time; people feel a tenth of a second, and test machines are slow


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    classes = [f"class {number:03d}" for number in range(200)]
    given = np.random.default_rng(0).integers(0, 200, 100_000).tolist()
    rows = [
        Row(f"{at:06d}.png", classes[label], 0.1 if at % 10 == 0 else 0.95, classes[(label + 1 + at % 7) % 200])
        for at, label in enumerate(given)
    ]
    return write_rows(tmp_path_factory.mktemp("large"), rows)


def seconds_of(act):
    """Return the processor time of this thread that something takes."""
    started = time.thread_time()
    act()
    return time.thread_time() - started


@pytest.mark.slow
def test_no_request_slows_down(audit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    columns = None
    with open_desk(audit) as desk:
        columns = desk.columns
        took = {
            "queue": seconds_of(lambda: desk.queue(Wanted(), ANN, after=-1, n=12)),
            "late": seconds_of(lambda: desk.queue(Wanted(), ANN, after=9_000, n=12)),
            "grid": seconds_of(lambda: desk.page(Wanted("pair", "class 003"), ANN, start=-1, n=60)),
            "decide": seconds_of(lambda: desk.decide([About(0, 0)], "keep", ANN)),
            "state": seconds_of(lambda: desk.state(ANN)),
        }
    assert {name: seconds for name, seconds in took.items() if seconds > MOST_S} == {}
    entries = []
    for row in range(10, 50_000, 10):
        sample = columns.sample(row)
        known = Known(
            sample.content_hash, sample.given_label or "", "wrong", who="Ben", when="2026-11-21T10:00:00+00:00"
        )
        entries.append(Entry(known, sample.sample_id))
    record_decisions(audit, entries)
    with open_desk(audit) as desk:
        state = desk.state(ANN)
        assert (state["suspects"], state["suspects_open"]) == (10_000, 5_000)
        assert (len(state["pairs"]), state["second"]) == (300, 4_999)
        took = {
            "queue": seconds_of(lambda: desk.queue(Wanted(), ANN, after=-1, n=12)),
            "decide": seconds_of(lambda: desk.decide([About(99_990, 0)], "keep", ANN)),
            "second": seconds_of(lambda: desk.queue(Wanted("second"), ANN, after=-1, n=12)),
        }
    assert {name: seconds for name, seconds in took.items() if seconds > MOST_S} == {}
