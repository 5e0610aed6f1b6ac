"""The words of the findings: issues, actions and the version of their schema; importing them costs nothing."""

from __future__ import annotations

from enum import StrEnum

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
