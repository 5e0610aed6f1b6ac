"""Noise in a dataset whose labels are trusted: what `bench` and `plant` share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from labelaudit.core.dataset import BoolN, Dataset, IntN, Probabilities
from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.events import EventSink, Said
from labelaudit.core.seeds import numpy_generator
from labelaudit.lab.plain_classifier import features_of, restricted, train_classifier
from labelaudit.noise.by_sample import long_tail, plant_open_set
from labelaudit.noise.matrices import FloatND, confusion_matrix
from labelaudit.noise.plant import plant, wrong_rate
from labelaudit.noise.spec import ALIASES, NOISES, NoiseSpec, parse_noise
from labelaudit.scanning.learn import make_job
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.request import Prepared
from labelaudit.sources.arrays import read_matrix

_CLASSIFIER_SHARE = 0.05  # of the samples, whose true labels the small classifier learns from
_CLASSIFIER_STEPS = 300  # of its training, about
_CLASSIFIER_EPOCHS = 60  # at most

NoiseEvidence = Callable[[NoiseSpec, IntN], FloatND]  # (noise, (M,) rows of the dataset) -> what the noise needs


@dataclass(frozen=True, slots=True)
class Planted:
    """A dataset with wrong labels, as positions in the one that is trusted."""

    kept: IntN  # (M,) which samples there are
    content: IntN  # (M,) what each of them shows: itself, or a sample of a class that was left out
    given: IntN  # (M,) its label
    true: IntN  # (M,) its true label, -1 where that class was left out
    classes: tuple[str, ...]

    @property
    def wrong(self) -> BoolN:
        """(M,) which labels are wrong."""
        return np.asarray(self.given != self.true, dtype=np.bool_)

    @property
    def rate(self) -> float:
        """The share of labels that really are wrong."""
        return wrong_rate(self.given, self.true)


def require_noise(text: str, dataset: Dataset) -> NoiseSpec:
    """Return the noise that a text names; ConfigError where it does not exist or does not fit the dataset."""
    try:
        return parse_noise(text, dataset.n_classes, dataset.classes)
    except ValueError as error:
        name, known = text.partition(":")[0].strip(), [*NOISES, *ALIASES, "asym"]
        hint = None if name in known else did_you_mean(name, known)
        raise ConfigError(f"--noise {text!r}: {error}", hint=hint) from error


def plant_noise(
    dataset: Dataset,
    text: str,
    *,
    seed: int,
    evidence: NoiseEvidence,
    tail: float = 1.0,
    samples: int | None = None,
    exact: bool = True,
) -> Planted:
    """Return the dataset with noise; trusted labels stay right.

    Args:
        dataset: N samples whose labels count as the truth.
        text: what to plant; see `parse_noise`.
        seed: of the draws.
        evidence: asked for what the noise needs, if it needs anything.
        tail: ratio of the largest to the smallest class, to which the samples are thinned out first; 1 keeps all.
        samples: how many to draw of those that the tail leaves; None = all.
        exact: as in `plant`.

    Raises:
        ConfigError: the noise does not exist, or does not fit the dataset.
    """
    spec = require_noise(text, dataset)
    try:
        rows = _drawn(_thinned_out(dataset.given, spec, tail, seed=seed), samples, seed=seed)
        true = dataset.given[rows]
        found = None if spec.needs == "nothing" else evidence(spec, rows)
        draw = numpy_generator(seed, "plant")
        if spec.is_open:
            stay, content = plant_open_set(
                true,
                spec.n_classes,
                spec.left_out,
                spec.rate,
                draw,
                confusion=found,
                by_column=spec.name == "open_confusion_code",
            )
            content = np.where(dataset.trusted[rows[stay]], stay, content)
            given = true[stay]
            classes = dataset.classes[: spec.n_classes - spec.left_out]
            return Planted(rows[stay], rows[content], given, np.where(content == stay, given, -1), classes)
        given = np.where(dataset.trusted[rows], true, plant(true, spec, draw, evidence=found, exact=exact))
    except ValueError as error:
        raise ConfigError(f"--noise {text!r}: {error}") from error
    return Planted(rows, rows, given, true, dataset.classes)


def _thinned_out(labels: IntN, spec: NoiseSpec, tail: float, *, seed: int) -> IntN:
    """Return the positions that are left under a long tail; classes that an open set leaves out stay whole."""
    inside = spec.n_classes - spec.left_out
    stay, pool = np.flatnonzero(labels < inside), np.flatnonzero(labels >= inside)
    if tail != 1.0:
        stay = stay[long_tail(labels[stay], inside, tail, numpy_generator(seed, "tail"))]
    return np.sort(np.concatenate([stay, pool]))


def _drawn(rows: IntN, samples: int | None, *, seed: int) -> IntN:
    if samples is None or samples >= len(rows):
        return rows
    return np.sort(numpy_generator(seed, "samples").choice(rows, samples, replace=False))


def small_classifier(
    load: Callable[[], Loaded],
    prepared: Prepared,
    on_event: EventSink,
    *,
    share_of_confusion: float = _CLASSIFIER_SHARE,
    steps_of_confusion: int = _CLASSIFIER_STEPS,
) -> NoiseEvidence:
    """Return the maker of evidence for noise that needs some: a file, or a classifier that has seen a few labels.

    Args:
        load: returns the samples; called when the first noise needs them.
        prepared: the recipe, whose network and seed the classifier has.
        on_event: told that it is trained.
        share_of_confusion: of the samples, from which a classifier learns whose confusions are wanted.
        steps_of_confusion: of its training, about.
    """

    def evidence(spec: NoiseSpec, rows: IntN) -> FloatND:
        confused = spec.needs == "confusion"
        if spec.file:
            return np.asarray(read_matrix(spec.file, "--noise", rows=spec.n_classes).values)
        loaded = load()
        if isinstance(loaded.dataset.content, Probabilities) or loaded.inputs is None:
            return _from_probabilities(spec, loaded, rows)
        job = make_job(loaded.inputs, loaded.dataset, prepared, checkpoints=None, on_event=on_event)
        job, true = restricted(job, rows), loaded.dataset.given[rows]
        share = spec.rate if spec.name == "semantic" else (share_of_confusion if confused else _CLASSIFIER_SHARE)
        size = min(len(rows), max(2 * spec.n_classes, round(share * len(rows))))
        seen = np.sort(numpy_generator(prepared.recipe.seed, "small classifier").permutation(len(rows))[:size])
        on_event(Said("note", f"{spec.name}: a small classifier learns from {size:,} true labels"))
        job_in = restricted(job, seen)
        steps = steps_of_confusion if confused else _CLASSIFIER_STEPS
        epochs = max(1, min(_CLASSIFIER_EPOCHS, steps // job_in.samples.steps()))
        peak_lr = float(prepared.recipe.options.get("peak_lr", 0.1))
        model = train_classifier(job_in, "small classifier", epochs=epochs, peak_lr=peak_lr).model
        if spec.needs == "features":
            features = features_of(job, model).double()
            return np.asarray(((features - features.mean(0)) / features.std(0).clamp_min(1e-6)).cpu().numpy())
        probs = job.predict("small classifier", model, ("plain",)).cpu().numpy()
        if spec.needs == "probs":
            return np.asarray(probs)
        unseen = np.setdiff1d(np.arange(len(rows)), seen)  # what it has learnt by heart is not confused
        return confusion_matrix(probs[unseen], true[unseen])

    return evidence


def with_noise(loaded: Loaded, planted: Planted) -> Loaded:
    """Return loaded samples as they were planted; twins are not looked for."""
    content = planted.content
    return replace(
        loaded,
        dataset=noisy_dataset(loaded.dataset, planted),
        inputs=None if loaded.inputs is None else loaded.inputs.take(torch.from_numpy(content)),
        vectors=None if loaded.vectors is None else loaded.vectors[torch.from_numpy(content)],
        content_hashes=tuple(loaded.content_hashes[i] for i in content),
        conflict=np.zeros(len(content), dtype=bool),
        details=("",) * len(content),
    )


def noisy_dataset(dataset: Dataset, planted: Planted) -> Dataset:
    """Return samples as they were planted."""
    return dataclasses.replace(
        dataset,
        sample_ids=tuple(dataset.sample_ids[i] for i in planted.kept),
        paths=tuple(dataset.paths[i] for i in planted.content),
        given=planted.given,
        classes=planted.classes,
        content=dataset.content.take(planted.content),
        trusted=dataset.trusted[planted.kept],
        set_aside=(),
    )


def _from_probabilities(spec: NoiseSpec, loaded: Loaded, rows: IntN) -> FloatND:
    """Return the evidence where the data are probabilities: they are at hand, features are not."""
    if spec.needs == "features":
        raise ConfigError(f"noise {spec.name!r} needs features, and the data are probabilities.")
    probs = np.asarray(loaded.dataset.content.values)[rows]  # type: ignore[union-attr]  # Probabilities have them
    return probs if spec.needs == "probs" else confusion_matrix(probs, loaded.dataset.given[rows])
