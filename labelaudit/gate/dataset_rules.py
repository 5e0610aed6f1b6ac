"""Rules on the dataset itself: files, twins, splits, classes, and whether the audit still fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labelaudit.core.errors import count, shorten
from labelaudit.core.issues import Issue
from labelaudit.gate.examined import Comparison, Examined, Leaks, NearConflicts, class_sizes
from labelaudit.gate.limits import Gate
from labelaudit.gate.result import CheckResult, pass_or_fail
from labelaudit.gate.suspect_rules import percent


def max_unreadable(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether too many files or rows could not be scanned."""
    limit = gate.limits.max_unreadable
    if limit is None:
        return
    rows = ~examined.columns.scanned
    number = int(rows.sum())
    issues = examined.columns.issue
    kinds = [f"{n:,} {name}" for name in issues.names if (n := int((issues.is_in(name) & rows).sum()))]
    detail = f" ({', '.join(kinds)})" if kinds else ""
    yield pass_or_fail(
        "max-unreadable",
        f"{count(number, 'sample')} could not be scanned{detail}; {limit:,} allowed",
        failed=number > limit,
        limit=limit,
        measured=number,
        hint="Repair or remove them, then scan again.",
        rows=examined.columns.worst_first(rows),
    )


def max_duplicate_conflicts(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether samples with an exact twin under another label remain undecided."""
    limit = gate.limits.max_duplicate_conflicts
    if limit is None:
        return
    rows = examined.suspect & ~examined.known & examined.columns.issue.is_in(Issue.DUPLICATE_CONFLICT)
    number = int(rows.sum())
    yield pass_or_fail(
        "max-duplicate-conflicts",
        f"{count(number, 'sample')} with an exact twin under another label; {limit:,} allowed",
        failed=number > limit,
        limit=limit,
        measured=number,
        hint="At least one label of each pair is wrong: correct it, or remove one of the files.",
        rows=examined.columns.worst_first(rows),
    )


def max_leaks(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether splits share samples: exact copies only."""
    leaks = examined.leaks
    number = 0 if isinstance(leaks, str) else len(leaks.pairs)
    across = "" if isinstance(leaks, str) else ", ".join(leaks.splits)
    yield from _at_most(
        "max-leaks",
        gate.limits.max_leaks,
        leaks,
        number,
        f"{count(number, 'exact copy', 'exact copies')} across {across}",
        hint="Remove the copies from one of the splits: a test must not hold what was learnt.",
    )


def max_near_leaks(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether splits share samples that are nearly equal."""
    leaks = examined.near_leaks
    number = 0 if isinstance(leaks, str) else len(leaks.rows)
    across = "" if isinstance(leaks, str) else ", ".join(leaks.splits)
    yield from _at_most(
        "max-near-leaks",
        gate.limits.max_near_leaks,
        leaks,
        number,
        f"{count(number, 'sample')} with a near duplicate across {across}",
        hint="Look at the pairs, and keep each in one split: a test must not hold what was learnt.",
    )


def max_near_conflicts(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether near duplicates with different labels remain undecided."""
    conflicts = examined.near_conflicts
    number = 0 if isinstance(conflicts, str) else len(conflicts.rows)
    yield from _at_most(
        "max-near-conflicts",
        gate.limits.max_near_conflicts,
        conflicts,
        number,
        f"{count(number, 'sample')} with a near duplicate under another label",
        hint="One label of each pair is probably wrong: correct it, or labelaudit mark both samples.",
    )


def _at_most(
    rule: str, limit: int | None, twins: Leaks | NearConflicts | str, number: int, message: str, *, hint: str
) -> Iterator[CheckResult]:
    """Yield whether pairs of samples stay within a limit; nothing without one, and why where they are not known."""
    if limit is None:
        return
    if isinstance(twins, str):
        yield CheckResult(rule, "skipped", twins)
        return
    yield pass_or_fail(
        rule,
        f"{message}; {limit:,} allowed",
        failed=number > limit,
        limit=limit,
        measured=number,
        hint=hint,
        rows=twins.rows,
        listed=twins.pairs,
    )


def min_class_samples(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield each class with too few samples; one result if there is none."""
    sizes = class_sizes(examined.columns.given, examined.classes, examined.columns.scanned)
    limits = {
        label: own.min_samples
        if (own := gate.classes.get(label)) and own.min_samples is not None
        else gate.limits.min_class_samples
        for label in sizes
    }
    limited = {label: limit for label, limit in limits.items() if limit is not None}
    small = {label: limit for label, limit in limited.items() if sizes[label] < limit}
    for label, limit in small.items():
        message = f"{count(sizes[label], 'sample')}; at least {limit:,} wanted"
        yield CheckResult(
            "min-class-samples",
            "failed",
            message,
            subject=f"class {label}",
            limit=limit,
            measured=sizes[label],
            hint="Add samples, or merge the class with another one.",
        )
    if limited and not small:
        least = min(limited, key=lambda label: sizes[label])
        message = f"the smallest class is {least} with {count(sizes[least], 'sample')}; {limited[least]:,} wanted"
        yield CheckResult("min-class-samples", "passed", message, limit=limited[least], measured=sizes[least])


def max_imbalance(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether the largest class is too large beside the smallest."""
    limit = gate.limits.max_imbalance
    if limit is None:
        return
    sizes = class_sizes(examined.columns.given, examined.classes, examined.columns.scanned)
    least, most = min(sizes, key=lambda name: sizes[name]), max(sizes, key=lambda name: sizes[name])
    ratio = sizes[most] / sizes[least] if sizes[least] else float(sizes[most])
    yield pass_or_fail(
        "max-imbalance",
        f"{most} has {sizes[most]:,} samples, {least} has {sizes[least]:,}: {ratio:.1f} to 1; {limit:g} to 1 allowed",
        failed=ratio > limit or not sizes[least],
        limit=limit,
        measured=ratio,
        hint="Add samples of the small classes, or raise check.max_imbalance." if ratio > limit else "",
    )


def max_label_changes(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether classes came or went since the audit before."""
    limit, drift = gate.limits.max_label_changes, examined.drift
    if limit is None:
        return
    if isinstance(drift, str):
        yield CheckResult("max-label-changes", "skipped", drift)
        return
    came = [name for name in examined.classes if name not in set(drift.classes)]
    went = [name for name in drift.classes if name not in set(examined.classes)]
    changes = [*(f"+{name}" for name in came), *(f"-{name}" for name in went)]
    listed = f" ({shorten(changes)})" if changes else ""
    yield pass_or_fail(
        "max-label-changes",
        f"{count(len(changes), 'class', 'classes')} came or went since {drift.audit_name}{listed}; {limit:,} allowed",
        failed=len(changes) > limit,
        limit=limit,
        measured=len(changes),
        hint="A misspelt label makes a class of its own." if came else "",
    )


def max_label_shift(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether the shares of the classes moved too far since the audit before."""
    limit, drift = gate.limits.max_label_shift, examined.drift
    if limit is None:
        return
    if isinstance(drift, str):
        yield CheckResult("max-label-shift", "skipped", drift)
        return
    before = _shares(class_sizes(drift.given, drift.classes))
    after = _shares(class_sizes(examined.columns.given, examined.classes, examined.columns.scanned))
    moves = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in {**before, **after}}
    shift = sum(abs(move) for move in moves.values()) / 2  # total variation
    furthest = max(moves, key=lambda name: abs(moves[name]))
    yield pass_or_fail(
        "max-label-shift",
        f"{percent(shift)} of the samples moved between classes since {drift.audit_name}, most of all {furthest} "
        f"({percent(before.get(furthest, 0.0))} to {percent(after.get(furthest, 0.0))}); {percent(limit)} allowed",
        failed=shift > limit,
        limit=limit,
        measured=shift,
    )


def max_unjudged(examined: Examined, gate: Gate) -> Iterator[CheckResult]:
    """Yield whether the audit has not seen the dataset as it is now, and which files are new."""
    limit, comparison = gate.limits.max_unjudged, examined.comparison
    if limit is None:
        return
    if isinstance(comparison, str):
        yield CheckResult("max-unjudged", "skipped", comparison)
        return
    yield pass_or_fail(
        "max-unjudged",
        f"{_stale_words(comparison)}; {limit:,} allowed",
        failed=len(comparison.unjudged) > limit,
        limit=limit,
        measured=len(comparison.unjudged),
        hint="Scan again: the audit says nothing about these.",
        listed=_listed(comparison),
    )


def _stale_words(comparison: Comparison) -> str:
    kinds = {
        "new": len(comparison.new),
        "with another label": len(comparison.relabelled),
        "with other content": len(comparison.altered),
    }
    listed = ", ".join(f"{n:,} {what}" for what, n in kinds.items() if n)
    extra = [f"{comparison.gone:,} are gone"] if comparison.gone else []
    extra += [f"{comparison.renamed:,} have another name"] if comparison.renamed else []
    judged = f" (of those judged, {' and '.join(extra)})" if extra else ""
    unjudged = f"{len(comparison.unjudged):,} of {count(comparison.total, 'sample')} are not judged"
    return f"{unjudged}{': ' + listed if listed else ''}{judged}"


def _listed(comparison: Comparison) -> tuple[str, ...]:
    return (
        *(f"{name} (new)" for name in comparison.new),
        *(f"{name} (another label)" for name in comparison.relabelled),
        *(f"{name} (other content)" for name in comparison.altered),
    )


def _shares(sizes: Mapping[str, int]) -> dict[str, float]:
    total = sum(sizes.values()) or 1
    return {name: size / total for name, size in sizes.items()}
