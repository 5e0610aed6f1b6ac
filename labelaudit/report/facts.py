"""All that the page shows of an audit, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset
from labelaudit.core.decisions import Decisions
from labelaudit.core.errors import DataError
from labelaudit.core.evidence import Evidence, read_evidence
from labelaudit.core.findings import read_findings
from labelaudit.core.issues import SET_ASIDE_ACTIONS, Action
from labelaudit.core.recipe import DataSettings
from labelaudit.judging.disputes import read_disputes
from labelaudit.report.advice import advice_for
from labelaudit.report.cards import Card, cards_of, rows_to_show, wanted_of
from labelaudit.report.curves import Line, decided_line, expected_line, read_events, training_lines
from labelaudit.report.flows import Flows, flows_of
from labelaudit.report.histogram import Histogram, dispute_histogram, loss_histogram
from labelaudit.report.plane import Plane, chosen_rows
from labelaudit.report.samples import show_samples
from labelaudit.report.vectors import best_plane

_SET_ASIDE_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Source:
    """The data of an audit as it is now, or why there is nothing to see of it."""

    dataset: Dataset | None
    settings: DataSettings
    missing: str = ""  # in a few words


@dataclass(frozen=True, slots=True)
class MapOfSamples:
    """The samples as points, and what is known of each."""

    plane: Plane
    given: tuple[str, ...]  # (M,)
    suspect_rank: tuple[int, ...]  # (M,) 0 = no suspect


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows."""

    name: str  # of the audit
    meta: Mapping[str, Any]
    summary: Mapping[str, Any]
    advice: tuple[str, ...]
    cards: tuple[Card, ...]
    suspects: int  # in all; the cards are the worst of them
    missing: str  # why there is nothing to see of the samples
    losses: Histogram | None
    disputes: Histogram | None
    flows: Flows
    map: MapOfSamples | None
    expected: Line
    decided: Line
    training: tuple[Line, ...]
    tested: tuple[Line, ...]
    set_aside: tuple[Mapping[str, str], ...]


def facts_of(audit: Audit, decisions: Decisions, source: Source, *, limit: int) -> Facts:
    """Return what the page shows of an audit.

    Args:
        audit: as people's answers leave it.
        decisions: of people.
        source: its data.
        limit: show so many suspects at most.
    """
    meta, summary, frame = audit.meta, audit.summary, audit.findings
    scanned = frame[~frame["issue"].isin([*SET_ASIDE_ACTIONS])].reset_index(drop=True)
    as_scanned = read_findings(audit.findings_path, ["clean_prob", "trusted", "issue"])
    asked = as_scanned[~as_scanned["issue"].isin([*SET_ASIDE_ACTIONS]) & ~as_scanned["trusted"]]
    flows = _flows(scanned, _classes(meta))
    rows = rows_to_show(frame, most=limit)
    shown = {} if source.dataset is None else show_samples(source.dataset, wanted_of(rows), source.settings)
    losses, disputes = _histograms(audit, meta, scanned)
    events = read_events(audit.path / "events.jsonl")
    return Facts(
        name=audit.path.name,
        meta=meta,
        summary=summary,
        advice=tuple(advice_for(summary, flows.pairs)),
        cards=tuple(cards_of(rows, shown, _decided(rows, decisions), missing=source.missing)),
        suspects=int((scanned["action"] != Action.KEEP).sum()),
        missing=source.missing,
        losses=losses,
        disputes=disputes,
        flows=flows,
        map=_map(scanned, audit, meta, source, limit=limit),
        expected=expected_line(asked["clean_prob"].to_numpy(np.float64)),
        decided=decided_line(list(decisions.known.values())),
        training=tuple(training_lines(events, "EpochFinished", "mean_loss")),
        tested=tuple(training_lines(events, "EpochTested", "accuracy")),
        set_aside=_set_aside(frame),
    )


def _classes(meta: Mapping[str, Any]) -> Sequence[str]:
    return tuple((meta.get("dataset") or {}).get("classes") or ())


def _decided(rows: pd.DataFrame, decisions: Decisions) -> dict[str, tuple[str, str]]:
    """Return decision and label of the samples that people decided on, by sample id."""
    keys = zip(rows["sample_id"], rows["content_hash"], rows["given_label"], strict=True)
    found = {name: decisions.known.get((content, given)) for name, content, given in keys if content}
    told = {name: (each.kind or each.decision, each.label) for name, each in found.items() if each is not None}
    return {name: words for name, words in told.items() if words[0] != "open"}


def _flows(scanned: pd.DataFrame, classes: Sequence[str]) -> Flows:
    suspects = scanned[(scanned["action"] != Action.KEEP) & scanned["suggested_label"].notna()]
    return flows_of(suspects["given_label"].tolist(), suspects["suggested_label"].tolist(), classes)


def _histograms(
    audit: Audit, meta: Mapping[str, Any], scanned: pd.DataFrame
) -> tuple[Histogram | None, Histogram | None]:
    losses, is_suspect = scanned["loss"].to_numpy(np.float64), (scanned["action"] != Action.KEEP).to_numpy()
    if not len(losses):
        return None, None
    results, policy = meta.get("results") or {}, (meta.get("recipe") or {}).get("policy") or {}
    by_loss = loss_histogram(
        losses, is_suspect, results.get("mixture"), suspect_below=float(policy.get("suspect_below", 0.5))
    )
    evidence = _evidence(audit) if results.get("witnesses") else None  # of several labels a sample nothing is told
    if evidence is None or not evidence.witnesses or len(evidence.losses) != len(losses) or not _classes(meta):
        return by_loss, None
    given = pd.Index(_classes(meta)).get_indexer(pd.Index(scanned["given_label"])).astype(np.int64)
    if (given < 0).any():
        return by_loss, None
    counts = np.bincount(given, minlength=len(_classes(meta)))
    disputes = read_disputes(evidence.witnesses, given, counts, counted=~scanned["trusted"].to_numpy(np.bool_))
    by_dispute = None if disputes is None else dispute_histogram(disputes.disputed, is_suspect, bar=disputes.bar)
    return by_loss, by_dispute


def _evidence(audit: Audit) -> Evidence | None:
    try:
        return read_evidence(audit.evidence_path)
    except DataError:  # the page shows what is left
        return None


def _map(
    scanned: pd.DataFrame, audit: Audit, meta: Mapping[str, Any], source: Source, *, limit: int
) -> MapOfSamples | None:
    is_suspect = (scanned["action"] != Action.KEEP).to_numpy(np.bool_)
    rank = scanned["rank"].to_numpy(np.int64)
    rows = chosen_rows(is_suspect, rank, most_suspects=limit)
    plane = best_plane(scanned, rows, meta=meta, home=audit.home, dataset=source.dataset)
    if plane is None:
        return None
    given = scanned["given_label"].iloc[plane.rows].tolist()
    ranks = np.where(is_suspect[plane.rows], rank[plane.rows], 0)
    return MapOfSamples(plane, tuple(given), tuple(ranks.tolist()))


def _set_aside(frame: pd.DataFrame) -> tuple[Mapping[str, str], ...]:
    rows = frame[frame["issue"].isin([*SET_ASIDE_ACTIONS])].head(_SET_ASIDE_SHOWN)
    return tuple(
        {str(key): str(value) for key, value in row.items()} for row in rows[["path", "detail"]].to_dict("records")
    )
