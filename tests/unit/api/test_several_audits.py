"""Audits of samples with several labels each whose files do not fit each other: refused, whoever laid them out."""

import json
from typing import Any

import numpy as np
import pytest

from labelaudit.api.apply import apply
from labelaudit.api.ask import write_questions
from labelaudit.api.check import check
from labelaudit.api.judge import judge
from labelaudit.api.load import show
from labelaudit.api.mark import mark
from labelaudit.cli.console import make_console
from labelaudit.cli.render_labels import label_table
from labelaudit.core.errors import DataError
from labelaudit.core.evidence import Evidence, evidence_from_probs, witness_from_probs
from tests.gate_audit import Row, write_rows

NAMES = ["rust", "scab"]
CLASSES = ["rust", "not rust", "scab", "not scab"]
SEVERAL = {"names": NAMES, "kind": "cells", "column": "labels", "between": ";"}
LABEL = {"name": "rust", "has": 4, "should_not": 1, "lacks_but_should": 0, "noise_rate": 0.1, "interval": None}
N = 8


def write_leaves(folder, *, several=None, rows=None, results=None, top=None, predicted=None):
    """Write an audit of leaves that have rust, scab, or neither; what is given stands in for what would be right."""
    given = np.array([2 * label + (leaf + label) % 2 for leaf in range(N) for label in range(2)])
    probs = np.where(given[:, None] == np.arange(4), 0.9, np.where(given[:, None] == np.arange(4) ^ 1, 0.1, 0.0))
    found = evidence_from_probs(probs, given)
    names = [f"{leaf}.png#{NAMES[label]}" for leaf in range(N) for label in range(2)]
    made = [
        Row(name, CLASSES[place], content=str(number))
        for number, (name, place) in enumerate(zip(names, given, strict=True))
    ]
    audit = write_rows(folder, rows(made) if rows else made, classes=CLASSES, results=results)
    other = witness_from_probs(probs, given, is_taught=False)
    if predicted is not None:
        other.predicted[:] = predicted
    evidence = Evidence(
        found.losses, found.given_probs, found.top_labels[:, :2] if top is None else top, found.top_probs[:, :2],
        scores=dict(found.scores), witnesses={"look": other},
    )  # fmt: skip
    arrays: dict[str, Any] = evidence.arrays()
    np.savez(audit.path / "evidence.npz", **arrays)
    meta = json.loads((audit.path / "audit.json").read_text())
    meta["dataset"]["several"] = SEVERAL | (several or {})
    (audit.path / "audit.json").write_text(json.dumps(meta))
    return audit


def test_one_that_fits_is_judged(tmp_path):
    assert len(judge(write_leaves(tmp_path)).findings) == 2 * N


@pytest.mark.parametrize(
    ("several", "key"),
    [
        ({"names": None}, "names"),
        ({"names": "rust"}, "names"),
        ({"names": ["rust"]}, "names"),
        ({"names": []}, "names"),
        ({"names": ["rust", 3]}, r"names\[1\]"),
        ({"names": [*NAMES, "mould"]}, "names"),
        ({"column": 3}, "column"),
        ({"between": None}, "between"),
    ],
)
def test_facts_that_do_not_fit_are_named_by_every_command(tmp_path, monkeypatch, several, key):
    monkeypatch.chdir(tmp_path)
    write_leaves(tmp_path, several=several)
    commands = (
        lambda: judge(tmp_path),
        check,
        show,
        apply,
        lambda: write_questions("q.csv"),
        lambda: mark(["0.png#rust"], verdict="wrong", why="x"),
    )
    for command in commands:
        with pytest.raises(DataError, match=rf"audit\.json.*dataset\.several\.{key} is"):
            command()


@pytest.mark.parametrize(
    "rows", [lambda rows: rows[:-1], lambda rows: [rows[1], rows[0], *rows[2:]], lambda rows: rows[::2] + rows[1::2]]
)
def test_findings_that_are_not_all_pairs_in_order_are_not_judged(tmp_path, rows):
    audit = write_leaves(tmp_path, rows=rows)
    with pytest.raises(DataError, match="findings"):
        judge(audit)


@pytest.mark.parametrize("told", [{"top": np.zeros((2 * N, 2), dtype=np.int64)}, {"predicted": 3}])
def test_evidence_on_other_labels_is_not_judged(tmp_path, told):
    audit = write_leaves(tmp_path, **told)
    with pytest.raises(DataError, match=r"evidence\.npz is damaged: it tells of other labels"):
        judge(audit)


@pytest.mark.parametrize(
    "labels",
    [5, [3], [{"name": "rust"}], [LABEL | {"quiet": True, "has": -1}], [LABEL | {"quiet": True, "interval": [0.1]}]],
)
def test_what_is_said_of_labels_must_fit(tmp_path, labels):
    audit = write_leaves(tmp_path, results={"labels": labels})
    with pytest.raises(DataError, match=r"results\.labels"):
        _ = audit.summary


def test_the_name_of_a_label_is_shown_and_not_obeyed(tmp_path, capsys):
    named = LABEL | {"quiet": False, "name": "\x1b]0;[bold]r\u202eust"}
    audit = write_leaves(tmp_path, results={"labels": [named]})
    make_console().print(label_table(audit.summary), markup=False)
    shown = capsys.readouterr().out
    assert r"\x1b]0;[bold]r\u202eust" in shown
