"""Kill scans with -9 at random moments, go on with each, and hold its findings against those of a scan left alone.

    python -m tests.reliability.kill --kills 50 --seed 1

Every method takes its turn, on a table of flowers, or on images for every third kill. Prints a line for each kill and
the sum; ends with 1 where a scan that went on found something else, or could not go on.
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

from tests.cli.terminal import COMMAND, PLAIN, write_flowers, write_photos

METHODS = ("two-stage", "panel", "elr", "drpl", "probe", "bootstrap", "ce", "dividemix", "elr+", "joint", "ieg")
SHORT = {"ieg": ["--trusted-per-class", "2"]}


def words_of(method: str, data: str) -> list[str]:
    """Return the arguments of a short scan."""
    table = ["--label-column", "species"] if data.endswith(".csv") else []
    return ["scan", data, "--method", method, "--epochs-scale", "0.05", "--device", "cpu", "--seed", "3", *table]


def findings_of(folder: Path) -> bytes | None:
    """Return the findings of the only audit, None where there is none."""
    found = list(folder.glob(".labelaudit/audits/*/findings.parquet"))
    return found[0].read_bytes() if len(found) == 1 else None


def run(words: list[str], folder: Path, *, kill_after_s: float | None = None) -> tuple[int, float]:
    """Run a command and return its exit code and how long it took; kill it after a time."""
    started = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=folder, env=os.environ | PLAIN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if kill_after_s is not None:
        try:
            process.wait(timeout=kill_after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.wait(timeout=600), time.monotonic() - started


def lay_out(folder: Path, *, images: bool) -> str:
    """Write the data of a scan and return its name."""
    folder.mkdir()
    return write_photos(folder, n=24).name if images else write_flowers(folder, n=60).name


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--methods", default=",".join(METHODS))
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    methods = arguments.methods.split(",")
    whole: dict[tuple[str, bool], tuple[bytes, float]] = {}
    resumed = equal = killed = begun = 0
    with tempfile.TemporaryDirectory() as top:
        for number in range(arguments.kills):
            method, images = methods[number % len(methods)], number % 3 == 2
            if (method, images) not in whole:
                place = Path(top) / f"whole-{method}-{images}"
                code, seconds = run(words_of(method, lay_out(place, images=images)), place)
                found = findings_of(place)
                if code or found is None:
                    print(f"{method}: not scanned (exit {code}), left out")
                    methods = [each for each in methods if each != method] or list(METHODS[:2])
                    continue
                whole[method, images] = found, seconds
            expected, seconds = whole[method, images]
            place = Path(top) / f"killed-{number}"
            words = words_of(method, lay_out(place, images=images))
            code, _ = run(words, place, kill_after_s=draw.uniform(0.3 * seconds, seconds))
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
