"""Verdicts on labels that people got wrong: what an audit says of stored probabilities, beside what is true.

    python -m labelaudit.lab.people FOLDER

FOLDER holds pairs NAME.npy, (N, C) out-of-sample probabilities, and NAME.csv with the columns given and true; classes
in alphabetical order. Printed for each: the share that is wrong, what the audit says of it, and the F1 of its flags, of
"another class is predicted", of cleanlab's filter, and of the best threshold that this ranking has.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labelaudit.core.arrays import BoolN, FloatN, IntN, Probs
from labelaudit.core.issues import Action
from labelaudit.core.recipe import PolicySettings
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.metrics import f1
from labelaudit.judging.out_of_sample import evidence_on_unseen
from labelaudit.judging.policy import Verdicts, judge


@dataclass(frozen=True, slots=True)
class Row:
    """One dataset."""

    name: str
    wrong: float  # share of labels that are
    verdicts: Verdicts
    f1: dict[str, float]  # by who flags


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    rows = [measured(file) for file in sorted(parser.parse_args().folder.glob("*.npy")) if has_truth(file)]
    for row in rows:
        sys.stdout.write(described(row) + "\n")
    return 0


def has_truth(file: Path) -> bool:
    """Whether the true labels lie beside an array of probabilities."""
    table = file.with_suffix(".csv")
    return table.exists() and {"given", "true"} <= set(pd.read_csv(table, nrows=0).columns)


def measured(file: Path) -> Row:
    """Return what an audit of stored probabilities says, beside the truth."""
    probs = np.load(file, allow_pickle=False)
    table = pd.read_csv(file.with_suffix(".csv"), keep_default_na=False)
    classes = np.unique(np.concatenate([table["given"], table["true"]]))
    given, true = (np.searchsorted(classes, table[name]).astype(np.int64) for name in ("given", "true"))
    verdicts = judged(probs, given)
    wrong = given != true
    flags = {
        "ours": verdicts.action != Action.KEEP,
        "argmax": probs.argmax(axis=1) != given,
        "cleanlab": _filtered(probs, given),
    }
    scores = {name: f1(flagged, wrong) for name, flagged in flags.items()}
    return Row(file.stem, float(wrong.mean()), verdicts, scores | {"best": best_f1(1.0 - verdicts.clean_prob, wrong)})


def judged(probs: Probs, given: IntN) -> Verdicts:
    """Return the verdicts of a scan of these probabilities."""
    n, n_classes = probs.shape
    nobody = np.zeros(n, dtype=np.bool_)
    return judge(
        evidence_on_unseen(probs, given, n_classes, draw=numpy_generator(0, "other labels")),
        given,
        settings=PolicySettings(),
        trusted=nobody,
        conflict=nobody,
        class_counts=np.bincount(given, minlength=n_classes),
    )


def best_f1(suspicion: FloatN, wrong: BoolN) -> float:
    """Return the F1 of the best threshold on a ranking."""
    right = np.cumsum(wrong[np.argsort(-suspicion, kind="stable")])
    return float((2 * right / (np.arange(1, len(wrong) + 1) + wrong.sum())).max())


def described(row: Row) -> str:
    """Return a dataset as one line."""
    noise = row.verdicts.noise
    said = f"{noise.rate:.3f} [{noise.low:.3f}, {noise.high:.3f}]"
    return f"{row.name:<24} wrong {row.wrong:.3f}  said {said}  F1 " + "  ".join(
        f"{name} {value:.3f}" for name, value in row.f1.items()
    )


def _filtered(probs: Probs, given: IntN) -> BoolN:
    from cleanlab.filter import find_label_issues  # an extra: labelaudit[bench]

    flagged: BoolN = find_label_issues(given, probs.astype(np.float64), n_jobs=1)
    return flagged


if __name__ == "__main__":
    sys.exit(main())
