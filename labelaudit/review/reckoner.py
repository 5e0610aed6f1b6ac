"""How far people have come and what is left, computed beside the page: nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Decisions, Key, Known
from labelaudit.gate.answered import Standing, decided_rows, standing
from labelaudit.gate.columns import FindingColumns

Snapshot = tuple[int, Mapping[Key, Known], Decisions]  # version, everything known, the decisions of the audit

# Errors among the next looks from which a review pays: one in twenty. Below it people begin to wave things through,
# and a fresh scan of the mended labels finds more with the same looks.
WORTH = 0.05
QUESTIONS = 30  # that are offered where the audit is unsure
_UNSURE_WIDTH = 0.05  # of the interval of the noise rate
_UNSURE_TIMES = 0.75  # the same, as a part of the rate


class Reckoner:
    """The audit as the decisions so far leave it; a thread of its own follows them."""

    def __init__(self, audit: Audit, columns: FindingColumns, snapshot: Callable[[], Snapshot]) -> None:
        self._audit, self._columns, self._snapshot = audit, columns, snapshot
        self._wanted, self._ready = threading.Event(), threading.Event()
        self._stopped = False
        self._latest: tuple[int, Standing] | None = None
        self._thread = threading.Thread(target=self._follow, name="reckoner", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Note that there are new decisions."""
        self._wanted.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wanted.set()
        self._thread.join(timeout=10)

    def begin(self) -> None:
        """Reckon for the first time, unless that is done: not before a sample is shown, which it would delay."""
        if self._latest is None:
            self.wake()

    def standing(self, timeout_s: float = 60.0) -> Standing | None:
        """Return the audit as it was reckoned last, after the first time at once; None where that took too long."""
        self.begin()
        self._ready.wait(timeout_s)
        return None if self._latest is None else self._latest[1]

    def settle(self, version: int, timeout_s: float = 60.0) -> None:
        """Wait until decisions up to a version are reckoned with."""
        self.begin()
        deadline = time.monotonic() + timeout_s
        while (self._latest is None or self._latest[0] < version) and time.monotonic() < deadline:
            self._ready.wait(0.01)
            time.sleep(0.005)

    def progress(self) -> dict[str, Any] | None:
        """Return how far people have come, ready for JSON; None until it is reckoned."""
        if self._latest is None:
            return None
        version, now = self._latest
        return {"version": version, **progress_facts(now.audit.meta["results"])}

    def _follow(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopped:
                return
            version, known, decisions = self._snapshot()
            decided = decided_rows(self._columns, known)
            self._latest = (version, standing(self._audit, self._columns, decided, decisions))
            self._ready.set()


def progress_facts(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says of the whole: noise, what is left, and whether going on pays.

    Args:
        results: of an audit, with people's answers.
    """
    answers, interval = results["answers"], results.get("noise_interval")
    upcoming = answers["next"]
    share = upcoming["expected"] / upcoming["looks"] if upcoming["looks"] else 0.0
    return {
        "noise": {"rate": results.get("noise_rate"), "interval": interval},
        "looked_at": answers["looked_at"],
        "suspects": answers["suspects"],
        "answers": answers["answers"],
        "wrong": answers["wrong"],
        "blind": answers["blind"],
        "errors_left": answers["errors_left"],
        "errors_left_among_suspects": answers["errors_left_among_suspects"],
        "next": upcoming,
        "pays": share >= WORTH,
        "is_unsure": is_unsure(results),
        "questions": QUESTIONS,
    }


def is_unsure(results: Mapping[str, Any]) -> bool:
    """Whether thirty answers about samples drawn by lot would tell more than the suspects: the rate is hardly known."""
    interval, rate = results.get("noise_interval"), float(results.get("noise_rate") or 0.0)
    if not interval or results.get("doubts"):
        return True
    return float(interval[1]) - float(interval[0]) > max(_UNSURE_WIDTH, _UNSURE_TIMES * rate)
