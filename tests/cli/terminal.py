"""What the tests of the command line share: runs, made-up data, and text with its changing parts replaced."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, SetAside, Vectors
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings

COMMAND = [sys.executable, "-m", "labelaudit"]
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
SHORT = ["-o", "networks=2", "-o", "epochs=2", "--device", "cpu"]
_SPECIES = ("setosa", "versicolor", "virginica")


@dataclass(frozen=True)
class Run:
    """How a command ended, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


def run_program(*args: str, cwd: Path) -> Run:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *args], cwd=cwd, env=os.environ | PLAIN, capture_output=True, text=True, timeout=300, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr)


def interrupt_program(*args: str, cwd: Path, after: str | Callable[[], bool], by: signal.Signals) -> Run:
    """Run the command line and send it a signal once its stderr holds a text, or once a condition holds."""
    log = cwd / "interrupted.stderr"
    with log.open("w") as errors, (cwd / "interrupted.stdout").open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, *args],
            cwd=cwd,
            env=os.environ | PLAIN,
            stdout=output,
            stderr=errors,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
        )
        deadline = time.monotonic() + 120
        while not (after in log.read_text() if isinstance(after, str) else after()):
            assert process.poll() is None, f"ended before it said {after!r}: {log.read_text()}"
            assert time.monotonic() < deadline, f"never said {after!r}: {log.read_text()}"
            time.sleep(0.01)
        process.send_signal(by)
        code = process.wait(timeout=120)
    return Run(code, (cwd / "interrupted.stdout").read_text(), log.read_text())


def write_flowers(folder: Path, *, n: int = 120) -> Path:
    """Write a table of three kinds of flowers, every tenth with the label of another kind; return its path."""
    draw = np.random.default_rng(7)
    rows = []
    for index in range(n):
        kind = index % 3
        given = (kind + 1) % 3 if index % 10 == 0 else kind
        length, width = draw.normal([kind * 4, -kind * 3], 0.5)
        rows.append([f"r{index:03d}", f"{length:.3f}", f"{width:.3f}", ("red", "blue")[index % 2], _SPECIES[given]])
    path = folder / "flowers.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "length", "width", "colour", "species"])
        writer.writerows(rows)
    return path


def write_photos(folder: Path, *, n: int = 24) -> Path:
    """Write 12x12 images, red ones called cat and green ones called dog; return the folder."""
    draw = np.random.default_rng(7)
    root = folder / "photos"
    for index in range(n):
        pixels = draw.integers(0, 60, (12, 12, 3)).astype(np.uint8)
        pixels[:, :, index % 2] += 150
        path = root / ("cat", "dog")[index % 2] / f"{index:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def write_truncated_jpeg(path: Path) -> None:
    """Write the first half of a JPEG file."""
    Image.fromarray(np.full((12, 12, 3), 90, dtype=np.uint8)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_audit(root: Path, *, ids: tuple[str, ...] = ("cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png")) -> Audit:
    """Write a finished audit of four samples and a broken file, without training anything."""
    dataset = Dataset(
        source=Path("photos"),
        sample_ids=ids,
        paths=ids,
        given=np.array([0, 0, 1, 1]),
        classes=("cat", "dog"),
        content=Vectors(np.zeros((4, 1), dtype=np.float32), "features"),
        trusted=np.zeros(4, dtype=np.bool_),
        set_aside=(SetAside("dog/5.jpg", "dog/5.jpg", "dog", "unreadable", "the file is cut off"),),
    )
    audit = Audit.create(
        root,
        method="panel",
        facts={
            "source": "photos",
            "recipe": {"name": "fast"},
            "device": "CPU, 1 threads, a made-up one",
            "dataset": {"classes": ["cat", "dog"]},
        },
    )
    frame = build_findings(
        dataset,
        Evidence(
            np.array([0.1, 2.3, 0.05, 0.9]),
            np.array([0.9, 0.1, 0.95, 0.4]),
            np.array([[0, 1], [1, 0], [1, 0], [0, 1]]),
            np.array([[0.9, 0.1], [0.9, 0.1], [0.95, 0.05], [0.6, 0.4]]),
        ),
        Judged(
            np.array([0.97, 0.04, 0.99, 0.31]),
            np.array([1, 1, 0, 0]),
            np.array([0.03, 0.96, 0.01, 0.4]),
            ("keep", "relabel", "keep", "review"),
            ("", "mislabelled", "", "ambiguous"),
        ),
        content_hashes=tuple("abcd"),
        details=("", "", "", ""),
    )
    write_findings(frame, audit.findings_path)
    audit.finish({"noise_rate": 0.4225, "seconds": {"network1": 61.5, "network2": 63.5}})
    return audit


def masked(text: str, *places: Path) -> str:
    """Return text with audit names, times, rates, devices and paths replaced, and blanks at line ends cut."""
    for place in places:
        text = text.replace(str(place), "PLACE")
    text = re.sub(r"\d{8}-\d{6}-[a-z0-9+]+-[0-9a-f]{6}", "AUDIT", text)
    text = re.sub(r"\b\d+ h \d+ min|\b\d+ min \d+ s|\b\d+(\.\d)? s\b", "TIME", text)
    text = re.sub(r"[\d,]+ samples/s", "RATE", text)
    text = re.sub(r"CPU, \d+ threads, [^·\n]*", "DEVICE", text)
    text = re.sub(r"^  (epoch \d+/\d+, )?RATE.*\n", "", text, flags=re.MULTILINE)  # every ten seconds, if it is slow
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
