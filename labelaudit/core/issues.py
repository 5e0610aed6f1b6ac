"""The words of the findings: issues, actions and the version of their schema; importing them costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

FINDINGS_SCHEMA = 1
SCHEMA_KEY = b"labelaudit.findings_schema"  # in the metadata of findings.parquet


class Action(StrEnum):
    """What to do with a sample."""

    KEEP = "keep"
    RELABEL = "relabel"
    REVIEW = "review"
    DROP = "drop"


class Issue(StrEnum):
    """What is wrong with a sample."""

    NONE = ""
    MISLABELLED = "mislabelled"
    AMBIGUOUS = "ambiguous"
    OUT_OF_DISTRIBUTION = "out-of-distribution"
    DUPLICATE_CONFLICT = "duplicate-conflict"
    RARE_CLASS = "rare-class"
    UNREADABLE = "unreadable"
    MISSING_LABEL = "missing-label"
    MISSING_FILE = "missing-file"


# A file that cannot be used is of no use to anyone; a missing label can be filled in by a person.
SET_ASIDE_ACTIONS = {Issue.UNREADABLE: Action.DROP, Issue.MISSING_FILE: Action.DROP, Issue.MISSING_LABEL: Action.REVIEW}


GENERAL_DOUBTS = ("too-few", "not-learnt", "near-chance", "wide-interval")  # of all labels, not of some classes


def has_general_doubt(doubts: Iterable[Mapping[str, Any]] | None) -> bool:
    """Return whether the doubts of an audit's results say that nothing can be told of any label."""
    return any(doubt.get("kind") in GENERAL_DOUBTS for doubt in doubts or ())
