"""A report as Markdown: for a job summary on GitHub (1 MiB at most) or a comment (65,536 letters at most)."""

from __future__ import annotations

from labelaudit.core.shown import in_markdown
from labelaudit.gate.result import CheckReport, word_of, words

_SAMPLES, _RESULTS, _CELL = 20, 60, 160  # rows, rows, letters
_MOST = 60_000  # letters
_MARKS = {"fail": "❌ fail", "warn": "⚠️ warn", "pass": "✅ pass", "skip": "➖ skip"}


def render_markdown(report: CheckReport) -> str:
    """Return a title, the checks, the worst samples, and what to do next."""
    lines = [f"## labelaudit: {'passed' if report.passed else 'failed'}", "", _cell(words(report), 400), ""]
    lines += ["| | check | result |", "|---|---|---|"]
    shown = sorted(report.results, key=lambda result: "fail warn pass skip".index(word_of(result)))
    for result in shown[:_RESULTS]:
        lines.append(f"| {_MARKS[word_of(result)]} | {_cell(result.name)} | {_cell(result.message, 400)} |")
    if len(shown) > _RESULTS:
        lines.append(f"| | | and {len(shown) - _RESULTS:,} more |")
    lines += [*_worst(report), *_listed(report)]
    hints = dict.fromkeys(result.hint for result in report.failed if result.hint)
    lines += ["", *(f"- {_cell(text, 400)}" for text in (*hints, *report.notes))] if hints or report.notes else []
    return "\n".join(_within(lines)) + "\n"


def _within(lines: list[str]) -> list[str]:
    """Return the lines that fit, and say where there were more."""
    total = 0
    for number, line in enumerate(lines):
        total += len(line) + 1
        if total > _MOST:
            return [*lines[:number], "", "The rest is too long to be shown here."]
    return lines


def _worst(report: CheckReport) -> list[str]:
    worst = report.worst(_SAMPLES)
    if not worst:
        return []
    total = len({int(row) for result in report.failed for row in result.rows})
    title = f"The worst {len(worst)} of {total:,} samples" if total > len(worst) else "Samples"
    lines = ["", f"### {title}", "", "| sample | given | suggested | clean prob | check |", "|---|---|---|---|---|"]
    for result, sample in worst:
        prob = "" if sample.clean_prob is None else f"{sample.clean_prob:.2f}"
        cells = (report.place(sample)[0] if report.origin.table is None else sample.path, sample.given_label or "")
        texts = " | ".join(_cell(text) for text in (*cells, sample.suggested_label or "", prob, result.rule))
        lines.append(f"| {texts} |")
    return lines


def _listed(report: CheckReport) -> list[str]:
    lines = []
    for result in report.failed:
        if result.listed:
            lines += ["", f"### {_cell(result.name)}", ""]
            lines += [f"- {_cell(text)}" for text in result.listed[:_SAMPLES]]
            more = len(result.listed) - _SAMPLES
            lines += [f"- and {more:,} more"] if more > 0 else []
        if len(lines) > 3 * _SAMPLES:
            break
    return lines


def _cell(text: str, most: int = _CELL) -> str:
    """Return text that Markdown shows as it is, in one line of a table, its middle left out where it is too long."""
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-most // 2 :]}"
    return in_markdown(text)
