"""Kill scans with -9 at random moments, go on with each, and hold its findings against those of a scan left alone.

    python -m tests.reliability.kill --kills 50 --seed 1 [--first 24]

Every method takes its turn, on a table of flowers, or on images for every fourth kill. Prints a line for each kill and
the sum; ends with 1 where a scan that went on found something else, or could not go on. `--first` leaves out those
before it: every kill is drawn by itself, among the moments at which its audit has begun.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from labelaudit.methods.registry import METHODS, require_method
from tests.cli.terminal import COMMAND, PLAIN, write_flowers, write_photos


def words_of(method: str, data: str) -> list[str]:
    """Return the arguments of a short scan."""
    table = ["--label-column", "species"] if data.endswith(".csv") else []
    needs_trusted = getattr(require_method(method), "NEEDS_TRUSTED", False)
    trusted = ["--trusted", data, "--trusted-per-class", "2"] if needs_trusted else []
    short = ["--method", method, "--epochs-scale", "0.05", "--device", "cpu", "--seed", "3"]
    return ["scan", data, *short, *table, *trusted]


def findings_of(folder: Path) -> bytes | None:
    """Return the findings of the only audit, None where there is none."""
    found = list(folder.glob(".labelaudit/audits/*/findings.parquet"))
    return found[0].read_bytes() if len(found) == 1 else None


def run(words: list[str], folder: Path, *, kill_after_s: float | None = None) -> tuple[int, float]:
    """Run a command; return its exit code and how long it went on after its audit was there.

    Args:
        words: its arguments.
        folder: to run it in.
        kill_after_s: kill it so long after its audit is there.
    """
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=folder, env=os.environ | PLAIN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not any(folder.glob(".labelaudit/audits/*/audit.json")):
        time.sleep(0.005)
    begun = time.monotonic()
    if kill_after_s is not None:
        try:
            process.wait(timeout=kill_after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.wait(timeout=600), time.monotonic() - begun


def lay_out(folder: Path, *, images: bool) -> str:
    """Write the data of a scan and return its name."""
    folder.mkdir()
    return write_photos(folder, n=24).name if images else write_flowers(folder, n=60).name


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--first", type=int, default=1, help="the number of the kill to begin with")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--methods", default=",".join(METHODS))
    arguments = parser.parse_args()
    methods = arguments.methods.split(",")
    whole: dict[tuple[str, bool], tuple[bytes, float]] = {}
    resumed = equal = killed = begun = 0
    with tempfile.TemporaryDirectory() as top:
        for number in range(arguments.first - 1, arguments.kills):
            draw = random.Random(f"{arguments.seed} {number}")
            method, images = methods[number % len(methods)], number % 4 == 2
            if (method, images) not in whole:
                place = Path(top) / f"whole-{method}-{images}"
                code, seconds = run(words_of(method, lay_out(place, images=images)), place)
                found = findings_of(place)
                if code or found is None:
                    print(f"{method}: not scanned (exit {code}), left out")
                    methods = [each for each in methods if each != method] or list(METHODS)[:2]
                    continue
                whole[method, images] = found, seconds
            expected, seconds = whole[method, images]
            place = Path(top) / f"killed-{number}"
            words = words_of(method, lay_out(place, images=images))
            code, _ = run(words, place, kill_after_s=draw.uniform(0, seconds))
            killed += code == -signal.SIGKILL
            has_audit = any(place.glob(".labelaudit/audits/*/audit.json"))
            begun += has_audit
            again = [*words, "--resume"] if has_audit and findings_of(place) is None else words
            if findings_of(place) != expected:
                code, _ = run(again, place)
                if code and "--resume" in again:  # all was written but the last word
                    code, _ = run(words, place)
            found = findings_of(place)
            resumed += code in (0, -signal.SIGKILL)
            equal += found == expected
            what, verdict = " on images" if images else "", "equal" if found == expected else "OTHER"
            print(f"{number + 1:3}. {method}{what}: exit {code}, {verdict}", flush=True)
    print(f"{killed} killed, {begun} with an audit begun, {resumed} went on or began anew, {equal} equal byte for byte")
    return 0 if equal == resumed else 1


if __name__ == "__main__":
    sys.exit(main())
