"""The engine of an update: judge only what is new, with the networks of the last scan; or look at everything again.

Heads and neighbours see all samples together and take seconds: where nothing else judged, everything is judged anew.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from labelaudit.classifier.answers import answers, load_readable
from labelaudit.classifier.data import is_audit
from labelaudit.core.audits import Audit, find_audit, newest_audit
from labelaudit.core.dataset import Dataset, Images, IntN, SetAside, fingerprint
from labelaudit.core.errors import ConfigError, DataError, count, did_you_mean, shorten
from labelaudit.core.events import EventSink, Said
from labelaudit.core.evidence import evidence_from_probs
from labelaudit.core.findings import write_findings
from labelaudit.core.recipe import DataSettings
from labelaudit.core.shown import in_shell
from labelaudit.functional.images import hash_content
from labelaudit.gate.columns import read_columns
from labelaudit.gate.compare import content_hash_of, data_settings, match
from labelaudit.gate.near import NEAR_NAME, kept_hashes, near_arrays
from labelaudit.judging.out_of_sample import unseen_clean_prob
from labelaudit.scanning.past_findings import (
    UNSEEN,
    Past,
    Scored,
    findings_of,
    joined_columns,
    joined_near_hashes,
    joined_results,
    kept_evidence,
    mark_twins_,
)
from labelaudit.scanning.request import QUICK_METHOD
from labelaudit.scanning.scan import scan_again
from labelaudit.sources.read import read_dataset
from labelaudit.sources.unlabelled import Unlabelled, as_seen_by
from labelaudit.training.model_file import CARD_NAME, MODEL_NAME, StoredModel, read_model

DUE_SHARE = 0.1  # of samples that the networks never saw, from which a full scan is due
_OWN_FACTS = frozenset(
    {"schema", "name", "status", "method", "created", "finished", "labelaudit", "results", "error", "fingerprint"}
    | {"judged_from", "updated_from", "update", "finish", "stage_seconds", "ranks", "files", "seal"}
)


@dataclass(frozen=True, slots=True)
class Updated:
    """An audit that fits the dataset as it is now."""

    audit: Audit  # a new one, or the old one where nothing had changed
    judged: int  # samples that are new or changed
    kept: int  # samples whose verdict was taken over
    gone: int  # verdicts whose sample is there no more
    due: str | None = None  # why a full scan is due; None where it is not
    anew: bool = False  # whether the others were judged again, too

    def __repr__(self) -> str:
        return f"<Updated {self.audit.path}: {self.describe()}>"

    def describe(self) -> str:
        """Return one sentence for people."""
        if not (self.judged or self.gone):
            return f"nothing has changed since {self.audit.path.name}"
        others = "judged again with them" if self.anew else "verdicts taken over"
        return f"{self.judged:,} judged, {self.kept:,} {others}, {self.gone:,} gone"


def update_audit(old: Audit, found: Path, *, device: torch.device, on_event: EventSink) -> Updated:
    """Judge what is new or changed with the networks of an audit, and write a new audit.

    Args:
        old: a finished audit.
        found: where its dataset is now.
        device: where to judge.
        on_event: told what happens.

    Raises:
        DataError: the audit has no networks, a class is new, or the data cannot be read.
    """
    settings = data_settings(old, found)
    if old.meta.get("method") == QUICK_METHOD:
        return _look_again(old, found, settings, device, on_event)
    model = _networks_of(old)
    dataset = _in_its_classes(read_dataset(found, settings), model.facts.classes)
    hashes = _content_hashes(dataset)
    past = Past(old)
    row_of = past.rows_of(dataset, hashes)
    fresh = np.flatnonzero(row_of < 0)
    gone = len(past) - len(np.unique(row_of[row_of >= 0]))
    if not len(fresh) and not gone and past.has_names_of(dataset, row_of):
        return Updated(old, 0, len(dataset), 0)
    on_event(Said("note", f"{count(len(fresh), 'sample')} new or changed since {old.path.name}; {gone:,} gone"))
    seen = as_seen_by(dataset, settings, model.facts)
    cache = old.home / "cache" / "pixels"
    scored, bad = _judge(model, seen, dataset, row_of, past, device, on_event, cache=cache)
    if not (len(scored.samples) or gone) and {dataset.sample_ids[i] for i in bad} <= past.aside:
        return Updated(old, 0, len(past), 0)  # still unreadable
    return _write(old, past, dataset, hashes, row_of, scored, bad, gone=gone, on_event=on_event)


def _look_again(old: Audit, found: Path, settings: DataSettings, device: torch.device, on_event: EventSink) -> Updated:
    """Judge everything anew where anything has changed."""
    dataset = read_dataset(found, settings, several=True)
    changes = match(read_columns(old.findings_path), dataset, contents=True).comparison
    fresh, kept = len(changes.unjudged), changes.total - len(changes.unjudged)
    if not (fresh or changes.gone or changes.renamed):
        return Updated(old, 0, kept, 0, anew=True)
    on_event(Said("note", f"{count(fresh, 'sample')} new or changed since {old.path.name}; {changes.gone:,} gone"))
    recipe = dataclasses.replace(old.recipe, data=settings)
    audit = scan_again(old, found, recipe, device=device, on_event=on_event)
    return Updated(audit, fresh, kept, changes.gone, anew=True)


def audit_to_update(source: Path | str | None, root: Path | str) -> Audit:
    """Return a named audit, or the newest finished one of a dataset; None = the latest audit here or above.

    Raises:
        ConfigError: there is no audit of this dataset.
        DataError: there is no finished audit.
    """
    if source is None or is_audit(source):
        return find_audit(source).require_finished()
    found = newest_audit(source, root)
    if found is None:
        raise ConfigError(
            f"there is no finished scan of {source} in {Path(root).absolute()} to update.",
            hint=f"Run `labelaudit scan {in_shell(source)}` first.",
        )
    return found


def _networks_of(audit: Audit) -> StoredModel:
    if not audit.file(MODEL_NAME).exists():
        raise DataError(f"{audit.path.name} {_why_without(audit)}.", hint="Scan the data again, without --update.")
    return read_model(audit.file(MODEL_NAME))


def _why_without(audit: Audit) -> str:
    """Return in a few words why an audit has no networks that could judge new samples."""
    if (audit.meta.get("dataset") or {}).get("kind") == "texts":
        return "judged texts by vectors that are made of all of them together"
    return "has no networks to judge with"


def _in_its_classes(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """Return the dataset with the classes of the networks.

    Raises:
        DataError: a class that they never saw.
    """
    place = {name: at for at, name in enumerate(classes)}
    present = [name for name, n in zip(dataset.classes, dataset.class_counts().tolist(), strict=True) if n]
    unknown = [name for name in present if name not in place]
    if unknown:
        close = did_you_mean(unknown[0], classes)
        raise DataError(
            f"{dataset.source}: classes that the last scan did not have: {shorten(map(repr, unknown))};"
            " a full scan is due.",
            hint=f"{close} Else scan without --update." if close else "Scan without --update.",
        )
    given = np.array([place.get(name, 0) for name in dataset.classes], dtype=np.int64)[dataset.given]
    return dataclasses.replace(dataset, classes=classes, given=given)


def _content_hashes(dataset: Dataset) -> list[str]:
    """Return (N,) what a scan would know each content by; "" where it cannot be read."""
    content = dataset.content
    if not isinstance(content, Images):
        return [content_hash_of(dataset, index) for index in range(len(dataset))]

    def read(index: int) -> str:
        try:
            return hash_content(content.read(index))
        except OSError:
            return ""

    with ThreadPoolExecutor() as pool:
        return list(pool.map(read, range(len(dataset)), chunksize=64))


def _judge(
    model: StoredModel,
    seen: Unlabelled,
    dataset: Dataset,
    row_of: IntN,
    past: Past,
    device: torch.device,
    on_event: EventSink,
    *,
    cache: Path,
) -> tuple[Scored, dict[int, str]]:
    """Return verdicts on the samples without a row, and why some have none."""
    fresh = np.flatnonzero(row_of < 0)
    probs, bad, near = np.empty((0, dataset.n_classes), dtype=np.float32), {}, None
    if len(fresh):
        readable = load_readable(seen.take(fresh), model.facts, device, on_event, cache=cache)
        bad = {int(fresh[i]): reason for i, reason in readable.broken.items()}
        if len(readable.kept):
            probs = answers(model, readable, device, on_event)
        near = readable.near_hashes
        fresh = fresh[readable.kept]
    evidence = evidence_from_probs(probs, dataset.given[fresh])
    clean_prob = unseen_clean_prob(evidence.given_probs, dataset.n_classes, noise_rate=past.noise_rate)
    clean_prob[dataset.trusted[fresh]] = 1.0
    return Scored(fresh, evidence, clean_prob, near), bad


def _write(
    old: Audit,
    past: Past,
    dataset: Dataset,
    hashes: Sequence[str],
    row_of: IntN,
    scored: Scored,
    bad: Mapping[int, str],
    *,
    gone: int,
    on_event: EventSink,
) -> Updated:
    """Write the new audit beside the old one."""
    aside = [
        (i, SetAside(dataset.sample_ids[i], dataset.paths[i], dataset.classes[dataset.given[i]], "unreadable", reason))
        for i, reason in sorted(bad.items())
    ]
    left = np.setdiff1d(np.arange(len(dataset)), list(bad))
    columns = joined_columns(past, dataset, row_of, scored)
    mark_twins_(columns, dataset, hashes)
    kept = dataset.without(aside)
    own_hashes = tuple(hashes[i] for i in left)
    unseen = np.where(row_of >= 0, past.unseen[row_of], True)[left]  # noqa: FBT003 - a value, not a switch
    meta = old.meta
    facts = {name: value for name, value in meta.items() if name not in _OWN_FACTS}
    counts = {"samples": len(kept), "set_aside": len(kept.set_aside), "split": kept.split}
    facts["dataset"] = {**old.fact("dataset"), **counts}
    share = float(unseen.mean())
    due = (
        f"{share:.0%} of the samples were never seen by the networks; a full scan is due"
        if share >= DUE_SHARE
        else None
    )
    warnings = [remark.text for remark in kept.remarks if remark.level == "warning"] + ([due] if due else [])
    judged, taken_over = len(scored.samples), int((row_of >= 0).sum())
    did = {"judged": judged, "kept": taken_over, "gone": gone, "unseen_share": share}
    facts |= {"updated_from": old.path.name, "update": did, "fingerprint": fingerprint(kept, own_hashes)}
    frame = findings_of(columns, kept, left, own_hashes)
    new = Audit.create(old.home.parent, method=old.fact("method"), facts=facts | {"warnings": warnings})
    for name in (MODEL_NAME, CARD_NAME, old.decisions_path.name):
        if old.file(name).exists():
            shutil.copyfile(old.file(name), new.file(name))
    new.write_arrays(UNSEEN, rows=unseen)
    evidence = kept_evidence(past, row_of[left][row_of[left] >= 0])
    if evidence is not None:
        new.write_arrays("evidence", **evidence)
    near = joined_near_hashes(kept_hashes(old, len(past)), dataset, left, row_of, scored)
    if near is not None:
        new.write_arrays(NEAR_NAME, **near_arrays(kept, near))
    write_findings(frame, new.findings_path)
    new.finish(joined_results(old.fact("results"), columns["clean_prob"][left], row_of[left] < 0))
    for text in warnings:
        on_event(Said("warning", text))
    return Updated(new, judged, taken_over, gone, due)
