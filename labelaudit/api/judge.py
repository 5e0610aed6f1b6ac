"""`labelaudit judge`: the verdicts of a finished audit under other thresholds, without training."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.audits import Audit, find_audit
from labelaudit.core.errors import ConfigError, DataError, damaged
from labelaudit.core.evidence import Evidence, read_evidence, require_classes
from labelaudit.core.findings import (
    SET_ASIDE_ACTIONS,
    Action,
    Issue,
    decided_anew,
    frame_of,
    judged_anew,
    read_table,
    write_findings,
)
from labelaudit.core.issues import has_general_doubt
from labelaudit.core.recipe import PolicySettings, Recipe, with_overrides
from labelaudit.core.several import HAS, several_of
from labelaudit.judging.policy import Verdicts
from labelaudit.judging.policy import judge as judge_evidence
from labelaudit.judging.several import joined_verdicts, judge_labels, parted_evidence
from labelaudit.scanning.past_findings import decide_unseen, joined_results, unseen_rows
from labelaudit.scanning.results import judged_results, labels_results

_OWN_FACTS = frozenset(
    {"schema", "name", "status", "method", "created", "finished", "labelaudit", "results", "error", "judged_from"}
    | {"files", "seal"}
    | {"finish"}  # the classifier stays in the old audit, whose suggestions it learnt from
)
_KEPT = ("unseen.npz", "near.npz", "model.safetensors", "MODEL.md", "decisions.jsonl")


def judge(audit: Audit | Path | str | None = None, *, overrides: Mapping[str, str] | None = None) -> Audit:
    """Judge the evidence of an audit again and return the new audit; the old one stays as it is.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.
        overrides: settings of the policy, e.g. `{"policy.suspect_below": "0.3"}`; others are as they were.

    Raises:
        ConfigError: a setting that is not one of the policy's, or out of its range.
        DataError: no finished audit there, or its evidence is missing or damaged.

    Samples that the networks never saw (of an update) keep their clean_prob; thresholds hold for them, too.
    """
    old = Audit(audit.path) if isinstance(audit, Audit) else find_audit(audit)  # people's answers come on top again
    meta = old.require_finished().meta
    recipe = _with_policy(old.recipe, overrides or {})
    evidence = read_evidence(old.evidence_path)
    table = read_table(old.findings_path)
    issues = np.asarray(table["issue"])
    scanned = np.flatnonzero(~np.isin(issues, [str(issue) for issue in SET_ASIDE_ACTIONS]))
    unseen = unseen_rows(old, len(scanned))
    seen = np.flatnonzero(~unseen)
    if len(seen) != len(evidence.losses):
        raise DataError(
            f"{old.path} has evidence for {len(evidence.losses):,} samples and findings for {len(seen):,}.",
            hint="Scan the data again.",
        )
    classes = np.array(old.fact("dataset", "classes"))
    require_classes(old.evidence_path, evidence, len(classes))
    old.require_labels(table["given_label"].unique().to_pylist())
    given = _positions(np.asarray(table["given_label"])[scanned], classes)
    labels = _Labels(
        given=given[seen],
        trusted=np.asarray(table["trusted"])[scanned[seen]],
        conflict=issues[scanned[seen]] == Issue.DUPLICATE_CONFLICT,
        counts=np.bincount(given, minlength=len(classes)),
    )
    several = several_of(meta)
    if several is None:
        verdicts, about_labels = _judged_alone(evidence, labels, recipe, meta)
    else:
        _require_pairs(old, labels.given, evidence, len(several["names"]))
        verdicts, about_labels = _judged_as_pairs(evidence, labels, recipe, several["names"])
    judged = judged_anew(table, scanned[seen], verdicts.judged, meta["dataset"]["classes"])
    results = judged_results(verdicts, meta["dataset"]["classes"]) | about_labels
    if len(seen) < len(scanned):
        judged = _decided_anew(judged, scanned[unseen], recipe.policy, is_lost=has_general_doubt(results.get("doubts")))
        results = joined_results(results, np.asarray(judged["clean_prob"])[scanned], unseen)
    facts = {name: value for name, value in meta.items() if name not in _OWN_FACTS}
    facts |= {"recipe": recipe.to_dict(), "judged_from": old.path.name}
    new = Audit.create(old.home.parent, method=old.fact("method"), facts=facts)
    shutil.copyfile(old.evidence_path, new.evidence_path)
    for file in _KEPT:
        if old.file(file).exists():
            shutil.copyfile(old.file(file), new.file(file))
    write_findings(frame_of(judged), new.findings_path)
    new.finish({name: value for name, value in old.fact("results").items() if name != "finish"} | results)
    return new


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels that are judged."""

    given: IntN  # (N,) positions in the classes
    trusted: BoolN  # (N,)
    conflict: BoolN  # (N,)
    counts: IntN  # (C,)


def _judged_alone(
    evidence: Evidence, labels: _Labels, recipe: Recipe, meta: Mapping[str, Any]
) -> tuple[Verdicts, dict[str, Any]]:
    verdicts = judge_evidence(
        evidence,
        labels.given,
        settings=recipe.policy,
        trusted=labels.trusted,
        conflict=labels.conflict,
        class_counts=labels.counts,
        check_trusted=not meta.get("leans_on_trusted", False),
    )
    return verdicts, {}


def _require_pairs(audit: Audit, given: IntN, evidence: Evidence, n_labels: int) -> None:
    """Raise DataError unless findings and evidence are on pairs, all labels of a sample one after the other."""
    label = np.arange(len(given)) % n_labels
    if len(given) % n_labels or (given // 2 != label).any():
        raise damaged(audit.findings_path, "its rows are not all pairs of a sample and a label")
    told: list[NDArray[Any]] = [
        evidence.top_labels,
        *(witness.predicted[:, None] for witness in evidence.witnesses.values()),
    ]
    if any((numbers // 2 != label[:, None]).any() for numbers in told):
        raise damaged(audit.evidence_path, "it tells of other labels than those of its pairs")


def _judged_as_pairs(
    evidence: Evidence, labels: _Labels, recipe: Recipe, names: Sequence[str]
) -> tuple[Verdicts, dict[str, Any]]:
    """Return verdicts on pairs of a sample and a label, and what is said of each label."""
    shape = (-1, len(names))
    has = (labels.given % 2 == HAS).reshape(shape)
    trusted = labels.trusted.reshape(shape)[:, 0]
    each = judge_labels(
        parted_evidence(evidence, len(names)),
        has,
        settings=recipe.policy,
        trusted=trusted,
        conflict=labels.conflict.reshape(shape),
    )
    return joined_verdicts(each, asked=~trusted), {"labels": labels_results(names, has, each)}


def _decided_anew(table: pa.Table, rows: IntN, settings: PolicySettings, *, is_lost: bool) -> pa.Table:
    """Return findings with other actions for samples that the networks never saw; their clean_prob stays."""
    part = table.take(pa.array(rows))
    clean_prob, suggested_prob = (np.asarray(part[name]) for name in ("clean_prob", "suggested_prob"))
    action, issue = decide_unseen(clean_prob, suggested_prob, settings, is_lost=is_lost)
    doubtful = (np.asarray(part["issue"]) == Issue.DUPLICATE_CONFLICT) & ~np.asarray(part["trusted"])
    action[doubtful & (action == Action.KEEP)], issue[doubtful] = Action.REVIEW, Issue.DUPLICATE_CONFLICT
    return decided_anew(table, rows, action, issue)


def _with_policy(recipe: Recipe, overrides: Mapping[str, str]) -> Recipe:
    for name in overrides:
        if not name.startswith("policy."):
            raise ConfigError(
                f"{name!r} cannot be changed without training.",
                hint="Only the policy can, such as -o policy.suspect_below=0.3; for the rest, scan again.",
            )
    return with_overrides(recipe, overrides)


def _positions(labels: Any, classes: Any) -> IntN:
    """Return (N,) the position of each label in the classes."""
    order = np.argsort(classes)
    found = np.searchsorted(classes, labels.astype(classes.dtype), sorter=order)
    positions: IntN = order[found].astype(np.int64)
    return positions
