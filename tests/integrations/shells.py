"""What the tests of the integrations share: the commands of this checkout, and shell parts run by bash."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.cli.terminal import PLAIN
from tests.gate_audit import Row, write_pictures, write_rows

ROOT = Path(__file__).parents[2]
GOOD = [*[Row(f"cat/{n}.png", "cat") for n in range(7)], *[Row(f"dog/{n}.png", "dog") for n in range(7, 14)]]
BAD = [*GOOD, Row("cat/bad.png", "cat", 0.02, "dog")]


def read_yaml(path: str) -> Any:
    """Return a file of this checkout as plain values."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment whose labelaudit and python are those that run the tests."""
    binaries = folder.parent / f"{folder.name}-bin"
    binaries.mkdir(exist_ok=True)
    for name, command in (("labelaudit", f'"{sys.executable}" -m labelaudit'), ("python", f'"{sys.executable}"')):
        script = binaries / name
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
    own = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return {**os.environ, **PLAIN, **own, **more}


def bash(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script as the CI services do: bash, ending at the first error."""
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        words, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False
    )


def repository(folder: Path, rows: list[Row], *, audited: bool = True) -> Path:
    """Write pictures, their audit, settings and an empty baseline into a new git repository, and commit them."""
    folder.mkdir()
    written = write_pictures(folder / "photos", rows)
    if audited:
        write_rows(folder, written)
    (folder / "labelaudit.toml").write_text('data = "photos"\n[check]\nmax_noise = 0.5\n')
    (folder / "labelaudit-baseline.tsv").write_text("# labelaudit baseline, version 1\n")
    (folder / ".gitignore").write_text(".labelaudit/\n")
    done = bash("git init -q -b main . && git add -A && git commit -q -m first", folder)
    assert done.returncode == 0, done.stderr
    return folder
