"""Rows of a bench as a table: mean and standard deviation over the seeds."""

from __future__ import annotations

import pandas as pd

from labelaudit.core.errors import count

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
    "brier": "Brier score",
    "ece": "ECE",
    "seconds": "seconds",
    "images": "training images",
}
_COUNTS = ("seconds", "images")
_IF_IMBALANCED = ("fpr_common", "fpr_rare")


def measures_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the measures to show, by column: those of rare classes only where there are some."""
    return {
        measure: name
        for measure, name in MEASURES.items()
        if measure not in _IF_IMBALANCED or (measure in frame and frame[measure].notna().any())
    }


def settings_of(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each setting, in the order of the rows, under "sym:0.2 (actual 20.0 %, 3 seeds)"."""
    found = []
    for setting, rows in frame.groupby("setting", sort=False):
        seeds = rows["seed"].nunique()
        found.append(
            (f"{setting} (actual {rows['wrong'].mean():.1%}, {count(seeds, 'seed')})".replace("%", " %"), rows)
        )
    return found


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
