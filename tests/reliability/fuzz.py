"""Guided fuzzing of all that reads strangers' files: nothing but errors of ours may come out.

    python -m tests.reliability.fuzz TARGET --seconds 300 [--corpus FOLDER]

TARGET: audit (audit.json), decisions, baseline, arrays (.npz), findings (.parquet), settings (.toml), csv, json,
parquet, import (Label Studio), cvat, record (of apply). With atheris (extra `fuzz`, Linux) coverage guides the
mutations; without it they are blind, from the same corpus. Files are written to memory, /dev/shm, where there is one.
The last lines say how many executions there were. A crash is written to a file and ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import inspect
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from labelaudit.api.import_ import read_said
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import read_decisions
from labelaudit.core.errors import LabelAuditError
from labelaudit.core.evidence import read_evidence
from labelaudit.core.findings_file import read_findings_table
from labelaudit.core.recipe import DataSettings
from labelaudit.gate.baseline import read_baseline
from labelaudit.gate.settings import load_settings
from labelaudit.mending.record import read_record
from labelaudit.sources.read import read_dataset
from tests.mutations import mutate_bytes

MEMORY = Path("/dev/shm")  # a file of a disk takes twenty times as long
STORED = Path(__file__).parents[1] / "stored" / "table"
BASELINE = (
    "# labelaudit baseline, version 1\ncontent_hash\tgiven_label\tverdict\tlabel\twho\twhen\twhy\tpath\n"
    "aa\tcat\topen\t\t\t\t\tcat/1.png\nbb\tdog\tok\t\tann\t2026-11-22\ta\\tb\tx\n"
)
DECISION = b"""{"schema": 1, "sample_id": "t0", "verdict": "ok", "content_hash": "aa", "given_label": "oak"}
{"schema": 1, "sample_id": "t1", "verdict": "wrong", "label": "fir", "content_hash": "bb", "asked": 0.5}
"""
SETTINGS = b'data = "a"\n[check]\nmax_noise = 0.5\n[check.classes.cat]\nmax_noise = 1\n'
ROWS = b'{"x": 1, "label": "a"}\n{"x": 2.5, "label": "b"}\n' * 3
TASKS = b"""[{"data": {"sample_id": "t0", "given_label": "oak"}, "annotations": [{"completed_by": {"email": "a@b"},
"result": [{"type": "choices", "value": {"choices": ["fir"]}}, {"type": "textarea", "value": {"text": ["why"]}}]}]}]"""
TAGS = b'<annotations><image id="0" name="cat/1.png"><tag label="dog" source="manual"></tag></image></annotations>'
RECORD = b"""{"schema": 1, "output": "new", "from": "old", "by": "link"}
{"sample_id": "1.png", "before": "cat", "after": "dog"}
{"file": "dog/1.png", "of": "cat/1.png"}
{"file": "labels.csv", "sha256": "00"}
"""
FINDINGS = (STORED / "audit" / "findings.parquet").read_bytes()


def read_audit(path: Path) -> object:
    """Read audit.json and what is made of it."""
    audit = Audit(path.parent)
    return audit.meta, audit.recipe


def read_data(path: Path) -> object:
    """Read a table."""
    return read_dataset(path, DataSettings())


# By name: the file's name, what reads it, and what it looks like.
TARGETS: dict[str, tuple[str, Callable[[Path], object], bytes]] = {
    "audit": ("audit.json", read_audit, (STORED / "audit" / "audit.json").read_bytes()),
    "decisions": ("decisions.jsonl", lambda path: read_decisions(Audit(path.parent)), DECISION),
    "baseline": ("b.tsv", read_baseline, BASELINE.encode()),
    "arrays": ("evidence.npz", read_evidence, (STORED / "audit" / "verdicts.npz").read_bytes()),
    "findings": ("findings.parquet", read_findings_table, FINDINGS),
    "settings": ("labelaudit.toml", load_settings, SETTINGS),
    "csv": ("t.csv", read_data, (STORED / "trees.csv").read_bytes()),
    "json": ("t.jsonl", read_data, ROWS),
    "parquet": ("t.parquet", read_data, FINDINGS),
    "import": ("tasks.json", read_said, TASKS),
    "cvat": ("a.xml", read_said, TAGS),
    "record": ("new.changes.jsonl", lambda path: read_record(path.with_name("new")), RECORD),
}


class Fuzzed:
    """One target in a folder of its own, and how often it was run."""

    def __init__(self, target: str, folder: Path) -> None:
        name, self._read, self.example = TARGETS[target]
        self._path = folder / name
        self.executions = 0

    def __call__(self, data: bytes) -> None:
        """Read some bytes; raises whatever is no error of ours."""
        self.executions += 1
        self._path.write_bytes(data)
        with contextlib.suppress(LabelAuditError):
            self._read(self._path)


def run_blind(fuzzed: Fuzzed, corpus: list[bytes], seconds: float, seed: int) -> None:
    """Mutate examples by chance."""
    draw, until = random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < until:
        data = draw.choice(corpus)
        for _ in range(draw.choice([1, 1, 2, 4])):
            data = mutate_bytes(data, draw)
        try:
            fuzzed(data)
        except Exception:
            Path("crash.bin").write_bytes(data)
            print(f"a crash after {fuzzed.executions:,} executions: crash.bin", file=sys.stderr)
            raise


def run_guided(fuzzed: Fuzzed, corpus: Path, seconds: float, seed: int) -> None:
    """Let atheris mutate examples by what they reach."""
    import atheris

    for name in [name for name in sys.modules if name.startswith("labelaudit.")]:
        for each in vars(sys.modules[name]).values():
            if inspect.isfunction(each) and each.__module__ == name:
                atheris.instrument_func(each)  # all that is loaded would take minutes
    limits = [f"-max_total_time={int(seconds)}", f"-seed={seed}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(corpus), *limits], fuzzed)
    atheris.Fuzz()


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        fuzzed = Fuzzed(arguments.target, Path(folder))
        corpus = arguments.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        (corpus / "example").write_bytes(fuzzed.example)
        is_guided = importlib.util.find_spec("atheris") is not None
        if is_guided:
            run_guided(fuzzed, corpus, arguments.seconds, arguments.seed)
        else:
            examples = [path.read_bytes() for path in sorted(corpus.iterdir())]
            run_blind(fuzzed, examples, arguments.seconds, arguments.seed)
        how = "guided by coverage" if is_guided else "blind"
        print(f"{arguments.target}: {fuzzed.executions:,} executions, {how}; nothing but errors of ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
