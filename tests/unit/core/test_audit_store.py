"""The audit store under faults: whatever fails or dies at any write, what is on disk is before or after, never between.

Hypothesis makes up runs of operations; at a random call to the system, the disk is full or the process dies.
"""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Known, read_decisions, record_decision
from labelaudit.core.errors import DataError
from labelaudit.core.findings import write_findings
from labelaudit.core.stored_arrays import read_arrays
from tests.pets import small_findings


class Died(BaseException):
    """The process is gone: nothing of it runs any more, not even what would clean up."""


class Faults:
    """Stands before calls to the system, and lets the one that is due fail or be the last."""

    def __init__(self):
        self.left, self.kind, self.is_dead = None, "full", False
        self.real = {"fsync": os.fsync, "open": os.open, "replace": Path.replace, "unlink": Path.unlink}
        self.put({name: self.before(call) for name, call in self.real.items()})

    def before(self, call):
        def guarded(*arguments, **named):
            if self.is_dead:
                raise Died
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    self.left = None
                    if self.kind == "dies":
                        self.is_dead = True
                        raise Died
                    raise OSError(errno.ENOSPC, "No space left on device")
            return call(*arguments, **named)

        return guarded

    def remove(self):
        self.put(self.real)

    @staticmethod
    def put(calls):
        for name, call in calls.items():
            setattr(os if name in ("fsync", "open") else Path, name, call)


faults_due: dict[str, Any] = {"kind": st.sampled_from(["full", "dies"]), "at": st.none() | st.integers(0, 9)}


class AuditStore(RuleBasedStateMachine):
    """What an audit must say after every operation, whether it went well or not."""

    audits = Bundle("audits")

    @initialize()
    def begin(self):
        self.root = Path(tempfile.mkdtemp())
        self.audit = Audit.create(self.root, method="panel", facts={"source": "pets"})
        write_findings(small_findings(), self.audit.findings_path)
        self.faults = Faults()
        self.may_say = [self.audit.meta]  # what audit.json may hold: before, and after where nobody knows
        self.decided, self.may_be_decided = [], []
        self.arrays = [None]

    def attempt(self, do, kind, at):
        """Do something with a fault due; whether it went well, None where nobody knows."""
        self.faults.left, self.faults.kind = at, kind
        try:
            do()
        except (OSError, Died):
            return None
        except (DataError, ValueError):
            return False
        finally:
            self.faults.left, self.faults.is_dead = None, False
            self.audit = Audit(self.audit.path)
        return True

    @rule(value=st.integers(0, 9), **faults_due)
    def update(self, value, kind, at):
        before = self.may_say
        went = self.attempt(lambda: self.audit.update(seed=value), kind, at)
        if went is not False:
            after = [says | {"seed": value} for says in before if says["status"] != "finished"]
            self.may_say = after if went else before + after

    @rule(**faults_due)
    def finish(self, kind, at):
        went = self.attempt(lambda: self.audit.finish({"noise_rate": 0.5}), kind, at)
        says = self.audit.meta
        if went:
            assert says["status"] == "finished"
        if says["status"] == "finished":
            assert says["results"] == {"noise_rate": 0.5}
            assert says["files"]["findings.parquet"]["bytes"] == self.audit.findings_path.stat().st_size
            self.may_say = [says]

    @rule(number=st.integers(0, 99), **faults_due)
    def decide(self, number, kind, at):
        known = Known(f"{number:04x}", "cat", "ok", why="x")
        went = self.attempt(lambda: record_decision(self.audit, known, sample_id=str(number)), kind, at)
        (self.decided if went else self.may_be_decided).append(known.key)

    @rule(value=st.integers(0, 99), **faults_due)
    def write(self, value, kind, at):
        went = self.attempt(lambda: self.audit.write_arrays("evidence", losses=np.full(3, value)), kind, at)
        if went is not False:
            self.arrays = [value] if went else [*self.arrays, value]

    @rule(**faults_due)
    def event(self, kind, at):
        self.attempt(lambda: self.audit.append_event({"event": "Said", "text": "x"}), kind, at)

    @invariant()
    def what_is_on_disk_is_before_or_after(self):
        if not hasattr(self, "root"):
            return
        assert self.audit.meta in self.may_say
        self.may_say = [self.audit.meta]
        path = self.audit.evidence_path
        value = int(read_arrays(path)["losses"][0]) if path.exists() else None
        assert value in self.arrays
        self.arrays = [value]

    @invariant()
    def no_decision_that_was_taken_is_lost(self):
        if hasattr(self, "root"):
            found = set(read_decisions(self.audit).known)
            assert set(self.decided) <= found <= set(self.decided) | set(self.may_be_decided)

    def teardown(self):
        if hasattr(self, "root"):
            self.faults.remove()
            self.audit.append_decision({"schema": 1, "verdict": "ok"})  # whatever came before, the store still works
            assert not [*self.root.rglob(".decisions*.part")]
            shutil.rmtree(self.root)


TestAuditStore = AuditStore.TestCase
TestAuditStore.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
