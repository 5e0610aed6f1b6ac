"""`labelaudit bench probs`: what is made of probabilities that the user already has, from five folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from labelaudit.core.dataset import IntN
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.findings import Action
from labelaudit.core.seeds import numpy_generator
from labelaudit.lab.opinion import Opinion, Probs, figures
from labelaudit.lab.rivals_by_folds import FOLDS, cleanlab_opinion, cross_validated_probs
from labelaudit.lab.small_tables import SmallData, load_small, load_small_table
from labelaudit.noise.plant import plant
from labelaudit.noise.spec import parse_noise
from labelaudit.scanning.learn import judge_dataset, make_job, run_method

DATA = ("wine", "breast cancer", "digits", "made up", "covertype-like")
NOISES = ("none", "sym:0.1", "sym:0.2", "sym:0.4", "pair:0.3")
_FIGURES = ("ap", "f1", "flagged", "ece")  # of ours
_LARGEST_ECE = 0.08  # that is asked for
_TREES, _ROUNDS = 100, 500  # of the forest; of the logistic regression, at most

Classifier = Callable[[SmallData, IntN, int], Probs]  # (data, labels that it is taught, seed) -> out-of-sample


def bench_probs(
    *,
    data: Sequence[str] = DATA,
    noises: Sequence[str] = NOISES,
    seeds: int = 1,
    on_event: EventSink = ignore,
) -> dict[str, Any]:
    """Return one row per table, noise and classifier: a scan of its probabilities beside cleanlab's default filter.

    Figures are means over the seeds.

    Args:
        data: keys of `SMALL_DATA`.
        noises: what to plant; see `parse_noise`.
        seeds: repetitions with seeds 0, 1, ...
        on_event: told each row.
    """
    rows: list[dict[str, Any]] = []
    for name in data:
        small = load_small(name)
        for noise in noises:
            for classifier, probs_of in CLASSIFIERS.items():
                by_seed = [_figures(small, noise, probs_of, seed) for seed in range(seeds)]
                means = {key: float(np.mean([each[key] for each in by_seed])) for key in by_seed[0]}
                row = {"data": name, "samples": len(small.true), "noise": noise, "classifier": classifier}
                rows.append({**row, **{key: None if np.isnan(value) else value for key, value in means.items()}})
                on_event(Said("note", f"{name}, {noise}, {classifier}: ECE {means['ece']:.3f}"))
    calibrated = sum(row["ece"] <= _LARGEST_ECE for row in rows)
    counted = f"ECE at most {_LARGEST_ECE:.2f} in {calibrated} of {len(rows)} rows. Probabilities: {FOLDS} folds."
    return {"schema": 2, "seeds": seeds, "rows": rows, "counted": counted}


def _figures(small: SmallData, noise: str, probs_of: Classifier, seed: int) -> dict[str, float]:
    names = tuple(str(label) for label in range(small.n_classes))
    given = plant(small.true, parse_noise(noise, small.n_classes, names), numpy_generator(seed, "plant"))
    probs = np.asarray(probs_of(small, given, seed), dtype=np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    ours, noise_rate = _scan(small, given, probs)
    own, theirs = figures(ours, given, small.true), figures(cleanlab_opinion(given, probs), given, small.true)
    return {
        "wrong": float((given != small.true).mean()),
        "noise_rate": noise_rate,
        **{name: own[name] for name in _FIGURES},
        "cleanlab_f1": theirs["f1"],
        "cleanlab_flagged": theirs["flagged"],
    }


def _scan(small: SmallData, given: IntN, probs: NDArray[np.float64]) -> tuple[Opinion, float]:
    """Return the opinion of a scan with `--probs`, and its noise rate."""
    prepared, loaded = load_small_table(small, given, probs=probs)
    evidence = run_method(loaded, prepared, checkpoints=None, on_event=ignore)
    judged = judge_dataset(loaded, evidence, prepared.recipe)
    flagged = np.asarray(judged.action != Action.KEEP, dtype=bool)
    opinion = Opinion(1.0 - judged.clean_prob, flagged, judged.suggested, judged.noise_rate, judged.clean_prob)
    return opinion, judged.noise_rate


def _by_network(small: SmallData, given: IntN, seed: int) -> Probs:
    """Return the probabilities of the network and the schedule that a scan would choose."""
    prepared, loaded = load_small_table(small, given, seed=seed)
    assert loaded.inputs is not None  # a table of numbers
    job = make_job(loaded.inputs, loaded.dataset, prepared, checkpoints=None, on_event=ignore)
    options = prepared.recipe.options
    return cross_validated_probs(job, epochs=int(options["epochs"]), peak_lr=float(options["peak_lr"]))


def _by_estimator(make: Callable[[int], Any]) -> Classifier:
    def probs(small: SmallData, given: IntN, seed: int) -> Probs:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        probs = cross_val_predict(make(seed), small.values, given, cv=folds, method="predict_proba")
        return np.asarray(probs, dtype=np.float64)

    return probs


CLASSIFIERS: dict[str, Classifier] = {
    "logistic": _by_estimator(lambda _: make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ROUNDS))),
    "forest": _by_estimator(lambda seed: RandomForestClassifier(_TREES, random_state=seed)),
    "network": _by_network,
}
