"""List the files that a scan of photographs goes through: `python docs/make_newcomers_path.py`.

A tiny folder of images is scanned with the default method, and every call of a function of labelaudit is noted. A file
is on the newcomer's path where a call leads to it from api/scan.py through at most three other files: what lies deeper
is a detail of one step. Files of core/ are types, errors and files on disk: they are met on the way, and are no steps.
Importing a file is no step either: everything is imported by a first scan. docs/contributing.md has the list, with a
sentence for each.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from PIL import Image

PACKAGE = Path(__file__).parents[1] / "labelaudit"
START = "api/scan.py"
DEEPEST = 3  # files away from the start


def write_photos(folder: Path) -> Path:
    """Return the folder with three classes of twelve images whose colour is their class, one label of each wrong."""
    draw = np.random.default_rng(0)
    for number, label in enumerate(("ant", "bee", "cow")):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            level = 20 + 80 * ((number + (i == 11)) % 3)
            pixels = draw.integers(0, 60, (12, 12, 3)) + np.array([level, 195 - level, 90])
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{i:02d}.png")
    return folder


def scan(photos: Path, work: str) -> None:
    """Scan as a newcomer would, with nothing left of an earlier scan."""
    import labelaudit

    shutil.rmtree(Path(work) / ".labelaudit", ignore_errors=True)
    labelaudit.scan(photos, root=work, device="cpu", overrides={"epochs": "2"})


def calls_of_a_scan() -> list[tuple[str, str]]:
    """Return which file called a function of which other file, in the order of the first calls."""
    calls: dict[tuple[str, str], None] = {}
    files: dict[CodeType, str | None] = {}

    def file_of(code: CodeType) -> str | None:
        if code not in files:
            path = Path(code.co_filename)
            files[code] = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None
        return files[code]

    def is_reading(code: CodeType) -> bool:
        return code.co_argcount == 1 and code.co_varnames[0] == "self"  # a property of plain data is no step

    def note(frame: FrameType, event: str, _: Any) -> None:
        called = file_of(frame.f_code) if event == "call" and frame.f_code.co_flags & CO_OPTIMIZED else None
        if called is None or frame.f_code.co_name.startswith("__") or is_reading(frame.f_code):
            return
        caller = frame.f_back
        while caller is not None and file_of(caller.f_code) is None:  # torch calls us back
            caller = caller.f_back
        by = None if caller is None else file_of(caller.f_code)
        if by is not None and by != called:
            calls.setdefault((by, called))

    with tempfile.TemporaryDirectory() as work:
        photos = write_photos(Path(work) / "photos")
        scan(photos, work)
        sys.setprofile(note)
        threading.setprofile(note)
        try:
            scan(photos, work)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return list(calls)


def path_of_a_scan(calls: list[tuple[str, str]], *, deepest: int = DEEPEST) -> list[str]:
    """Return the files at most so many files away from the start, without core/, in the order of the first calls."""
    depth, queue = {START: 0}, [START]
    for file in queue:
        for by, called in calls:
            if by == file and called not in depth:
                depth[called] = depth[file] + 1
                queue.append(called)
    order = [START, *dict.fromkeys(called for _, called in calls)]
    return [file for file in order if depth.get(file, deepest + 1) <= deepest and not file.startswith("core/")]


if __name__ == "__main__":
    found = calls_of_a_scan()
    for file in path_of_a_scan(found):
        print(file)
    print(f"{len(path_of_a_scan(found, deepest=99))} files in all", file=sys.stderr)
