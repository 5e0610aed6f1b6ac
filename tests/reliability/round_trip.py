"""Every layout that is read, all the way: inspect, scan, mark, apply, export, and inspect again.

`python -m tests.reliability.round_trip [WORD ...]` takes the layouts whose names hold a word, all without one; it
prints a line for each and fails where one does not come back. The tests do a few of them
(tests/unit/mending/test_layouts.py).
"""

from __future__ import annotations

import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import labelaudit
from labelaudit.core.audits import Audit
from labelaudit.core.errors import LabelAuditError
from tests.layouts import LAYOUTS, Layout

REFUSED = ("a partitioned table", "JSON from label to images")  # a label is where a row is, not what a cell holds


def round_trip(layout: Layout, root: Path) -> list[str]:
    """Return what is wrong after a way through all commands; nothing where all is well."""
    (root / "data").mkdir(parents=True)
    (root / "exports").mkdir()
    source = layout.write(root / "data")
    before = labelaudit.inspect(source, estimate=False, **layout.settings).to_dict()
    audit = labelaudit.scan(source, root=root, quick=True, **layout.settings)
    wrong = _decide(audit, layout)
    try:
        outputs = [labelaudit.apply(audit).output, *labelaudit.export(audit, "relabelled", output=root / "exports")]
    except LabelAuditError as error:
        return [] if layout.name in REFUSED and "--relabelled.csv" in str(error) else [f"refused: {error}"]
    labelaudit.export(audit, "suspect.csv", output=root)
    settings: dict[str, Any] = {**layout.settings, "follow_links": False}
    problems: list[str] = []
    for out in outputs:
        if out.parent != source.parent and (paths := _root_of_paths(audit, root)):
            settings["image_root"] = paths
        if out.suffix != source.suffix or out.is_dir() != source.is_dir():
            problems.append(f"{out.name} is not of the kind of {source.name}")
        after = labelaudit.inspect(out, estimate=False, **settings).to_dict()
        problems += _differences(before, after, wrong)
    return problems


def _root_of_paths(audit: Audit, root: Path) -> str | None:
    """Return from where paths start in a table that is put elsewhere, as apply says."""
    (root / "dry").mkdir()
    notes = labelaudit.apply(audit, output=root / "dry", dry_run=True).difference.notes
    return next((found[1] for note in notes if (found := re.match(r"its paths start from (.*): scan it", note))), None)


def _decide(audit: Audit, layout: Layout) -> dict[str, int]:
    """Mark the first sample as wrong and all suspects as seen; return by how much the count of each class changes."""
    finding = audit.findings.sort_values("sample_id").iloc[0]
    for suspect in audit.suspects["sample_id"]:
        labelaudit.mark([suspect], verdict="ok", why="seen", audit=audit)
    if layout.labels:
        label = finding["sample_id"].rpartition("#")[2]
        labelaudit.mark([finding["sample_id"]], verdict="wrong", why="seen", audit=audit)
        return {label: -1 if finding["given_label"] == label else 1}
    other = next(name for name in layout.classes if name != finding["given_label"])
    labelaudit.mark([finding["sample_id"]], verdict="wrong", label=other, why="seen", audit=audit)
    twins = int((audit.findings["content_hash"] == finding["content_hash"]).sum()) if layout.kind == "images" else 1
    return {finding["given_label"]: -twins, other: twins}


def _differences(before: dict[str, Any], after: dict[str, Any], wrong: dict[str, int]) -> list[str]:
    """Return in what two inspections differ beside the labels that were marked."""
    changed = [name for name in ("kind", "split") if before[name] != after[name]]
    problems = [f"{name} was {before[name]!r}, is {after[name]!r}" for name in changed]
    uses = [[(each["name"], each["use"]) for each in found.get("columns") or ()] for found in (before, after)]
    if uses[0] != uses[1]:
        problems.append(f"columns were {uses[0]}, are {uses[1]}")
    names = before["classes"].keys() | after["classes"].keys()
    moved = {name: after["classes"].get(name, 0) - before["classes"].get(name, 0) for name in names}
    moved = {name: n for name, n in moved.items() if n}
    if moved != wrong:
        problems.append(f"classes changed by {moved} instead of {wrong}")
    return problems


def main(words: Sequence[str]) -> int:
    """Return 0 where every layout comes back."""
    failed = 0
    for layout in LAYOUTS:
        if words and not any(word in layout.name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                problems = round_trip(layout, Path(folder))
            except Exception:
                problems = ["".join(traceback.format_exc().splitlines(keepends=True)[-6:])]
        failed += bool(problems)
        first = f"{'FAILED' if problems else 'ok    '} {layout.group}: {layout.name}"
        print("\n  ".join([first, *problems]), flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
