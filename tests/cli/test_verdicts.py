"""The end of a scan's output in each state that a dataset can be in, from results made by hand."""

from typing import Any

import numpy as np
import pytest

from labelaudit.core.shares import Share, point
from labelaudit.judging.disputes import Disputes, Opinion
from labelaudit.judging.doubts import Doubt
from labelaudit.judging.policy import Verdicts
from labelaudit.judging.reckoning import ConfusedPair, review_effort
from labelaudit.judging.trusted import TrustedCheck
from labelaudit.scanning.results import judged_results
from tests.cli.terminal import masked
from tests.gate_audit import Row, write_rows

CLASSES = ("cat", "dog", "fox")
NOISY = Share(0.105, low=0.082, high=0.131)
PAIRS = (("cat", "dog", 14.0, Share(0.18, low=0.12, high=0.25)), ("fox", "dog", 5.0, Share(0.07, 0.03, 0.12)))
AGREES = TrustedCheck(40, 1, Share(0.025, 0.006, 0.103), 0.96, 0.97, 0.03, Share(0.11, low=0.05, high=0.18))
TOO_LOW = TrustedCheck(40, 12, Share(0.3, 0.196, 0.429), 0.71, 0.97, 0.03, Share(0.02, low=0.0, high=0.06))
TOO_HIGH = TrustedCheck(40, 0, Share(0.0, 0.0, 0.063), 0.99, 0.9, 0.03, None)
OPINIONS = {
    "probe": Opinion(is_taught=False, agreement=0.87, chance=0.335, unit=4.0, has_vote=True),
    "network": Opinion(is_taught=True, agreement=0.52, chance=0.335, unit=2.0, has_vote=False),
}
HEARD = Disputes(OPINIONS, np.zeros(200), NOISY, bar=0.3, proof=1.0, is_learnt=True)

STATES: dict[str, tuple[Share | None, dict[str, Any]]] = {
    "quiet": (Share(0.002, low=0.0, high=0.012), {"wrong": 0, "is_quiet": True}),
    "noisy": (NOISY, {}),
    "mixture": (None, {}),
    "disputed": (NOISY, {"disputes": HEARD}),
    "quiet-disputed": (Share(0.002, low=0.0, high=0.012), {"wrong": 0, "is_quiet": True, "disputes": HEARD}),
    "not-learnt": (Share(0.3, low=0.0, high=0.61), {"wrong": 0, "doubts": (Doubt("not-learnt"),), "disputes": HEARD}),
    "too-few": (None, {"wrong": 0, "is_quiet": True, "doubts": (Doubt("too-few"),)}),
    "quiet-mixture": (None, {"wrong": 0, "is_quiet": True}),
    "lost": (Share(0.3, low=0.04, high=0.61), {"wrong": 60, "doubts": (Doubt("wide-interval"),)}),
    "near-chance": (Share(0.6, low=0.5, high=0.63), {"wrong": 60, "doubts": (Doubt("near-chance"),)}),
    "some-doubt": (NOISY, {"doubts": (Doubt("pair", (0, 1)), Doubt("class-not-learnt", (2,)))}),
    "trusted-agrees": (NOISY, {"on_trusted": AGREES}),
    "trusted-too-low": (NOISY, {"on_trusted": TOO_LOW}),
    "trusted-too-high": (NOISY, {"on_trusted": TOO_HIGH}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_summary_says_how_things_stand(state, here, labelaudit, golden):
    noise, told = STATES[state]
    write_state(here, noise, **told)
    golden(f"verdict-{state}", masked(labelaudit("show").stdout, here))


def write_state(here, noise, *, wrong=21, is_quiet=False, doubts=(), on_trusted=None, disputes=None):
    """Write the audit of 200 photos; `wrong` of them are suspects, offered where suggestions can be trusted."""
    is_lost = any(doubt.is_general for doubt in doubts)
    clean = np.where(np.arange(200) < wrong, 0.04, 0.995 if wrong else 0.998)
    rows = [
        Row(
            f"{CLASSES[i % 3]}/{i:03d}.jpg",
            CLASSES[i % 3],
            float(clean[i]),
            suggested=None if clean[i] > 0.5 or is_lost else CLASSES[(i + 1) % 3],
        )
        for i in range(200)
    ]
    verdicts = Verdicts(
        clean_prob=clean,
        suggested=np.zeros(200, dtype=np.int64),
        suggested_prob=1 - clean,
        action=np.empty(200, dtype=object),
        issue=np.empty(200, dtype=object),
        noise=point(float((1 - clean).mean())) if noise is None else noise,
        confusions=None,
        mixture=None,
        by_class=None if noise is None else [noise] * 3,
        pairs=[ConfusedPair(CLASSES.index(a), CLASSES.index(b), n, rate) for a, b, n, rate in PAIRS] if noise else [],
        review=review_effort(clean),
        is_quiet=is_quiet,
        doubts=doubts,
        on_trusted=on_trusted,
        disputes=disputes,
    )
    results = judged_results(verdicts, CLASSES) | {"seconds": {"network1": 61.5}}
    write_rows(here, rows, method="panel" if noise else "elr", classes=CLASSES, results=results)
