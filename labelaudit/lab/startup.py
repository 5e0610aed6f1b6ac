"""How long the commands take that must start fast, and reading large findings: seconds of fresh processes.

python -m labelaudit.lab.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings
from labelaudit.core.issues import Action, Issue
from labelaudit.core.seeds import numpy_generator

_CLASSES, _SUSPECT = 10, 0.1  # share of made-up findings
COMMANDS = (("--help",), ("--version",), ("scan", "--help"), ("export", "--help"))


def startup_seconds(arguments: tuple[str, ...], *, repeats: int = 7) -> dict[str, Any]:
    """Return the median and largest CPU seconds (user and system) of a command in a process of its own."""
    code = (
        "import sys, resource\n"
        f"sys.argv = ['labelaudit', *{list(arguments)!r}]\n"
        "from labelaudit.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "sys.stderr.write(f'{used.ru_utime + used.ru_stime}')"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr)
        for _ in range(repeats)
    ]
    return {
        "command": " ".join(("labelaudit", *arguments)),
        "median_s": round(statistics.median(seconds), 3),
        "most_s": round(max(seconds), 3),
        "n": repeats,
    }


def findings_seconds(rows: int = 1_000_000, *, repeats: int = 3) -> dict[str, Any]:
    """Return how long a fresh process takes from its start until it has made-up findings as a DataFrame.

    Returns:
        Median seconds, the largest, the processor's share of the median, and the peak memory.
    """
    code = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from labelaudit.core.findings import read_findings\n"
        "frame = read_findings(Path(sys.argv[1]))\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(len(frame), used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    with tempfile.TemporaryDirectory(prefix="labelaudit-findings-") as folder:
        path = Path(folder) / "findings.parquet"
        # in a process of its own: Linux counts the memory of the program that starts another as that one's
        write = f"from labelaudit.lab import startup; startup.write_made_up_findings({str(path)!r}, {rows})"
        subprocess.run([sys.executable, "-c", write], check=True)
        told = []
        for _ in range(repeats):
            started = time.monotonic()
            ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
            n, cpu, peak = ended.stdout.split()
            told.append((time.monotonic() - started, float(cpu), int(peak), int(n)))
    seconds, cpu_s, peak_kib, read = sorted(told)[repeats // 2]
    return {
        "rows": read,
        "median_s": round(seconds, 3),
        "most_s": round(max(told)[0], 3),
        "cpu_s": round(cpu_s, 3),
        "peak_mib": round(peak_kib / (2**20 if sys.platform == "darwin" else 2**10)),
        "n": repeats,
    }


def write_made_up_findings(path: str, n: int) -> None:
    """Write n findings about ten classes, a tenth of them suspects."""
    rng = numpy_generator(0, "bench-findings", n)
    ids = tuple(f"class {i % _CLASSES}/{i:08d}.jpg" for i in range(n))
    given = np.arange(n) % _CLASSES
    probs = rng.random(n)
    is_suspect = probs < _SUSPECT
    dataset = Dataset(
        source=Path("made-up"),
        sample_ids=ids,
        paths=ids,
        given=given,
        classes=tuple(f"class {label}" for label in range(_CLASSES)),
        content=Vectors(np.zeros((n, 1), dtype=np.float32), "embeddings"),
        trusted=np.zeros(n, dtype=np.bool_),
    )
    frame = build_findings(
        dataset,
        Evidence(
            -np.log(np.maximum(probs, 1e-6)),
            probs,
            (given[:, None] + np.arange(5)) % _CLASSES,
            np.repeat(probs[:, None], 5, axis=1) / 5,
        ),
        Judged(
            probs,
            (given + 1) % _CLASSES,
            1 - probs,
            np.where(is_suspect, Action.RELABEL, Action.KEEP).tolist(),
            np.where(is_suspect, Issue.MISLABELLED, Issue.NONE).tolist(),
        ),
        content_hashes=[f"{number:032x}" for number in rng.integers(0, 2**62, n).tolist()],
        details=[""] * n,
    )
    write_findings(frame, Path(path))


def main() -> None:
    """Print one line for each command, and one for the findings."""
    for arguments in COMMANDS:
        row = startup_seconds(arguments)
        sys.stdout.write(
            f"{row['command']:<28} {row['median_s']:.3f} s CPU (median of {row['n']}), at most {row['most_s']:.3f} s\n"
        )
    found = findings_seconds()
    sys.stdout.write(
        f"{found['rows']:,} findings{'':<11} {found['median_s']:.2f} s from the start of the process (median of "
        f"{found['n']}), {found['cpu_s']:.2f} s CPU, {found['peak_mib']:,} MiB at most\n"
    )


if __name__ == "__main__":
    main()
