"""How true the time left is that a scan tells: what it says on the terminal beside what came.

python -m labelaudit.lab.told_time DATA [options of labelaudit scan]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_FROM_S = 120.0  # before that the first epochs, which are slower, still weigh too much


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a scan that told a time left."""

    at_s: float  # since the command was started
    left_s: float


def said_left(line: str) -> float | None:
    """Return the seconds of "..., 3 min 05 s left" at the end of a line, None where it tells no time."""
    match = re.search(r"([\d.]+ (?:s|min|h)(?: \d+ (?:s|min))?) left\s*$", line)
    if match is None:
        return None
    words = match[1].split()
    return sum(float(number) * _SECONDS[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


def watch(arguments: Sequence[str]) -> tuple[list[Told], float]:
    """Run a scan in a process and a folder of its own; return what it told, and its seconds until it ended.

    Raises:
        RuntimeError: the scan failed.
    """
    told, last = [], ""
    with tempfile.TemporaryDirectory(prefix="labelaudit-bench-") as folder:
        command = [sys.executable, "-m", "labelaudit", "scan", *arguments, "--output", folder]
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as scan:
            for line in scan.stderr or ():
                left = said_left(line)
                last = line.strip() or last
                if left is not None:
                    told.append(Told(time.monotonic() - started, left))
        if scan.returncode:
            raise RuntimeError(f"the scan ended with {scan.returncode}: {last}")
        return told, time.monotonic() - started


def worst_error(told: Sequence[Told], seconds: float, *, since_s: float = _FROM_S) -> float | None:
    """Return the largest |told - real| / real of the times left that were told from then on, None where none was.

    The last ten seconds are left out, in which whole seconds and the writing of the findings are all that is left.
    """
    errors = [
        abs(each.left_s - real) / real for each in told if each.at_s >= since_s and (real := seconds - each.at_s) > 10
    ]
    return max(errors, default=None)


def main() -> None:
    """Print what was told, and what came."""
    told, seconds = watch(sys.argv[1:])
    for each in told:
        sys.stdout.write(f"{each.at_s:7.1f} s: told {each.left_s:6.1f} s, came {seconds - each.at_s:6.1f} s\n")
    worst = worst_error(told, seconds)
    shown = "nothing told after two minutes" if worst is None else f"at most {worst:.0%} off from two minutes on"
    sys.stdout.write(f"the scan took {seconds:.1f} s; {shown}\n")


if __name__ == "__main__":
    main()
