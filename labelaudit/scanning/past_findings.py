"""The verdicts of an audit, and new ones between them: what an update writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import BoolN, Dataset, IntN, Vectors
from labelaudit.core.errors import DataError, shorten
from labelaudit.core.evidence import Evidence, FloatN, read_evidence
from labelaudit.core.findings import SET_ASIDE_ACTIONS, Judged, build_findings, read_table
from labelaudit.core.issues import Action, Issue, has_general_doubt
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.stored_arrays import read_arrays, require_array
from labelaudit.functional.near import HashN, near_row_hashes
from labelaudit.judging.doubts import is_quiet
from labelaudit.judging.policy import best_other, decide, offer_nothing_
from labelaudit.judging.reckoning import review_effort, review_facts

if TYPE_CHECKING:
    import pandas as pd

UNSEEN = "unseen"  # .npz in an audit: which samples its networks never saw
_NOTE = "judged by networks that never saw this sample"


class Past:
    """The verdicts of an audit, on the samples that were scanned."""

    def __init__(self, audit: Audit) -> None:
        table = read_table(audit.findings_path)
        scanned = ~np.isin(np.asarray(table["issue"]), [str(issue) for issue in SET_ASIDE_ACTIONS])
        self.table = table.filter(pa.array(scanned))
        audit.require_labels(self.table["given_label"].unique().to_pylist())
        audit.require_labels(set(chain.from_iterable(self.table["top_labels"].to_pylist())))
        self.policy = audit.section(PolicySettings, "policy")
        self.noise_rate = float(audit.fact("results").get("noise_rate") or 0.0)
        self.is_lost = has_general_doubt(audit.fact("results").get("doubts"))
        self.aside = set(table.filter(pa.array(~scanned))["sample_id"].to_pylist())
        self.evidence_path = audit.evidence_path
        self.unseen = unseen_rows(audit, len(self))  # (N,) judged by networks that never saw them

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def rows_of(self, dataset: Dataset, hashes: Sequence[str]) -> IntN:
        """Return (M,) the row with the content and label of each sample, of several the one with its id, -1 = none."""
        old = zip(self.texts("content_hash"), self.texts("given_label"), self.texts("sample_id"), strict=True)
        by_name: dict[tuple[str, str, str], int] = {}
        by_content: dict[tuple[str, str], int] = {}
        for row, (content, label, name) in enumerate(old):
            by_name[content, label, name] = row
            by_content.setdefault((content, label), row)
        labels = [dataset.classes[label] for label in dataset.given.tolist()]
        keys = zip(hashes, labels, dataset.sample_ids, strict=True)
        found = [
            by_name.get((content, label, name), by_content.get((content, label), -1)) if content else -1
            for content, label, name in keys
        ]
        return np.array(found, dtype=np.int64)

    def has_names_of(self, dataset: Dataset, row_of: IntN) -> bool:
        """Whether every sample still has the name of its row."""
        names = self.texts("sample_id")
        return all(names[row] == name for row, name in zip(row_of.tolist(), dataset.sample_ids, strict=True))

    def texts(self, column: str) -> list[str]:
        """Return (N,) the cells of a column of texts."""
        return [cell or "" for cell in self.table[column].to_pylist()]

    def numbers(self, column: str) -> FloatN:
        """Return (N,) the cells of a column of numbers, NaN where there is none."""
        return np.array([np.nan if cell is None else cell for cell in self.table[column].to_pylist()])


@dataclass(frozen=True, slots=True)
class Scored:
    """Verdicts on new samples."""

    samples: IntN  # (M,) positions in the dataset
    evidence: Evidence
    clean_prob: FloatN
    near_hashes: HashN | None = None  # (M,) of images


def joined_columns(past: Past, dataset: Dataset, row_of: IntN, scored: Scored) -> dict[str, Any]:
    """Return (N,) columns of the findings: old verdicts, and the new ones between them.

    Args:
        past: the old ones.
        dataset: N samples, in the classes of the networks.
        row_of: (N,) their rows among the old ones, -1 = none.
        scored: the new ones.
    """
    n, found = len(dataset), scored.evidence
    suggested, share = best_other(found, dataset.given[scored.samples]) if n else (np.empty(0), np.empty(0))
    suggested_prob = (1.0 - scored.clean_prob) * share
    action, issue = decide_unseen(scored.clean_prob, suggested_prob, past.policy, is_lost=past.is_lost)
    place = {name: at for at, name in enumerate(dataset.classes)}
    known = np.flatnonzero(row_of >= 0)
    rows = row_of[known]

    def joined(old: Any, new: Any, empty: Any) -> Any:
        values = np.full(n, empty, dtype=np.asarray(new).dtype if empty is not None else object)
        values[known], values[scored.samples] = np.asarray(old)[rows], new
        return values

    top = found.top_labels.shape[1]
    top_labels, top_probs = np.zeros((n, top), dtype=np.int64), np.zeros((n, top))
    top_labels[scored.samples], top_probs[scored.samples] = found.top_labels, found.top_probs
    names, probs = past.table["top_labels"].to_pylist(), past.table["top_probs"].to_pylist()
    for sample, row in zip(known.tolist(), rows.tolist(), strict=True):
        top_labels[sample] = [place[name] for name in names[row]]
        top_probs[sample] = probs[row]
    old_suggestions = [place.get(name, -1) for name in past.texts("suggested_label")]
    return {
        "clean_prob": joined(past.numbers("clean_prob"), scored.clean_prob, 0.0),
        "suggested": joined(old_suggestions, suggested.astype(np.int64), -1),
        "suggested_prob": joined(np.nan_to_num(past.numbers("suggested_prob")), suggested_prob, 0.0),
        "given_prob": joined(past.numbers("given_prob"), found.given_probs, 0.0),
        "loss": joined(past.numbers("loss"), found.losses, 0.0),
        "action": joined(past.texts("action"), action, None),
        "issue": joined(past.texts("issue"), issue, None),
        "detail": joined(past.texts("detail"), [_NOTE] * len(scored.samples), None),
        "top_labels": top_labels,
        "top_probs": top_probs,
    }


def findings_of(columns: Mapping[str, Any], dataset: Dataset, rows: IntN, hashes: Sequence[str]) -> pd.DataFrame:
    """Return the findings of what `joined_columns` has.

    Args:
        columns: (N,) each.
        dataset: (M,) samples.
        rows: (M,) which columns are theirs.
        hashes: (M,) of their contents.
    """
    part = {name: values[rows] for name, values in columns.items()}
    return build_findings(
        dataset,
        Evidence(part["loss"], part["given_prob"], part["top_labels"], part["top_probs"]),
        Judged(part["clean_prob"], part["suggested"], part["suggested_prob"], part["action"], part["issue"]),
        content_hashes=hashes,
        details=part["detail"],
    )


def decide_unseen(
    clean_prob: FloatN, suggested_prob: FloatN, settings: PolicySettings, *, is_lost: bool
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return (M,) actions and issues of samples that were never learnt; nothing is offered where the scan was lost."""
    action, issue = decide(clean_prob, suggested_prob, settings)
    if is_lost:
        offer_nothing_(action, issue)
    return action, issue


def mark_twins_(columns: dict[str, Any], dataset: Dataset, hashes: Sequence[str]) -> None:
    """Send equal contents under different labels to review, as a scan does; table rows may be equal by chance."""
    if dataset.kind == "features":
        return
    members: dict[str, list[int]] = {}
    for index, content in enumerate(hashes):
        if content:
            members.setdefault(content, []).append(index)
    for twins in members.values():
        if len({int(dataset.given[i]) for i in twins}) < 2:
            continue
        for index in twins:
            if dataset.trusted[index]:
                continue
            others = [i for i in twins if dataset.given[i] != dataset.given[index]]
            names = shorten((f"{dataset.paths[i]} ({dataset.classes[dataset.given[i]]})" for i in others), show=3)
            columns["issue"][index], columns["detail"][index] = Issue.DUPLICATE_CONFLICT, f"same content as {names}"
            if columns["action"][index] == Action.KEEP:
                columns["action"][index] = Action.REVIEW


def joined_near_hashes(
    before: HashN | None, dataset: Dataset, left: IntN, row_of: IntN, scored: Scored
) -> HashN | None:
    """Return the near hashes of the samples that are left, as a scan of them would find them.

    Args:
        before: of the old samples; without them there are none of images.
        dataset: N samples.
        left: which of them can be read.
        row_of: (N,) their rows among the old ones, -1 = none.
        scored: the new ones.
    """
    if isinstance(dataset.content, Vectors):  # each hangs on the means of all rows
        return near_row_hashes(dataset.content.values[left])
    if before is None:
        return None
    hashes = np.zeros(len(dataset), dtype=np.uint64)
    known = np.flatnonzero(row_of >= 0)
    hashes[known] = before[row_of[known]]
    if scored.near_hashes is not None:
        hashes[scored.samples] = scored.near_hashes
    return hashes[left]


def unseen_rows(audit: Audit, n: int) -> BoolN:
    """Return (n,) which scanned samples of an audit its networks never saw."""
    path = audit.file(f"{UNSEEN}.npz")
    if not path.exists():
        return np.zeros(n, dtype=np.bool_)
    rows: BoolN = require_array(path, read_arrays(path), "rows", "b", (n,))
    return rows


def kept_evidence(past: Past, rows: IntN) -> dict[str, NDArray[Any]] | None:
    """Return what the networks say of old samples that they learnt from, None where the audit keeps no evidence.

    What they say of others is no evidence: they would have to be held against labels that were planted, and learnt.

    Args:
        past: the old samples.
        rows: (M,) which of them; those that were never learnt from are passed over.

    Raises:
        DataError: the evidence is damaged, or does not fit the findings.
    """
    path = past.evidence_path
    if not path.exists():
        return None
    n = len(read_evidence(path).losses)  # which checks all shapes
    place = np.cumsum(~past.unseen) - 1
    if n != int((~past.unseen).sum()):
        raise DataError(f"{path} has evidence on {n:,} samples, not on those of the findings.", hint="Scan again.")
    chosen = place[rows[~past.unseen[rows]]]
    return {
        name: values[..., chosen] if name.startswith("judge_") else values[chosen]
        for name, values in read_arrays(path).items()
        if values.ndim and values.shape[-1 if name.startswith("judge_") else 0] == n
    }


def joined_results(before: Mapping[str, Any], clean_prob: FloatN, new: BoolN) -> dict[str, Any]:
    """Return the noise of the old part as it was judged, and the expected errors of the new part on top.

    Args:
        before: results of the old part.
        clean_prob: (N,) of old and new samples.
        new: (N,) which are new.
    """
    share = 1.0 - float(new.mean())
    added = float((1.0 - clean_prob[new]).sum()) / len(new)
    results: dict[str, Any] = {"noise_rate": (before.get("noise_rate") or 0.0) * share + added}
    interval = before.get("noise_interval")
    if interval:
        results["noise_interval"] = [end * share + added for end in interval]
    low = results["noise_interval"][0] if interval else results["noise_rate"]
    results["quiet"] = is_quiet(low, float((clean_prob < 0.5).mean()))
    results |= {name: before[name] for name in ("identifiable", "doubts") if name in before}
    review = review_facts(review_effort(clean_prob))
    return results | {"review": review, "mixture": before.get("mixture"), "seconds": {}}
