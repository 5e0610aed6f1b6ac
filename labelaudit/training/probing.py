"""Probing: linear heads and neighbours on vectors that already know something; out of fold, in seconds.

Two kinds of linear heads are trained side by side in K folds: robust ones, which give up what contradicts them, and
plain ones, which do not give rare classes up. The nearest neighbours are a third opinion. None has seen the label that
it speaks of, so all are judged as probabilities of unseen labels are. Tables are read by a forest as well: where a
column means something by itself, trees see what neither lines nor distances do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelaudit.core.arrays import IntN
from labelaudit.core.evidence import Evidence
from labelaudit.core.recipe import require
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.forest import forest_log_probs
from labelaudit.functional.linear_heads import Heads, fit_heads, logits_of_fold
from labelaudit.functional.nearest import nearest, neighbour_log_probs
from labelaudit.functional.standardise import principal_components, standardised
from labelaudit.functional.voices import Voice, combine, hear, log_softmax
from labelaudit.judging.out_of_sample import evidence_on_unseen
from labelaudit.training.batches import VectorInputs
from labelaudit.training.job import Job
from labelaudit.training.streams import torch_generator

FloatNC = NDArray[np.floating[Any]]  # (N, C)

_MOST_VISITS = 1_000_000  # samples shown to the heads in all epochs together, beyond the fewest epochs
_FEWEST_EPOCHS = 5
_MANY, _FEW_FOLDS = 50_000, 5  # where nine tenths of the samples teach no more than four fifths do
_TOLERANCE = (
    0.01  # of accuracy, see `combine`; of .01 to .03 and equal weights the best on 13 sets, docs/methods/probe.md
)
# Classes up to which both kinds decay alike. The pull of the robust loss begins at 1 / C^q of the plain one's: of a
# hundred classes the same decay lets nothing grow.
_DECAY_FITS = 20
_MOST_PRODUCTS = 5e11  # multiplications to find neighbours; more samples choose among fewer


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the probe; why these defaults: docs/methods/probe.md."""

    folds: int = 10  # at most 5 for more than 50,000 samples
    rounds: int = 2  # draws of the folds, averaged; 1 for more than 50,000 samples
    head_epochs: int = 40  # schedules and budgets have no say in it; fewer for more than 25,000 samples; 0 = no heads
    q: float = 0.7  # of the robust heads' generalised cross-entropy
    l2: float = 0.08  # weight decay of standardised features: l2 / 2 times the squared weights
    components: int = 512  # principal components that the heads see; 0 = all features
    neighbours: int = 100  # 0 = nobody asks them
    scaling: Literal["columns", "none"] = "columns"  # of the vectors that neighbours are sought by
    trees: int = 0  # of a forest, a further voice; 300 for tables
    head_lr: float = 0.01  # of the one cycle

    def __post_init__(self) -> None:
        """Check ranges."""
        require(self.folds >= 2, "method.folds", self.folds, "2 or more")
        require(self.rounds >= 1, "method.rounds", self.rounds, "1 or more")
        require(self.head_epochs >= 0, "method.head_epochs", self.head_epochs, "0 or more")
        require(
            self.head_epochs > 0 or self.neighbours > 0, "method.neighbours", self.neighbours, "1 or more without heads"
        )
        require(self.scaling in ("columns", "none"), "method.scaling", self.scaling, "columns or none")
        require(0 < self.q <= 1, "method.q", self.q, "above 0, at most 1")
        require(self.l2 >= 0, "method.l2", self.l2, "0 or more")
        require(self.components >= 0, "method.components", self.components, "0 or more")
        require(self.neighbours >= 0, "method.neighbours", self.neighbours, "0 or more")
        require(0 <= self.trees <= 10_000, "method.trees", self.trees, "0 to 10000")
        require(0 < self.head_lr <= 10, "method.head_lr", self.head_lr, "above 0, at most 10")


def text_options(options: Options) -> Options:
    """Return the settings for vectors of texts: neighbours alone, by the vectors as they come, and more of them.

    On news with labels of people and with planted ones heads took away from neighbours: docs/methods/probe.md.
    """
    return replace(options, head_epochs=0, neighbours=2 * options.neighbours, scaling="none")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the probe makes of vectors and their labels."""

    log_probs: FloatNC  # (N, C) of all who were heard
    voices: dict[str, dict[str, float]]  # accuracy, temperature, weight, ... of each; the weights sum to 1


# What one or two voices say of given labels (N,): (N, C) log probabilities or logits by name.
Speaker = Callable[[Tensor], dict[str, FloatNC]]


def probe(features: Tensor, given: Tensor, n_classes: int, options: Options, *, seed: int) -> Opinion:
    """Return what heads and neighbours think of every sample without having seen its label.

    Args:
        features: (N, D) on any device.
        given: (N,) labels in 0..C-1, on the same device.
        n_classes: C.
        options: settings.
        seed: of folds, orders, and of the samples among which neighbours are sought.
    """
    return opinion_on(speakers(features, n_classes, options, seed=seed), given)


def speakers(features: Tensor, n_classes: int, options: Options, *, seed: int) -> Iterator[Speaker]:
    """Yield who speaks of these vectors, whatever the labels are; as in `probe`.

    Vectors are laid out for each in turn, so that those of a million samples need not all be there at once.
    """
    scaled = standardised(features)
    is_several = len(features) > 1
    if options.neighbours and is_several:
        asked = scaled if options.scaling == "columns" else features.float()
        found = [partial(_neighbours_say, *_neighbours(asked, options, seed), n_classes)]
        del asked
        yield found.pop()  # given away, as what the heads see is: of a million samples a gibibyte each
    seen = [principal_components(scaled, options.components)] if options.head_epochs else []
    del scaled
    if options.head_epochs:
        yield partial(_heads_say, seen.pop(), n_classes, options, seed)
    if options.trees and is_several:
        yield partial(_trees_say, features.float(), n_classes, options, seed)


def opinion_on(speaking: Iterable[Speaker], given: Tensor) -> Opinion:
    """Return what all speakers together think of one set of (N,) labels."""
    labels = given.cpu().numpy()
    voices = {}
    for speak in speaking:
        said = speak(given)
        del speak  # with the vectors that it saw
        for name in list(said):
            voices[name] = hear(said.pop(name), labels)
    by_chance = 0.5 / math.sqrt(len(labels))  # at most so much is an accuracy off, as a standard error
    log_probs, weights = combine(voices, tolerance=max(_TOLERANCE, by_chance))
    return Opinion(log_probs, {name: _described(voices[name], weights[name]) for name in _VOICES if name in voices})


_VOICES = ("robust", "plain", "neighbours", "trees")  # in the order in which they are told


def _described(voice: Voice, weight: float) -> dict[str, float]:
    values = {"accuracy": voice.accuracy, "explains": voice.gain, "temperature": voice.temperature, "weight": weight}
    return {name: round(value, 4) for name, value in values.items()}


def _neighbours_say(places: Tensor, cosines: Tensor, n_classes: int, given: Tensor) -> dict[str, FloatNC]:
    return {"neighbours": neighbour_log_probs(places, cosines, given, n_classes).cpu().numpy()}


def _trees_say(columns: Tensor, n_classes: int, options: Options, seed: int, given: Tensor) -> dict[str, FloatNC]:
    labels = given.cpu().numpy()
    folds = assign_folds(given, min(_FEW_FOLDS, len(given)), torch_generator(seed, "probe", "trees")).cpu().numpy()
    draw = numpy_generator(seed, "probe", "trees")
    values = columns.cpu().numpy()
    return {"trees": forest_log_probs(values, labels, n_classes, folds=folds, trees=options.trees, draw=draw)}


def assign_folds(labels: Tensor, folds: int, generator: torch.Generator) -> Tensor:
    """Return (N,) folds that share every class out as evenly as can be, whatever order the samples are in."""
    order = torch.randperm(len(labels), generator=generator)
    by_class = order[torch.argsort(labels.cpu()[order], stable=True)]
    found = torch.empty(len(labels), dtype=torch.long)
    found[by_class] = torch.arange(len(labels)) % folds
    return found.to(labels.device)


def _heads_say(features: Tensor, n_classes: int, options: Options, seed: int, given: Tensor) -> dict[str, FloatNC]:
    """Return (N, C) out-of-fold logits of each kind of heads, the mean over all rounds."""
    n = len(given)
    rounds = options.rounds if n <= _MANY else 1
    epochs = max(min(options.head_epochs, _FEWEST_EPOCHS), min(options.head_epochs, _MOST_VISITS // n))
    settings = replace(options, head_epochs=epochs, folds=min(options.folds, n if n <= _MANY else _FEW_FOLDS))
    total = _round(features, given, n_classes, settings, seed, 0)
    for number in range(1, rounds):
        for name, logits in _round(features, given, n_classes, settings, seed, number).items():
            total[name] += logits
    return {name: logits.div_(rounds).cpu().numpy() for name, logits in total.items()}


def _round(
    features: Tensor, given: Tensor, n_classes: int, settings: Options, seed: int, number: int
) -> dict[str, Tensor]:
    """Return (N, C) out-of-fold logits of each kind of heads, by one draw of folds and orders."""
    kinds = {"robust": settings.q, "plain": 0.0}
    folds = assign_folds(given, settings.folds, torch_generator(seed, "probe", "folds", number))
    fold = torch.arange(settings.folds, device=features.device).repeat(len(kinds))
    q = torch.tensor(list(kinds.values()), device=features.device).repeat_interleave(settings.folds)
    l2 = torch.where(q > 0, settings.l2 * min(1.0, _DECAY_FITS / n_classes), settings.l2)
    weights = fit_heads(
        features,
        given,
        n_classes=n_classes,
        folds=folds,
        heads=Heads(fold, q, l2),
        epochs=settings.head_epochs,
        generator=torch_generator(seed, "probe", "order", number),
        peak_lr=settings.head_lr,
    )
    parts = zip(kinds, torch.split(weights, settings.folds), strict=True)
    return {name: logits_of_fold(features, folds, part) for name, part in parts}


def _neighbours(vectors: Tensor, options: Options, seed: int) -> tuple[Tensor, Tensor]:
    """Return (N, k) positions and cosines of the nearest samples, among those that there is time for."""
    n, d = vectors.shape
    among = _pool(n, d, seed)
    among = None if among is None else among.to(vectors.device)
    k = min(options.neighbours, (n if among is None else len(among)) - 1)
    return nearest(vectors, k, among=among)


def _pool(n: int, d: int, seed: int) -> Tensor | None:
    """Return the positions among which neighbours are sought; None = all."""
    most = int(_MOST_PRODUCTS / (n * d))
    if n <= most:
        return None
    return torch.randperm(n, generator=torch_generator(seed, "probe", "pool"))[: max(most, 1000)].sort().values


def look(job: Job, options: Options) -> Opinion:
    """Probe the vectors of a scan; every rank computes the same."""
    with job.stage("probe", "Heads and neighbours on vectors", 1):
        return probe(vectors_of(job), job.samples.labels, job.n_classes, options, seed=job.seed)


def vectors_of(job: Job) -> Tensor:
    """Return (N, D) vectors of all samples: an encoder's, or the inputs as they are."""
    if job.vectors is not None:
        return job.vectors
    if isinstance(job.samples.inputs, VectorInputs):
        return job.samples.inputs.values
    parts = [batch.inputs.flatten(1).float() for batch in job.samples.in_order("plain")]
    return job.gathered(torch.cat(parts))


def unseen_evidence(opinion: Opinion, given: IntN, n_classes: int, *, seed: int) -> Evidence:
    """Return the evidence of an opinion that never saw the labels; its one witness is called probe.

    The score "strange" is the entropy of the opinion, in nats: high where no class is known to look like this.
    """
    probs = np.exp(opinion.log_probs)
    draw = numpy_generator(seed, "other labels")
    evidence = evidence_on_unseen(probs, given, n_classes, draw=draw, name="probe")
    strange = -np.einsum("nc,nc->n", probs, opinion.log_probs, dtype=np.float64)
    scores = {**evidence.scores, "strange": strange}
    return replace(evidence, scores=scores, judges=None, stages={"probe": opinion.voices})


def mean_opinion(log_probs: Sequence[FloatNC]) -> FloatNC:
    """Return (N, C) probabilities whose logarithm is the mean of several."""
    return np.exp(log_softmax(np.mean(log_probs, axis=0)))
