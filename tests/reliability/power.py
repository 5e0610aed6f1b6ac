"""Let the power go out at every durable step of a scan: every state opens, and the scan goes on to the same findings.

    python -m tests.reliability.power --goes-on 20

A scan of a table runs on a disk that notes what a loss of power would leave (tests/power.py). Every state is opened; of
those with an unfinished audit, some evenly chosen ones are gone on with and held against the scan that was left alone.
Ends with 1 where one is torn, cannot go on, or finds something else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from labelaudit.api.scan import scan
from labelaudit.core.audits import Audit
from labelaudit.core.errors import LabelAuditError
from labelaudit.training import job
from tests.cli.terminal import write_flowers
from tests.power import Disk, State, lay_out

SETTINGS: dict[str, Any] = {"label_column": "species", "method": "ce", "device": "cpu", "overrides": {"epochs": "6"}}


def status_of(folder: Path) -> str:
    """Return what a state comes to: no audit, or the status of its only one; raises where that is torn."""
    found = [path for path in folder.glob(".labelaudit/audits/*") if (path / "audit.json").exists()]
    if not found:
        return "no audit"
    audit = Audit(found[0])
    if audit.status == "finished":
        return f"finished, {len(audit.findings)} findings"
    return audit.status


def findings_of(folder: Path) -> bytes:
    """Return the findings of the newest audit."""
    return max(folder.glob(".labelaudit/audits/*/findings.parquet")).read_bytes()


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goes-on", type=int, default=20)
    asked = parser.parse_args()
    job._CHECKPOINT_EVERY_S = 0.0  # after every epoch
    states: list[State] = []
    with tempfile.TemporaryDirectory() as top:
        root = Path(top, "whole")
        root.mkdir()
        table = write_flowers(root, n=60)
        with Disk(root, lambda state: states.append(state) if state not in states[-2:] else None):
            scan(table, root=root, **SETTINGS)
        expected, seen, unfinished, bad = findings_of(root), Counter[str](), list[State](), 0
        for number, state in enumerate(states):
            folder = Path(top, f"state{number}")
            lay_out(state, folder)
            try:
                status = status_of(folder)
            except LabelAuditError as error:
                status, bad = f"torn: {error.problem.replace(str(folder), '')[:100]}", bad + 1
            seen[status] += 1
            if status == "running":
                unfinished.append(state)
        print(f"{len(states)} states: " + "; ".join(f"{n} {status}" for status, n in seen.most_common()), flush=True)
        chosen = unfinished[:: max(1, len(unfinished) // asked.goes_on)]
        equal = 0
        for state in chosen:
            for path in root.rglob("*"):
                if path.is_file() and path != table:
                    path.unlink()
            lay_out(state, root)
            try:
                scan(table, root=root, resume=True)
                equal += findings_of(root) == expected
            except LabelAuditError as error:
                print(error)
        print(f"{len(chosen)} of {len(unfinished)} unfinished ones gone on with, {equal} equal byte for byte")
    return 1 if bad or equal < len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
