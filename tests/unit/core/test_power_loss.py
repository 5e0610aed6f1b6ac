"""The power goes out at any moment of writing a run: what is there is before or after, and what was said holds.

The disk is one that drops what was not synced (tests/power.py); every state that it could be left in is opened.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from labelaudit.core.audits import Audit, find_audit
from labelaudit.core.decisions import Known, read_decisions, record_decision
from labelaudit.core.errors import DataError
from labelaudit.core.findings import read_findings, write_findings
from labelaudit.core.stored_arrays import read_arrays
from labelaudit.training.checkpoint import load_tensors, path_before, save_stage
from tests.pets import small_findings
from tests.power import Disk, State, lay_out
from tests.unit.training.test_checkpoint import new_state

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file's path is read from /proc")


class Watched:
    """An audit that is written, and what anybody was told of it so far."""

    def __init__(self, root: Path) -> None:
        self.root, self.audit = root, Audit(root)
        self.is_begun = self.has_findings = self.is_finished = False
        self.seeds: set[int | None] = {None}  # that audit.json may have
        self.epochs = {0}  # that a checkpoint may be of
        self.decided: list[str] = []
        self.looked_at = 0

    def look(self, state: State) -> None:
        """Open what a loss of power would leave."""
        self.looked_at += 1
        folder = Path(tempfile.mkdtemp())
        try:
            lay_out(state, folder)
            self.check(folder)
        finally:
            shutil.rmtree(folder)

    def check(self, folder: Path) -> None:
        path = folder / self.audit.path.relative_to(self.root)
        if not self.is_begun:
            for each in folder.glob(".labelaudit/audits/*/audit.json"):
                assert Audit(each.parent).status == "running"
            return
        left = Audit(path)
        assert left.meta.get("seed") in self.seeds
        assert self.epochs & self.left_epochs(path)
        if (path / "findings.parquet").exists() or self.has_findings:
            assert len(read_findings(left.findings_path)) == 6
        if (path / "evidence.npz").exists():
            assert read_arrays(left.evidence_path)["losses"].tolist() == [7, 7, 7]
        assert set(self.decided) <= {known.content_hash for known in read_decisions(left).known.values()}
        if self.is_finished:
            assert left.status == "finished"
            assert find_audit(folder).path.name == path.name

    def left_epochs(self, path: Path) -> set[int]:
        newest = path / "checkpoints" / "a.safetensors"
        for each in (newest, path_before(newest)):
            if each.exists():
                try:
                    return {load_tensors(each)[1]["epoch"]}
                except DataError:
                    continue
        return {0}


def test_after_a_loss_of_power_a_run_is_as_it_was_before_or_after_and_what_was_said_holds(tmp_path):
    here = Watched(tmp_path)
    with Disk(tmp_path, here.look):
        here.audit = Audit.create(tmp_path, method="panel", facts={"source": "pets"})
        here.is_begun = True
        state, path = new_state(), here.audit.checkpoints_path / "a.safetensors"
        for epoch in (1, 2, 3):
            state.epoch = epoch
            here.epochs.add(epoch)
            save_stage(path, state)
            here.epochs = {epoch}
            here.audit.append_event({"event": "Said", "text": str(epoch)})
        here.seeds.add(3)
        here.audit.update(seed=3)
        here.seeds = {3}
        here.audit.write_arrays("evidence", losses=np.full(3, 7))
        write_findings(small_findings(), here.audit.findings_path)
        here.has_findings = True
        for name in ("h0", "h1"):
            record_decision(here.audit, Known(name, "cat", "ok", why="x"), sample_id=name)
            here.decided.append(name)
        here.audit.finish({"noise_rate": 0.5})
        here.is_finished = True
        record_decision(here.audit, Known("h2", "dog", "ok", why="x"), sample_id="c.png")
        here.decided.append("h2")
    assert here.looked_at > 150


def test_the_disk_of_this_test_forgets_what_was_not_synced(tmp_path):
    states: list[State] = []
    with Disk(tmp_path, states.append) as disk:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_bytes(b"new")
        assert disk.states() == [{}, {"a": None, "a/b": b""}]
