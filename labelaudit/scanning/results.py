"""What judging adds to the results in audit.json; scanning and judging again write the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.shares import Share
from labelaudit.judging.asking import would_narrow
from labelaudit.judging.disputes import FEWEST_SAMPLES, Disputes
from labelaudit.judging.doubts import Doubt
from labelaudit.judging.policy import Verdicts
from labelaudit.judging.reckoning import review_facts
from labelaudit.judging.trusted import TrustedCheck

ANSWERS = 30  # that `labelaudit ask` asks for


def judged_results(verdicts: Verdicts, classes: Sequence[str]) -> dict[str, Any]:
    """Return the results of judging, ready for JSON.

    Args:
        verdicts: of all samples.
        classes: their names.
    """
    noise, by_class = verdicts.noise, verdicts.by_class
    return {
        "noise_rate": noise.rate,
        "noise_interval": None if noise.is_point else [noise.low, noise.high],
        "noise_by_class": None
        if by_class is None
        else {name: asdict(rate) for name, rate in zip(classes, by_class, strict=True) if rate is not None},
        "confusions": [
            {"true": classes[pair.true], "given": classes[pair.given], "expected": pair.expected, **asdict(pair.rate)}
            for pair in verdicts.pairs
        ],
        "review": review_facts(verdicts.review),
        "quiet": verdicts.is_quiet,
        "identifiable": not verdicts.doubts,
        "doubts": [_doubt(doubt, noise, classes) for doubt in verdicts.doubts],
        "trusted_check": None if verdicts.on_trusted is None else _trusted(verdicts.on_trusted),
        "mixture": verdicts.mixture,
        "witnesses": None if verdicts.disputes is None else witness_facts(verdicts.disputes),
    }


def labels_results(names: Sequence[str], has: NDArray[np.bool_], each: Sequence[Verdicts]) -> list[dict[str, Any]]:
    """Return what is said of each of several labels: who has it, who should not, who lacks it and should not.

    Args:
        names: (L,) of the labels.
        has: (N, L) whether a sample has it.
        each: (L,) verdicts.
    """
    return [_label_facts(name, has_it, one) for name, has_it, one in zip(names, has.T, each, strict=True)]


def _label_facts(name: str, has: NDArray[np.bool_], verdicts: Verdicts) -> dict[str, Any]:
    suspect, noise = verdicts.action != "keep", verdicts.noise
    return {
        "name": name,
        "has": int(has.sum()),
        "should_not": int((suspect & has).sum()),
        "lacks_but_should": int((suspect & ~has).sum()),
        "noise_rate": noise.rate,
        "interval": None if noise.is_point else [noise.low, noise.high],
        "quiet": verdicts.is_quiet,
    }


def witness_facts(disputes: Disputes) -> dict[str, Any]:
    """Return how far each witness can be believed, and what their disputes are measured by; ready for JSON."""
    named = {
        name: {"agreement": each.agreement, "taught": each.is_taught, "has_vote": each.has_vote}
        for name, each in disputes.opinions.items()
    }
    chance = next(iter(disputes.opinions.values())).chance
    narrowed = would_narrow(disputes.disputed, ANSWERS, detector=disputes.noise)
    return {
        "named": named,
        "chance": chance,
        "proof": disputes.proof,
        "bar": disputes.bar,
        "after_30_answers": round(narrowed, 4),
    }


def _doubt(doubt: Doubt, noise: Share, classes: Sequence[str]) -> dict[str, Any]:
    names = [classes[place] for place in doubt.classes]
    low, high = noise.low, noise.high
    texts = {
        "too-few": f"too few labels to tell how many are wrong: {FEWEST_SAMPLES} are the least",
        "not-learnt": "the witnesses know too little of these data to tell a wrong label from a hard one",
        "near-chance": f"up to {high:.0%} of the labels may be wrong, nearly as many as if they were drawn by lot",
        "wide-interval": f"anything from {low:.0%} to {high:.0%} of the labels may be wrong",
        "pair": "so many of {0} may be labelled {1} that it cannot be told which of the two is meant",
        "label-not-learnt": "the witnesses know too little of {0}: who has it and who lacks it cannot be told",
        "class-not-learnt": "{0} is hardly ever predicted: its labels cannot be told from wrong ones",
    }
    return {"kind": doubt.kind, "classes": names, "text": texts[doubt.kind].replace("%", " %").format(*names)}


def _trusted(check: TrustedCheck) -> dict[str, Any]:
    return asdict(check) | {"is_calibrated": check.is_calibrated}
