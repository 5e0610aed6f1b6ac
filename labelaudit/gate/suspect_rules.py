"""Rules on noise and suspects: the whole dataset, its classes, and parts of its paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN
from labelaudit.core.arrow import truths_of
from labelaudit.core.errors import count
from labelaudit.core.shares import Share
from labelaudit.gate.columns import FindingColumns
from labelaudit.gate.examined import Examined
from labelaudit.gate.limits import ClassLimits, Gate, Limits, PathLimits
from labelaudit.gate.result import CheckResult, pass_or_fail

_LOOK = "labelaudit review shows them, and records what you decide; labelaudit export --suspect.csv lists them."


def max_noise(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether the share of wrong labels is too large."""
    limit = gate.limits.max_noise
    if limit is not None:
        yield _noise_result("max-noise", "", examined.noise, limit, gate.limits, _named(examined), examined.columns)


def max_class_noise(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield each class with too many wrong labels; one result if there is none."""
    limits = {
        label: own.max_noise
        if (own := gate.classes.get(label)) and own.max_noise is not None
        else gate.limits.max_class_noise
        for label in examined.class_noise
    }
    limited = {label: limit for label, limit in limits.items() if limit is not None}
    results = [
        _noise_result(
            "max-class-noise",
            f"class {label}",
            examined.class_noise[label],
            limit,
            gate.limits,
            _named(examined) & examined.columns.given.is_in(label),
            examined.columns,
        )
        for label, limit in limited.items()
    ]
    failed = [result for result in results if result.status == "failed"]
    yield from failed
    if results and not failed:
        worst = max(results, key=lambda result: result.measured or 0.0)
        message = (
            f"{_classes(len(results))} within their limits; the noisiest is {worst.subject.removeprefix('class ')}"
        )
        yield CheckResult("max-class-noise", "passed", f"{message}: {worst.message}", measured=worst.measured)


def max_suspects(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether there are too many suspects: in all, in a class, below a path."""
    for subject, rows, part in _parts(examined, gate):
        limit = _limit(part, "max-suspects")
        if limit is not None:
            yield _count_result("max-suspects", subject, examined, rows & examined.suspect, limit, "suspect")


def max_suspect_share(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether the share of suspects is too large: in all, in a class, below a path."""
    for subject, rows, part in _parts(examined, gate):
        limit = _limit(part, "max-suspect-share")
        if limit is None:
            continue
        suspects, samples = int((rows & examined.suspect).sum()), int((rows & examined.columns.scanned).sum())
        share = suspects / samples if samples else 0.0
        yield pass_or_fail(
            "max-suspect-share",
            f"{percent(share)} of {count(samples, 'sample')} are suspects ({suspects:,}); {percent(limit)} allowed",
            subject=subject,
            failed=share > limit,
            limit=limit,
            measured=share,
            hint=_LOOK,
            rows=examined.columns.worst_first(rows & _named(examined)),
        )


def max_new_suspects(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether there are suspects that the baseline does not know: in all, and below a path."""
    rule, limits = "max-new-suspects", gate.limits
    parts = [(subject, rows, part) for subject, rows, part in _parts(examined, gate) if not subject.startswith("class")]
    limited = [(subject, rows, own) for subject, rows, part in parts if (own := _limit(part, rule)) is not None]
    if limited and not examined.has_baseline:
        message = "there is no baseline, so no suspect is known or new"
        yield CheckResult(rule, "skipped", message, hint="labelaudit baseline writes one to commit.")
        return
    for subject, rows, limit in limited:
        new = rows & _counting(examined, limits)
        yield _count_result(rule, subject, examined, new, limit, "suspect", rest=" that the baseline does not know")


def max_changed_suspects(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether changed files hold suspects that are not known."""
    limit = gate.limits.max_changed_suspects
    if limit is not None and examined.changed is not None:
        rows = examined.changed & _counting(examined, gate.limits)
        changed = count(int(examined.changed.sum()), "changed sample")
        yield _count_result("max-changed-suspects", "", examined, rows, limit, "new suspect", rest=f" among {changed}")


def percent(share: float) -> str:
    """Return a share as "5.0 %", with more digits below one in a thousand."""
    return f"{share * 100:.1f} %" if share == 0 or share >= 0.001 else f"{share * 100:.2g} %"


def matches(columns: FindingColumns, pattern: str) -> BoolN:
    """Return (N,) which paths a pattern matches from their start to their end; "raw/" stands for "raw/**"."""
    whole = f"{pattern}**" if pattern.endswith("/") else pattern
    parts = [_WILDCARDS.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", whole) if part]
    matches = pc.match_substring_regex(columns.paths, pattern=f"^(?s:{''.join(parts)})$")
    return truths_of(matches)


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


_Part = Limits | ClassLimits | PathLimits


def _limit(part: _Part, rule: str) -> Any:
    """Return the limit of a rule for a part of the dataset, None where it has none."""
    return getattr(part, rule.replace("-", "_"), None)


def _parts(examined: Examined, gate: Gate) -> Iterator[tuple[str, BoolN, _Part]]:
    """Yield (subject, its rows, its limits) for the whole dataset, classes and paths with limits of their own."""
    columns = examined.columns
    yield "", np.ones(len(columns), dtype=np.bool_), gate.limits
    for label, class_limits in gate.classes.items():
        yield f"class {label}", columns.given.is_in(label), class_limits
    for path_limits in gate.paths:
        yield f"paths {path_limits.match}", matches(columns, path_limits.match), path_limits


def _named(examined: Examined) -> BoolN:
    """Return (N,) the suspects that results name: known ones are counted where a limit says so, but not named."""
    return examined.suspect & ~examined.known


def _counting(examined: Examined, limits: Limits) -> BoolN:
    """Return (N,) the suspects that are not known and sure enough to fail a gate."""
    sure = examined.columns.clean_prob < limits.new_suspect_below
    # a twin under another label is a fact, whatever the model thinks; so is what a person called wrong
    return examined.suspect & ~examined.known & (sure | examined.columns.issue.is_in("duplicate-conflict"))


def _count_result(
    rule: str, subject: str, examined: Examined, rows: BoolN, limit: int, noun: str, *, rest: str = ""
) -> CheckResult:
    number = int(rows.sum())
    return pass_or_fail(
        rule,
        f"{count(number, noun)}{rest}; {limit:,} allowed",
        subject=subject,
        failed=number > limit,
        limit=limit,
        measured=number,
        hint=_LOOK,
        rows=examined.columns.worst_first(rows & _named(examined)),
    )


def _noise_result(
    rule: str, subject: str, noise: Share, limit: float, limits: Limits, rows: BoolN, columns: FindingColumns
) -> CheckResult:
    measured = {"lower": noise.low, "point": noise.rate, "upper": noise.high}[limits.noise_bound]
    words = {"lower": "at least ", "point": "about ", "upper": "up to "}
    if noise.is_point:
        message = f"about {percent(measured)} of the labels are wrong (a point: the audit has no interval)"
    else:
        message = (
            f"{words[limits.noise_bound]}{percent(measured)} of the labels are wrong "
            f"(interval {percent(noise.low)} to {percent(noise.high)}, estimate {percent(noise.rate)})"
        )
    return pass_or_fail(
        rule,
        f"{message}; {percent(limit)} allowed",
        subject=subject,
        failed=measured > limit,
        limit=limit,
        measured=measured,
        hint=_LOOK,
        rows=columns.worst_first(rows),
    )


def _classes(n: int) -> str:
    return "1 class is" if n == 1 else f"all {n:,} classes are"
