"""Several voices of the same samples: made comparable, heard, and joined to one opinion.

All of them speak out of fold, or not having been taught the labels that they are asked about. So the given labels,
wrong ones included, tell how sure each may be (its temperature) and whether it sees anything at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

FloatNC = NDArray[np.floating]  # (N, C)
IntN = NDArray[np.int64]  # (N,)

_MOST_ASKED = 50_000  # samples that fit a temperature: one number needs no more
_COLDEST, _HOTTEST = -5.0, 5.0  # log temperatures
_LEAST_GAIN = (
    0.02  # share of the surprise at the class sizes that a witness must explain; chance explains less than nothing
)


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice, made comparable."""

    log_probs: FloatNC  # (N, C); rows are log probabilities
    accuracy: float  # share of given labels that it holds most probable
    gain: float  # share of the surprise at the class sizes that it explains; <= 0: it sees nothing
    temperature: float

    @property
    def votes(self) -> bool:
        """Whether it sees enough to be heard."""
        return self.gain >= _LEAST_GAIN


def hear(log_probs: FloatNC, given: IntN) -> Voice:
    """Return a witness whose temperature makes the given labels most probable.

    Args:
        log_probs: (N, C) log probabilities or logits that did not learn from the sample's own label.
        given: (N,) labels.
    """
    temperature = fit_temperature(log_probs, given)
    tempered = log_softmax(log_probs, temperature=temperature)
    sizes = np.bincount(given, minlength=log_probs.shape[1]) / len(given)
    surprise = -float(np.log(sizes[given]).mean())
    own = -float(tempered[np.arange(len(given)), given].mean())
    gain = 1.0 - own / surprise if surprise > 0 else 0.0
    return Voice(tempered, float((tempered.argmax(axis=1) == given).mean()), gain, temperature)


def combine(voices: Mapping[str, Voice], *, tolerance: float = math.inf) -> tuple[FloatNC, dict[str, float]]:
    """Return (N, C) float32 log probabilities of all who see something, and the weight of each, which sum to 1.

    The weighted mean of log probabilities: who is unsure says little, and who is sure must be outvoted. Where nobody
    sees anything the best of them is heard alone.

    Args:
        voices: by name, at least one.
        tolerance: accuracy by which a witness may fall short of the best one before its weight falls to 1 / e.
            Infinite: all who see something weigh the same, as they should where they see different things.
    """
    heard = [name for name, each in voices.items() if each.votes]
    heard = heard or [max(voices, key=lambda name: voices[name].gain)]
    best = max(voices[name].accuracy for name in heard)
    raw = {name: math.exp((voices[name].accuracy - best) / tolerance) for name in heard}
    weights = {name: raw.get(name, 0.0) / sum(raw.values()) for name in voices}
    found = np.empty(voices[heard[0]].log_probs.shape, dtype=np.float32)
    for start in range(0, len(found), _BLOCK):
        part = slice(start, start + _BLOCK)
        total = sum(voices[name].log_probs[part] * np.float64(weights[name]) for name in heard)
        found[part] = log_softmax(np.asarray(total))
    return found, weights


def fit_temperature(logits: FloatNC, given: IntN) -> float:
    """Return the temperature under which the given labels are most probable."""
    asked = _spread(len(given), _MOST_ASKED)
    some, labels = logits[asked].astype(np.float64), given[asked]
    rows = np.arange(len(labels))

    def surprise(log_temperature: float) -> float:
        return -float(log_softmax(some, temperature=math.exp(log_temperature))[rows, labels].mean())

    return float(np.exp(scipy.optimize.minimize_scalar(surprise, bounds=(_COLDEST, _HOTTEST), method="bounded").x))


def log_softmax(logits: FloatNC, *, temperature: float = 1.0) -> FloatNC:
    """Return (N, C) log probabilities of logits over a temperature."""
    found = logits / temperature
    found -= found.max(axis=1, keepdims=True)
    for start in range(0, len(found), _BLOCK):
        part = found[start : start + _BLOCK]
        part -= np.log(np.exp(part).sum(axis=1, keepdims=True))
    return found


_BLOCK = 65_536  # samples at a time: a copy of all would be the peak of the memory


def _spread(n: int, count: int) -> IntN:
    """Return at most `count` of n positions, spread so that no order of the samples keeps step with them."""
    if n <= count:
        return np.arange(n)
    return np.unique((np.arange(count) * _GOLDEN % 1.0 * n).astype(np.int64))


_GOLDEN = 0.6180339887498949  # its multiples fill the unit interval evenly
