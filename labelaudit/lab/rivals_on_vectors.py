"""What practitioners do today: a simple classifier on vectors, five folds, and cleanlab on what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from labelaudit.core.dataset import IntN
from labelaudit.lab.opinion import Probs
from labelaudit.lab.rivals_by_folds import FOLDS

Vectors = NDArray[np.floating[Any]]  # (N, D)

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of scikit-learn: the inverse of the L2 penalty
_TUNED_ON = 5_000  # samples; more change the choice little, and cost minutes


def logistic_probs(vectors: Vectors, given: IntN, *, seed: int) -> Probs:
    """Return (N, C) out-of-sample probabilities of scikit-learn's logistic regression on standardised vectors.

    Its penalty is the one of five that explains held-out labels best, in three folds.
    """
    draw = np.random.default_rng(seed)
    tuned_on = draw.permutation(len(given))[:_TUNED_ON]
    search = GridSearchCV(
        _logistic(1.0),
        {"logisticregression__C": _STRENGTHS},
        scoring="neg_log_loss",
        cv=StratifiedKFold(3, shuffle=True, random_state=seed),
        refit=False,
    ).fit(vectors[tuned_on], given[tuned_on])
    best = float(search.best_params_["logisticregression__C"])
    return _held_out(_logistic(best), vectors, given, seed)


def boosting_probs(vectors: Vectors, given: IntN, *, seed: int) -> Probs:
    """Return (N, C) out-of-sample probabilities of scikit-learn's gradient boosting on histograms, as it comes."""
    return _held_out(HistGradientBoostingClassifier(random_state=seed), vectors, given, seed)


def _logistic(strength: float) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))


def _held_out(classifier: Any, vectors: Vectors, given: IntN, seed: int) -> Probs:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(classifier, vectors, given, cv=folds, method="predict_proba"))
