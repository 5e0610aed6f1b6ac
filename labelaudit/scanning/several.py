"""Scans of samples with several labels each: read and encoded once, then asked label by label."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.audits import HOME, Audit
from labelaudit.core.dataset import Several, fingerprint
from labelaudit.core.errors import ConfigError
from labelaudit.core.events import Said, SamplesDone, StageFinished, StageStarted
from labelaudit.core.evidence import Evidence, Witness
from labelaudit.core.findings import build_findings, write_findings
from labelaudit.core.recipe import Recipe
from labelaudit.core.several import HAS, LACKS, as_pairs
from labelaudit.judging.policy import Verdicts
from labelaudit.judging.several import joined_evidence, joined_verdicts, judge_labels
from labelaudit.methods.registry import read_options
from labelaudit.scanning.encode import with_vectors
from labelaudit.scanning.learn import make_job
from labelaudit.scanning.load import Loaded, load_inputs
from labelaudit.scanning.network import with_features
from labelaudit.scanning.pace import threads
from labelaudit.scanning.record import AuditLog, peak_memory_mib
from labelaudit.scanning.request import Prepared
from labelaudit.scanning.results import judged_results, labels_results
from labelaudit.training.probing import Options, Speaker, opinion_on, speakers, unseen_evidence, vectors_of

_SURE = 10.0  # log odds
_SIDE = 2  # samples that must have a label, and that must lack it, to be told apart


def scan_pairs(audit: Audit, prepared: Prepared, log: AuditLog, *, root: Path | str) -> None:
    """Audit every label of every sample, and write everything down.

    Args:
        audit: running.
        prepared: whose dataset is one of pairs.
        log: told what happens.
        root: folder of `.labelaudit/`.
    """
    for remark in prepared.dataset.remarks:
        log(Said(remark.level, remark.text))
    of_samples = dataclasses.replace(prepared, dataset=prepared.dataset.samples)
    loaded, vectors = _encoded(of_samples, log, root=root)
    several = loaded.dataset.several
    assert several is not None
    log(Said("note", f"{len(several.names)} labels, each against the rest, on the same vectors"))
    evidence = _all_evidence(vectors, several, prepared.recipe, log)
    conflict = _conflicts(loaded, several)
    settings, trusted = prepared.recipe.policy, loaded.dataset.trusted
    each = judge_labels(evidence, several.has, settings=settings, trusted=trusted, conflict=conflict)
    _write(audit, loaded, evidence, each, conflict, log)


def _encoded(prepared: Prepared, log: AuditLog, *, root: Path | str) -> tuple[Loaded, torch.Tensor]:
    """Return the samples as they could be read, and (N, D) vectors of them."""
    cache = Path(root) / HOME / "cache"
    loaded = load_inputs(prepared.dataset, prepared.recipe, prepared.device, log, cache=cache / "pixels")
    loaded = with_features(loaded, prepared.recipe, prepared.device, log)
    assert loaded.inputs is not None  # probabilities were refused
    seen = with_vectors(loaded, prepared, log, cache=cache / "vectors")
    job = make_job(loaded.inputs, loaded.dataset, prepared, checkpoints=None, on_event=log)
    return loaded, vectors_of(dataclasses.replace(job, vectors=seen.vectors))


def _all_evidence(vectors: torch.Tensor, several: Several, recipe: Recipe, log: AuditLog) -> list[Evidence]:
    """Return (L,) evidence, a label after the other."""
    started, found = time.monotonic(), []
    log(StageStarted("probe", "Heads and neighbours for each label", len(several.names)))
    options = read_options(recipe)
    assert isinstance(options, Options)
    with threads(recipe.train.threads):
        speaking = list(speakers(vectors, 2, options, seed=recipe.seed))
        for done, has in enumerate(several.has.T, start=1):
            found.append(_evidence(speaking, has, seed=recipe.seed, device=vectors.device))
            log(SamplesDone("probe", done))
    log(StageFinished("probe", time.monotonic() - started))
    return found


def _evidence(speaking: Sequence[Speaker], has: BoolN, *, seed: int, device: torch.device) -> Evidence:
    """Return what heads and neighbours think of one label, which they have not seen of the sample they judge."""
    given: IntN = np.where(has, HAS, LACKS)
    if min(int(has.sum()), int((~has).sum())) < _SIDE:
        return _undisputed(given)
    opinion = opinion_on(speaking, torch.from_numpy(given).to(device))
    return dataclasses.replace(unseen_evidence(opinion, given, 2, seed=seed), stages={})


def _undisputed(given: IntN) -> Evidence:
    """Return the evidence on a label that all samples have, or none: nothing speaks against it."""
    n = len(given)
    top = np.stack([given, 1 - given], axis=1)
    nothing = Witness(np.full(n, -_SURE, dtype=np.float32), given.astype(np.int32), is_taught=False)
    probs = np.tile(np.array([1.0, 0.0]), (n, 1))
    return Evidence(np.zeros(n), np.ones(n), top, probs, witnesses={"probe": nothing})


def _conflicts(loaded: Loaded, several: Several) -> BoolN:
    """Return (N, L) where a sample has a twin that differs in the label."""
    found = np.zeros(several.has.shape, dtype=np.bool_)
    groups: dict[str, list[int]] = {}
    for index in np.flatnonzero(loaded.conflict).tolist():
        groups.setdefault(loaded.content_hashes[index], []).append(index)
    for twins in groups.values():
        own = several.has[twins]
        found[twins] = own.any(axis=0) & ~own.all(axis=0)
    return found


def _write(
    audit: Audit,
    loaded: Loaded,
    evidence: Sequence[Evidence],
    each: Sequence[Verdicts],
    conflict: BoolN,
    log: AuditLog,
) -> None:
    samples = loaded.dataset
    several = samples.several
    assert several is not None
    pairs, n_labels = as_pairs(samples), len(several.names)
    verdicts = joined_verdicts(each, asked=~samples.trusted)
    hashes = [text for text in loaded.content_hashes for _ in range(n_labels)]
    details = [
        text if conflict[row, label] or not loaded.conflict[row] else ""
        for row, text in enumerate(loaded.details)
        for label in range(n_labels)
    ]
    together = joined_evidence(evidence)
    audit.write_arrays("evidence", **together.arrays())
    frame = build_findings(pairs, together, verdicts.judged, content_hashes=hashes, details=details)
    write_findings(frame, audit.findings_path)
    audit.update(fingerprint=fingerprint(pairs, hashes), warnings=log.warnings)
    audit.finish(
        {
            **judged_results(verdicts, pairs.classes),
            "labels": labels_results(several.names, several.has, each),
            "seconds": log.seconds,
            "peak_memory_mib": peak_memory_mib(),
        }
    )


def require_alone(prepared: Prepared, *, ranks: int, finishes: bool) -> None:
    """Raise ConfigError where a scan of several labels a sample is asked for more than it can do."""
    if prepared.dataset.pairs_of is None:
        return
    if ranks > 1:
        raise ConfigError("several labels a sample are audited in one process.", hint="Scan without torchrun.")
    if finishes:
        raise ConfigError("--finish trains on one label a sample; these have several.", hint="Leave --finish away.")
