"""A hundred thousand findings, ten thousand of them suspects: the page gets no more of them than it asks for."""

import numpy as np
import pytest

from labelaudit.core.decisions import Entry, Known, record_decisions
from labelaudit.review.desk import About, Who
from labelaudit.review.orders import Wanted
from tests.gate_audit import Row, write_rows
from tests.review_desk import open_desk, rows_of

ANN = Who("Ann", "a")


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    classes = [f"class {number:03d}" for number in range(200)]
    given = np.random.default_rng(0).integers(0, 200, 100_000).tolist()
    rows = [
        Row(f"{at:06d}.png", classes[label], 0.1 if at % 10 == 0 else 0.95, classes[(label + 1 + at % 7) % 200])
        for at, label in enumerate(given)
    ]
    return write_rows(tmp_path_factory.mktemp("large"), rows)


@pytest.mark.slow
def test_every_answer_is_a_piece(audit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_desk(audit) as desk:
        columns = desk.columns
        first, late = (desk.queue(Wanted(), ANN, after=after, n=12) for after in (-1, 9_000))
        grid = desk.page(Wanted("pair", "class 003"), ANN, start=-1, n=20)
        assert [len(rows_of(piece)) for piece in (first, late, grid)] == [12, 12, 20]
        assert set(rows_of(first)).isdisjoint(rows_of(late))
        desk.decide([About(0, 0)], "keep", ANN)
        assert desk.state(ANN)["suspects_open"] == 9_999
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
        desk.decide([About(99_990, 0)], "keep", ANN)
        assert len(rows_of(desk.queue(Wanted("second"), ANN, after=-1, n=12))) == 12
