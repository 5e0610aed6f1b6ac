"""A sample as it is handed to another tool, and what somebody said there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODEL_VERSION = "labelaudit"  # one for all predictions: Label Studio shows those of one version at a time


@dataclass(frozen=True, slots=True)
class Handed:
    """One suspect, or any sample, with all that another tool can show of it."""

    sample_id: str
    path: str  # as the findings have it
    given_label: str
    suggested_label: str | None
    suggested_prob: float | None
    clean_prob: float | None
    action: str
    issue: str
    rank: int
    why: str  # in words
    file: str | None = None  # the image, absolute; None where it is none, or in no file of its own
    embedded: str | None = None  # an image in no file of its own, as a data: address
    text: str | None = None  # of a text, or the cells of a row in words
    label: str | None = None  # as corrected; None where it is left out
    decision: str = ""  # of a person


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody decided on one sample in another tool, not yet held against the audit."""

    place: str  # "line 7", "task 3"
    sample: str  # its id or its path
    given_label: str | None = None  # as the file has it
    verdict: Literal["ok", "wrong", "accept", ""] = ""  # accept = the suggested label is right; "" = `label` tells
    label: str = ""  # that is right
    kind: str = ""  # drop or ambiguous
    note: str = ""
    who: str = ""
