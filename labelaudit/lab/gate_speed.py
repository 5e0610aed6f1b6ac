"""How long `labelaudit check` takes, and how much memory it needs: fresh processes on made-up audits.

python -m labelaudit.lab.gate_speed
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings, write_findings

SIZES = (10_000, 1_000_000)
_CLASSES = 100
_NOISE = 0.05  # share of suspects
_KNOWN = 0.9  # share of the suspects that the baseline has


def check_cost(samples: int, *, on_disk: bool = False, repeats: int = 3) -> dict[str, Any]:
    """Return seconds and memory of a check in processes of its own.

    Args:
        samples: in the audit, 5 % of them suspects, nine of ten of these in the baseline.
        on_disk: put an empty file for every sample, so that the check lists the dataset, too.
        repeats: processes; the median counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        _write_audit(Path(folder), samples, on_disk=on_disk)
        runs = [_run(Path(folder)) for _ in range(repeats)]
    return {
        "samples": samples,
        "on_disk": on_disk,
        "wall_s": round(statistics.median(run["wall_s"] for run in runs), 2),
        "cpu_s": round(statistics.median(run["cpu_s"] for run in runs), 2),
        "peak_mib": max(run["peak_mib"] for run in runs),
        "torch": any(run["torch"] for run in runs),
    }


def _run(folder: Path) -> dict[str, Any]:
    code = _PEAK + (
        "import json, resource, sys\n"
        "sys.argv = ['labelaudit', 'check', '--format', 'markdown:summary.md']\n"
        "from labelaudit.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "facts = {'code': code, 'torch': 'torch' in sys.modules, 'peak_mib': peak_mib(used),\n"
        "         'cpu_s': used.ru_utime + used.ru_stime}\n"
        "sys.stderr.write(json.dumps(facts))"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    wall_s = time.perf_counter() - started
    facts: dict[str, Any] = json.loads(done.stderr)
    if facts["code"] != 1:
        raise ValueError(f"the check ended with {facts['code']}, expected 1: {done.stdout}")
    return facts | {"wall_s": wall_s}


# Linux hands the largest size of the parent down to its children, in ru_maxrss but not in VmHWM.
_PEAK = """
def peak_mib(used):
    import pathlib, sys
    status = pathlib.Path('/proc/self/status')
    if status.exists():
        return next(int(line.split()[1]) // 1024 for line in status.open() if line.startswith('VmHWM'))
    return round(used.ru_maxrss / (2**20 if sys.platform == 'darwin' else 2**10))

"""


def _write_audit(folder: Path, n: int, *, on_disk: bool) -> None:
    draw = np.random.default_rng(0)
    classes = tuple(f"class{code:03d}" for code in range(_CLASSES))
    given = draw.integers(0, _CLASSES, n)
    ids = tuple(f"{classes[code]}/{row:07d}.png" for row, code in enumerate(given.tolist()))
    hashes = [draw.bytes(16).hex() for _ in range(n)]
    wrong = draw.random(n) < _NOISE
    clean = np.where(wrong, draw.random(n) * 0.5, 0.9 + draw.random(n) * 0.1)
    suggested = (given + 1) % _CLASSES
    dataset = Dataset(
        source=folder / "photos",
        sample_ids=ids,
        paths=ids,
        given=given,
        classes=classes,
        content=ImageFiles(tuple(map(Path, ids))),
        trusted=np.zeros(n, dtype=np.bool_),
    )
    frame = build_findings(
        dataset,
        Evidence(
            -np.log(np.maximum(clean, 1e-6)),
            clean,
            np.stack([given, suggested], axis=1),
            np.stack([clean, 1 - clean], axis=1),
        ),
        Judged(
            clean,
            suggested,
            1 - clean,
            np.where(wrong, "relabel", "keep").tolist(),
            np.where(wrong, "mislabelled", "").tolist(),
        ),
        content_hashes=hashes,
        details=[""] * n,
    )
    facts = {"source": "photos", "recipe": {"data": {}}, "dataset": {"kind": "images", "classes": list(classes)}}
    audit = Audit.create(folder, method="drpl", facts=facts)
    write_findings(frame, audit.findings_path)
    audit.finish({"noise_rate": float(np.mean(1 - clean))})
    rows = np.flatnonzero(wrong & (draw.random(n) < _KNOWN)).tolist()
    title = "# labelaudit baseline, version 1\n"  # written out: checks is no room below this one
    lines = [f"{hashes[row]}\t{classes[given[row]]}\topen\t\t\t\t\t{ids[row]}\n" for row in rows]
    (folder / "labelaudit-baseline.tsv").write_text(title + "".join(lines), encoding="utf-8")
    if on_disk:
        for name in classes:
            (folder / "photos" / name).mkdir(parents=True)
        for name in ids:
            (folder / "photos" / name).touch()


def main() -> None:
    """Print one line for each size, without and with the files on disk."""
    for samples in SIZES:
        for on_disk in (False, True):
            row = check_cost(samples, on_disk=on_disk)
            data = "files listed" if on_disk else "data elsewhere"
            sys.stdout.write(
                f"{samples:>9,} findings, {data:<14} {row['wall_s']:6.2f} s wall, {row['cpu_s']:6.2f} s CPU, "
                f"{row['peak_mib']:5,} MiB\n"
            )


if __name__ == "__main__":
    main()
