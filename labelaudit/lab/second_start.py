"""How long a scan takes from the start of the command to its first training step: the first time, and again.

python -m labelaudit.lab.second_start DATA [OPTIONS OF SCAN]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelaudit.core.errors import TrainingError

_MILESTONES = ("started", "prepared", "images found", "images read", "stage began", "first step")


def starts(source: Path, *, options: Sequence[str] = (), scans: int = 3) -> list[dict[str, float]]:
    """Return one row per scan: the seconds from the start of its process to each milestone, and of the processor.

    Every scan is a process of its own that is stopped after its first training step. The first decodes the images,
    the others find them in the cache; all run in a temporary folder, so that nothing stays behind.

    Args:
        source: class folders, or anything else that `labelaudit scan` reads.
        options: of `labelaudit scan`.
        scans: how many one after another.

    Raises:
        TrainingError: a scan ended before it trained.
    """
    with tempfile.TemporaryDirectory(prefix="labelaudit-starts-") as root:
        return [_milestones(source, options, Path(root)) for _ in range(scans)]


def _milestones(source: Path, options: Sequence[str], root: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _WATCHED, "scan", str(source.absolute()), "--output", str(root), *options]
    began = time.time()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        seen: dict[str, Any] = json.loads(ended.stdout)
        reached = {name: round(seen[name] - began, 3) for name in _MILESTONES if name in seen}
        return reached | {"cpu_s": round(seen["cpu_s"], 3)}
    except ValueError:
        raise TrainingError(f"the scan of {source} ended before it trained: {ended.stderr.strip()}") from None


# The command itself, with somebody who looks at its events and at the clock, and stops it once it has trained.
_WATCHED = """
import json, sys, time
seen = {"started": time.time()}
from labelaudit.cli.app import main
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.events import Said, SamplesDone, StageFinished, StageStarted

def watch(self, event):
    match event:
        case Said() if "images found" not in seen:
            seen["prepared"] = time.time()
        case StageStarted("decode"):
            seen["images found"] = time.time()
        case StageFinished("decode"):
            seen["images read"] = time.time()
        case StageStarted(_):
            seen["stage began"] = time.time()
        case SamplesDone(_, _, epoch) if epoch:
            seen["first step"] = time.time()
            seen["cpu_s"] = time.process_time()
            print(json.dumps(seen), flush=True)
            raise KeyboardInterrupt

ScanProgress.__call__ = watch
sys.argv[0] = "labelaudit"
main()
"""


def main() -> None:
    """Print a line for each scan of the data that the command line names."""
    if len(sys.argv) < 2:
        sys.exit("Give a folder or a table: python -m labelaudit.lab.second_start DATA [OPTIONS OF SCAN]")
    for number, row in enumerate(starts(Path(sys.argv[1]), options=sys.argv[2:]), start=1):
        parts = ", ".join(f"{name} {row[name]:.2f}" for name in _MILESTONES if name in row)
        total = f"{row['first step']:.2f} s to the first training step, {row['cpu_s']:.2f} s of the processor"
        sys.stdout.write(f"scan {number}: {total} ({parts})\n")


if __name__ == "__main__":
    main()
