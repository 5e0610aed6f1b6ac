"""The table of rules. Each is a pure function of the evidence and the limits, and yields results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from labelaudit.gate import dataset_rules, suspect_rules
from labelaudit.gate.examined import Examined
from labelaudit.gate.limits import Gate
from labelaudit.gate.result import CheckResult, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    name: str  # the name of its limit, with hyphens
    check: Callable[[Examined, Gate], Iterator[CheckResult]]
    severity: Severity  # unless the settings say otherwise
    about: str


RULES = (
    Rule("max-noise", suspect_rules.max_noise, "error", "The share of wrong labels, by the model's estimate"),
    Rule("max-class-noise", suspect_rules.max_class_noise, "error", "The share of wrong labels of each class"),
    Rule("max-suspects", suspect_rules.max_suspects, "error", "Suspects that no one called right"),
    Rule("max-suspect-share", suspect_rules.max_suspect_share, "error", "The same as a share of the samples"),
    Rule("max-new-suspects", suspect_rules.max_new_suspects, "error", "Suspects that the baseline does not know"),
    Rule("max-changed-suspects", suspect_rules.max_changed_suspects, "error", "New suspects among changed files"),
    Rule("max-unreadable", dataset_rules.max_unreadable, "error", "Files and rows that could not be scanned"),
    Rule("max-duplicate-conflicts", dataset_rules.max_duplicate_conflicts, "error", "Exact twins with other labels"),
    Rule("max-leaks", dataset_rules.max_leaks, "error", "Samples that another split holds, too"),
    Rule("max-near-leaks", dataset_rules.max_near_leaks, "warning", "Near duplicates across splits"),
    Rule("max-near-conflicts", dataset_rules.max_near_conflicts, "warning", "Near duplicates with other labels"),
    Rule("min-class-samples", dataset_rules.min_class_samples, "warning", "Samples of the smallest class"),
    Rule("max-imbalance", dataset_rules.max_imbalance, "warning", "Largest class against the smallest"),
    Rule("max-label-changes", dataset_rules.max_label_changes, "warning", "Classes that came or went"),
    Rule("max-label-shift", dataset_rules.max_label_shift, "warning", "Samples that moved between classes"),
    Rule("max-unjudged", dataset_rules.max_unjudged, "error", "Samples that the audit has not seen as they are"),
)


def run_rules(examined: Examined, gate: Gate) -> tuple[CheckResult, ...]:
    """Return the results of every rule whose limit is not none, in the order of the table."""
    return tuple(
        replace(result, severity=gate.severity.get(rule.name, rule.severity))
        for rule in RULES
        for result in rule.check(examined, gate)
    )
