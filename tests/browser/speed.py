"""How long the review page keeps people waiting, on an audit of a hundred thousand findings with pictures.

    python -m tests.browser.speed FOLDER [SAMPLES]

The audit and its pictures are made first, unless the folder has them: one in ten is a suspect, the suspects are
photographs of 1,600 x 1,200 pixels as far as they are looked at here, and all others small. Then the server, and a
Chromium that is open already, as a person's browser is. Nothing else may run beside.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Entry, Known, record_decisions
from labelaudit.functional.images import hash_content
from labelaudit.gate.columns import read_columns
from tests.browser.conftest import _CLOCK, _FLAGS, _NAMES, _UNTIL_CHANGED, _UNTIL_SEEN
from tests.gate_audit import Row, write_rows

RUNS, STROKES = 3, 20
_GRID_SEEN = "(t => t.length && t.every((each) => each.complete))([...document.querySelectorAll('.tile img')])"
PHOTOGRAPHS = 2_000
DECIDED = 5_000  # decisions that are there already, the second time


def main(folder: Path, samples: int = 100_000) -> None:
    """Print what was seen."""
    audit = Audit(next((folder / ".labelaudit" / "audits").iterdir())) if folder.exists() else made(folder, samples)
    measure(folder, audit)


def measure(folder: Path, audit: Audit) -> None:
    """Print what people wait for, without decisions and with thousands."""
    program = next(found for name in _NAMES if (found := shutil.which(name)))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=list(_FLAGS))
        for decided in (0, DECIDED):
            audit.decisions_path.unlink(missing_ok=True)
            decide(audit, decided)
            rows = [seen(folder, browser) for _ in range(RUNS)]
            print(f"{decided:,} decisions; median of {RUNS}, and the slowest", flush=True)
            for what in rows[0]:
                values = [row[what] for row in rows]
                print(f"  {what:<44}{statistics.median(values):8.3f} s{max(values):8.3f} s", flush=True)
        browser.close()


def made(folder: Path, samples: int) -> Audit:
    """Write pictures, and an audit of them."""
    classes = [f"class {number:02d}" for number in range(100)]
    given = np.random.default_rng(0).integers(0, 100, samples).tolist()
    photograph = np.asarray(Image.effect_noise((400, 300), 60).resize((1600, 1200)).convert("RGB")).copy()
    rows = []
    for at, label in enumerate(given):
        suspect = at % 10 == 0
        path = folder / "photos" / f"{label:02d}" / f"{at:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = _jpeg(photograph, at) if suspect and at < 10 * PHOTOGRAPHS else _jpeg(photograph[:32, :32].copy(), at)
        path.write_bytes(data)
        clean = 0.001 + 0.4 * at / samples if suspect else 0.95
        name = str(path.relative_to(folder / "photos"))
        rows.append(Row(name, classes[label], clean, classes[(label + 1 + at % 7) % 100], hash_content(data)))
    interval = {"noise_interval": [0.08, 0.2]}
    audit = write_rows(folder, rows, results=interval, classes=classes, top_labels=2, finished=False)
    clean_prob = np.array([row.clean_prob for row in rows])
    labels = np.stack([given, (np.array(given) + 1) % 100], axis=1)
    probs = np.stack([clean_prob, 1 - clean_prob], axis=1)
    audit.write_arrays(
        "evidence", losses=-np.log(clean_prob), given_probs=clean_prob, top_labels=labels, top_probs=probs
    )
    audit.finish({"noise_rate": 0.1, **interval})
    return audit


def decide(audit: Audit, n: int) -> None:
    """Have somebody decide on the worst n."""
    columns = read_columns(audit.findings_path)
    entries = []
    for row in columns.worst_first(columns.flagged)[:n].tolist():
        sample = columns.sample(row)
        when = "2026-11-21T10:00:00+00:00"
        known = Known(sample.content_hash, sample.given_label or "", "wrong", sample.suggested_label or "", "Ben", when)
        entries.append(Entry(known, sample.sample_id))
    record_decisions(audit, entries)


def seen(folder: Path, browser: Any) -> dict[str, float]:
    """Return seconds, by what somebody waits for; all decisions are taken back."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(_CLOCK)
    before = (folder / ".labelaudit").rglob("decisions.jsonl")
    kept = {path: path.read_bytes() for path in before}
    took = dict[str, float]()
    began = time.perf_counter()
    with _served(folder) as address:
        took["the address is printed"] = time.perf_counter() - began
        page.goto(address)
        page.evaluate(_UNTIL_SEEN)
        took["the first picture is seen"] = time.perf_counter() - began
        _until(page, "document.getElementById('counts').textContent.includes('errors left')")
        took["what is left is known"] = time.perf_counter() - began
        took |= _timed(page)
    context.close()
    for path in (folder / ".labelaudit").rglob("decisions.jsonl"):
        path.write_bytes(kept[path]) if path in kept else path.unlink()
    return took


def _timed(page: Any) -> dict[str, float]:
    waits = []
    for _ in range(STROKES):
        start = page.evaluate(_UNTIL_SEEN)
        page.evaluate("tookMs = 0")
        page.keyboard.press("k")
        page.evaluate(_UNTIL_CHANGED, start)
        page.evaluate(_UNTIL_SEEN)
        waits.append(page.evaluate("tookMs") / 1000)
    took = {"a key until the next is seen, median": statistics.median(waits), "the same, slowest": max(waits)}
    began = time.perf_counter()
    page.keyboard.press("g")
    _until(page, _GRID_SEEN)
    took["the grid is seen"] = time.perf_counter() - began
    began, rows = time.perf_counter(), page.evaluate("document.querySelectorAll('.tile').length")
    page.keyboard.press("e")
    start = page.evaluate("[document.body.dataset.version, document.body.dataset.shown].join()")
    page.keyboard.press("a")
    page.evaluate(_UNTIL_CHANGED, start)
    took[f"{rows} tiles are decided"] = time.perf_counter() - began
    began = time.perf_counter()
    page.evaluate("document.getElementById('view-one').click()")
    _until(page, "document.body.dataset.view === 'one' && document.body.dataset.seen")
    took["back to one"] = time.perf_counter() - began
    return took


def _until(page: Any, condition: str) -> None:
    deadline = time.monotonic() + 30
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < deadline, f"never: {condition}"
        page.wait_for_timeout(3)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "labelaudit", "review", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=_environment())
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _environment() -> dict[str, str]:
    """Return that of a person who has started the program before: Python keeps what it compiled."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"TERM": "dumb"}


def _jpeg(pixels: Any, number: int) -> bytes:
    """Return a picture that no other one is like: its number is in its corner."""
    pixels[:8, :32] = np.array([255 * (number >> bit & 1) for bit in range(32)], dtype=np.uint8)[None, :, None]
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return stream.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), *map(int, sys.argv[2:]))
