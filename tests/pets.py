"""Four samples of three classes and two rows set aside: what every test of findings starts from."""

from pathlib import Path
from typing import Any

import numpy as np

from labelaudit.core.dataset import Dataset, ImageFiles, SetAside
from labelaudit.core.evidence import Evidence
from labelaudit.core.findings import Judged, build_findings

CLASSES = ("cat", "dog", "elk")
SAMPLES: dict[str, Any] = {
    "content_hashes": ["h0", "h1", "h2", "h3"],
    "clean_prob": [0.9, 0.1, 0.3, 0.1],
    "suggested": [-1, 0, 2, 2],
    "suggested_prob": [0.05, 0.85, 0.4, 0.8],
    "given_prob": [0.9, 0.1, 0.5, 0.2],
    "loss": [0.1, 2.3, 0.7, 1.6],
    "action": ["keep", "relabel", "review", "relabel"],
    "issue": ["", "mislabelled", "ambiguous", "mislabelled"],
    "detail": ["", "looks like cat", "", ""],
    "top_labels": [[0, 1, 2], [0, 1, 2], [1, 2, 0], [2, 0, 1]],
    "top_probs": [[0.9, 0.08, 0.02], [0.85, 0.1, 0.05], [0.5, 0.4, 0.1], [0.8, 0.1, 0.1]],
}
SET_ASIDE = (
    SetAside("torn.png", "torn.png", "cat", "unreadable", "ends early"),
    SetAside("blank.png", "blank.png", None, "missing-label", "row 7 has no label"),
)


def small_dataset(ids=("a.png", "b.png", "c.png", "d.png"), classes=CLASSES):
    return Dataset(
        source=Path("pets"),
        sample_ids=ids,
        paths=ids,
        given=np.array([0, 1, 1, 0]),
        classes=classes,
        content=ImageFiles(tuple(Path(name) for name in ids)),
        trusted=np.array([True, False, False, False]),
        set_aside=SET_ASIDE,
    )


def small_findings(dataset=None, **changes):
    columns = SAMPLES | changes
    number = {name: np.array(value) for name, value in columns.items()}
    judged = (number["clean_prob"], number["suggested"], number["suggested_prob"], columns["action"], columns["issue"])
    return build_findings(
        small_dataset() if dataset is None else dataset,
        Evidence(number["loss"], number["given_prob"], number["top_labels"], number["top_probs"]),
        Judged(*judged),
        content_hashes=columns["content_hashes"],
        details=columns["detail"],
    )
