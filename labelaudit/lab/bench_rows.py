"""The rows of a bench: kept in one Parquet file, so that a stopped bench goes on, and shown as means over the seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from filelock import FileLock

from labelaudit.core.audits import HOME
from labelaudit.core.errors import DataError, count
from labelaudit.core.files import keep_out_of_git, write_atomically
from labelaudit.core.runs import now
from labelaudit.core.version import VERSION

KEY = ("data", "setting", "method", "seed", "revision")
# What decides the figures; a change elsewhere, to a page or a message, must not run a long bench anew.
_ROOMS = ("functional", "noise", "judging", "training", "methods", "lab")
# measure -> what it is called in a table; `docs/reference/bench-results.md` says what each one is
MEASURES = {
    "auroc": "AUROC",
    "ap": "AP",
    "p_at_k": "precision at k",
    "f1": "F1 of the flags",
    "tpr": "TPR",
    "fpr": "FPR",
    "fpr_common": "FPR, common half",
    "fpr_rare": "FPR, rare half",
    "flagged": "flagged",
    "relabel_accuracy": "relabel accuracy",
    "noise_rate_error": "noise rate error",
    "covered": "interval holds the rate",
    "overclaims": "claims more than there is",
    "brier": "Brier score",
    "ece": "ECE",
    "seconds": "seconds",
    "images": "training images",
}
_COUNTS = ("seconds", "images")
_IF_IMBALANCED = ("fpr_common", "fpr_rare")


def make_revision(settings: Mapping[str, Any]) -> str:
    """Return a text that changes with the version, the settings, and the code that decides the figures."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for room in _ROOMS:
        for file in sorted((package / room).glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:8]}"


def read_results(path: Path) -> pd.DataFrame:
    """Return the rows of a results file; none where there is no file.

    Raises:
        DataError: it is something else, or damaged.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(KEY))
    try:
        frame = pd.read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="Name another file with --results.") from error
    missing = [name for name in KEY if name not in frame]
    if missing:
        raise DataError(
            f"{path} holds no results of a bench: it has no column {missing[0]!r}.",
            hint="Name another file with --results.",
        )
    return frame


def find_row(frame: pd.DataFrame, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row of a key, None where there is none."""
    same = frame
    for name in KEY:
        same = same[same[name] == key[name]]
    return None if same.empty else {str(name): value for name, value in same.iloc[-1].items()}


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Write a row to the file at once, in place of one with the same key; other benches may write to it as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.name == HOME:
        keep_out_of_git(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock")):
        frame = read_results(path)
        same = pd.Series(data=True, index=frame.index)
        for name in KEY:
            same &= frame[name] == row[name]
        new = pd.DataFrame([{**row, "created": now()}])
        kept = frame[~same]
        frame = new if kept.empty else pd.concat([kept, new], ignore_index=True)
        write_atomically(path, lambda part: frame.to_parquet(part, index=False))


def measures_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the measures to show, by column: those of rare classes only where there are some.

    Rows that an older version wrote may lack some.
    """
    return {
        measure: name
        for measure, name in MEASURES.items()
        if measure in frame and (measure not in _IF_IMBALANCED or frame[measure].notna().any())
    }


def settings_of(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each setting, in the order of the rows, under "sym:0.2 (actual 20.0 %, 3 seeds)"."""
    titled = []
    for setting, rows in frame.groupby("setting", sort=False):
        seeds = rows["seed"].nunique()
        titled.append(
            (f"{setting} (actual {rows['wrong'].mean():.1%}, {count(seeds, 'seed')})".replace("%", " %"), rows)
        )
    return titled


def mean_and_sd(values: pd.Series[float], measure: str) -> str:
    """Return "0.893 ±0.011": the mean over the seeds, and the standard deviation where there are several."""
    if values.isna().all():
        return "-"
    if measure in _COUNTS:
        return f"{values.mean():,.0f}"
    sign = "+" if measure == "noise_rate_error" else ""
    spread = f" ±{values.std():.3f}" if values.count() > 1 else ""
    return f"{values.mean():{sign}.3f}{spread}"


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per setting and method: number of seeds, actual rate, mean and sd of every measure."""
    rows = []
    for (setting, method), group in frame.groupby(["setting", "method"], sort=False):
        row: dict[str, object] = {
            "setting": setting,
            "method": method,
            "seeds": group["seed"].nunique(),
            "wrong": group["wrong"].mean(),
        }
        for measure in measures_of(frame):
            row[f"{measure}_mean"], row[f"{measure}_sd"] = group[measure].mean(), group[measure].std()
        rows.append(row)
    return pd.DataFrame(rows)


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a Markdown table per setting, a row per method; ± is the standard deviation over the seeds."""
    parts = []
    for title, rows in settings_of(frame):
        measures = measures_of(rows)
        lines = ["| method | " + " | ".join(measures.values()) + " |", "|---" * (len(measures) + 1) + "|"]
        for method, group in rows.groupby("method", sort=False):
            cells = [mean_and_sd(group[measure], measure) for measure in measures]
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        parts.append("\n".join([f"## {title}", "", *lines, ""]))
    return "\n".join(parts)
