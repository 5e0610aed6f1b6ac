"""What audit.json must hold: docs/reference/audit-folder.md as checks, for whatever wrote the file.

Old audits lack keys that newer ones have, so nothing but the status is required; what is there must fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from labelaudit.core.manifest import MANIFEST_SHAPE
from labelaudit.core.shape import (
    Misfit,
    anything,
    instant,
    list_of,
    map_of,
    maybe,
    number,
    one_of,
    record,
    share,
    text,
    truth,
    whole,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")


def is_name(word: object) -> bool:
    """Whether a word from a file may name a file: no separators, nothing that leads upwards, nothing hidden."""
    return isinstance(word, str) and _NAME.fullmatch(word) is not None


def _name(value: object, key: str) -> None:
    if not is_name(value):
        raise Misfit(key, value, "letters, digits, plus, point, hyphen")


_interval = record({"rate": share, "low": share, "high": share})
_setting = anything  # recipes are checked where they are used, by their dataclasses
_RECIPE = record(
    name=text,
    seed=whole(),
    device=text,
    method=_name,
    epochs_scale=number(0.0, 1.0),
    data=maybe(map_of(_setting)),
    model=maybe(map_of(_setting)),
    train=maybe(map_of(_setting)),
    options=maybe(map_of(_setting)),
    policy=maybe(map_of(_setting)),
)
_DOUBT = record(
    {
        "kind": text,  # see judging/doubts.py
        "classes": list_of(text),
        "text": text,
    }
)
_CONFUSION = record({"true": text, "given": text, "expected": number(0.0), "rate": share, "low": share, "high": share})
_REVIEW = record(
    {
        "errors": number(0.0),
        "found": list_of(record({"looks": whole(), "errors": number(0.0)})),
        "catch": list_of(record({"share": share, "looks": whole()})),
    }
)
_TRUSTED = record(
    {
        "trusted": whole(),
        "false_alarms": whole(),
        "false_alarm_share": _interval,
        "clean_prob": number(),
        "expected_clean_prob": number(),
        "is_calibrated": truth,
    },
    noise_rate=maybe(_interval),
)
_WITNESSES = record(
    {
        "named": map_of(record({"agreement": number(), "taught": truth, "has_vote": truth})),
        "chance": number(),
        "proof": maybe(number()),
        "bar": maybe(number()),
    },
    after_30_answers=maybe(share),
)
_FINISH = record({"method": text, "model": text}, labels=maybe(map_of(whole())))
_range = record({"low": number(), "high": number()})
_ANSWERS = record(
    {
        "looked_at": whole(),
        "suspects": whole(),
        "answers": whole(),
        "errors_left_among_suspects": _range,
        "errors_left": _range,
        "next": record({"looks": whole(), "low": number(), "high": number()}),
    }
)
_ANNOTATOR = record({"name": text, "answers": whole(), "accuracy": share, "low": share, "high": share})
_ANNOTATORS = record(
    {
        "persons": list_of(_ANNOTATOR),
        "answers": whole(),
        "agreement": maybe(share),
        "look_again": record({"count": whole(), "first": list_of(text)}),
        "model_weight": number(),
    }
)
_LABEL = record(
    {
        "name": text,
        "has": whole(),
        "should_not": whole(),
        "lacks_but_should": whole(),
        "noise_rate": share,
        "interval": maybe(list_of(share, length=2)),
        "quiet": truth,
    }
)
_RESULTS = record(
    labels=maybe(list_of(_LABEL)),
    noise_rate=maybe(share),
    noise_interval=maybe(list_of(share, length=2)),
    noise_by_class=maybe(map_of(_interval)),
    confusions=maybe(list_of(_CONFUSION)),
    review=maybe(_REVIEW),
    quiet=truth,
    identifiable=truth,
    doubts=maybe(list_of(_DOUBT)),
    trusted_check=maybe(_TRUSTED),
    witnesses=maybe(_WITNESSES),
    mixture=maybe(map_of(anything)),
    stages=maybe(map_of(anything)),
    seconds=maybe(map_of(number(0.0))),
    finish=maybe(_FINISH),
    answers=maybe(_ANSWERS),
)
_DATASET = record(
    kind=text,
    samples=whole(),
    classes=list_of(text),
    split=maybe(text),
    set_aside=whole(),
    several=maybe(record({"names": list_of(text)}, kind=text, column=maybe(text), between=text)),
)


def _dataset(value: object, key: str) -> None:
    """Expect what is said of a dataset: of several labels, two classes for each."""
    _DATASET(value, key)
    assert isinstance(value, Mapping)
    several = value.get("several")
    if several is None:
        return
    names = several["names"]
    if not names or len(value.get("classes") or ()) != 2 * len(names):
        raise Misfit(f"{key}.several.names", names, "a label for every two classes")


AUDIT_SHAPE = record(
    {"status": one_of("running", "interrupted", "failed", "finished")},
    name=text,
    method=_name,
    labelaudit=text,
    created=maybe(instant),
    finished=maybe(instant),
    source=text,
    error=maybe(text),
    why=text,
    seed=whole(),
    device=text,
    leans_on_trusted=truth,
    recipe=maybe(_RECIPE),
    dataset=maybe(_dataset),
    annotators=maybe(_ANNOTATORS),
    results=maybe(_RESULTS),
    fingerprint=maybe(text),
    stage_seconds=maybe(map_of(number(0.0))),
    warnings=maybe(list_of(text)),
    finish=maybe(_RECIPE),
    files=maybe(MANIFEST_SHAPE),
    seal=maybe(text),
    ranks=maybe(record(size=whole(), launch=text)),
)
