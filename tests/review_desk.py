"""What the tests of the review page share: small audits with pictures, and a client as a browser would be one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from labelaudit.core.audits import Audit
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings
from labelaudit.core.recipe import DataSettings
from labelaudit.core.several import several_facts
from labelaudit.gate.compare import content_hash_of
from labelaudit.gate.opened import open_audit, settings_in_force
from labelaudit.review.desk import Desk
from labelaudit.review.guard import Secrets
from labelaudit.review.reasons import Reasons
from labelaudit.review.server import Review, make_app
from labelaudit.review.sight import Sight
from labelaudit.sources.read import read_dataset
from tests.gate_audit import Row, write_pictures, write_rows

TAB = "tab1"
HOME = "http://127.0.0.1:8642"
ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    Row("cat/2.png", "cat", 0.10, "dog"),
    Row("dog/3.png", "dog", 0.20, "cat"),
    Row("dog/4.png", "dog", 0.30, "cow"),
    Row("cow/5.png", "cow", 0.95, "dog"),
    Row("cow/6.png", "cow", 0.97, "dog"),
]


def write_audit(root: Path, rows: Sequence[Row] = ROWS, **facts: Any) -> Audit:
    """Write pictures and an audit of them."""
    return write_rows(root, write_pictures(root / "photos", rows), **facts)


def write_audit_of(root: Path, source: Path, settings: DataSettings, clean_prob: Sequence[float]) -> Audit:
    """Write an audit of data that is there: each sample as right as this, with the next class suggested."""
    dataset = read_dataset(source, settings, several=True)
    several = dataset.samples.several
    clean, n_classes = np.array(clean_prob), dataset.n_classes
    suggested = (dataset.given + 1) % n_classes if several is None else dataset.given ^ 1
    evidence = Evidence(
        losses=-np.log(clean),
        given_probs=clean,
        top_labels=np.stack([suggested, dataset.given], axis=1),
        top_probs=np.stack([1 - clean, clean], axis=1),
    )
    suspect = clean < 0.5
    actions, issues = np.where(suspect, "relabel", "keep"), np.where(suspect, "mislabelled", "")
    frame = build_findings(
        dataset,
        evidence,
        Judged(clean, suggested, 1 - clean, actions, issues),
        content_hashes=[content_hash_of(dataset, index) for index in range(len(dataset))],
        details=[""] * len(dataset),
    )
    facts = {
        "source": str(source),
        "recipe": {"name": "fast", "data": dataclasses.asdict(settings)},
        "dataset": {
            "kind": dataset.kind,
            "samples": len(dataset),
            "classes": list(dataset.classes),
            "split": None,
            "several": None if several is None else several_facts(several),
        },
    }
    audit = Audit.create(root, method="panel", facts=facts)
    audit.write_arrays("evidence", **evidence.arrays())
    write_findings(frame, audit.findings_path)
    audit.finish({"noise_rate": float((1 - clean).mean()), "noise_interval": [0.01, 0.5]})
    return audit


@contextmanager
def open_desk(audit: Audit) -> Iterator[Desk]:
    """Open an audit as `labelaudit review` does."""
    desk = Desk(open_audit(settings_in_force(), audit))
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def open_page(audit: Audit, *, reviewer: str = "Ann") -> Iterator[Page]:
    """Serve the page of an audit to a client that has the token."""
    with open_desk(audit) as desk:
        sight = Sight(desk.audit, desk.columns)
        review = Review(desk, sight, Reasons(desk.audit, desk.columns, sight), "photos", reviewer)
        known = Secrets()
        client = TestClient(make_app(review, known), base_url=HOME)
        yield Page(client, known, desk)


class Page:
    """A browser in which the page is open."""

    def __init__(self, client: TestClient, known: Secrets, desk: Desk) -> None:
        self.client, self.known, self.desk = client, known, desk

    def enter(self) -> Page:
        """Open the address that the command prints."""
        assert self.client.get("/", params={"token": self.known.token}).status_code == 200
        return self

    def get(self, name: str, **about: Any) -> Any:
        """Ask for something."""
        answer = self.client.get(f"/api/{name}", params={"tab": TAB, **about})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, name: str, **about: Any) -> Any:
        """Say something, as the page would."""
        answer = self.client.post(f"/api/{name}", json={"tab": TAB, **about}, headers={"origin": HOME})
        return answer.json() | {"status": answer.status_code}

    def decide(self, item: dict[str, Any], choice: str, **more: Any) -> Any:
        """Decide on a sample as it was shown."""
        samples = [{"row": item["row"], "version": item["version"]}]
        return self.post("decide", samples=samples, choice=choice, **more)


def rows_of(answer: dict[str, Any]) -> list[int]:
    """Return the rows of the samples in an answer of the desk."""
    return [item["row"] for item in answer["items"]]
