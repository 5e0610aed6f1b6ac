"""Every method through the whole of a scan: images, a table of numbers, embeddings."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labelaudit.api.scan import scan
from labelaudit.methods.registry import METHODS, leans_on_trusted, require_method
from tests.methods.jobs import blobs

pytestmark = pytest.mark.slow

N = 60
_TRUSTED = 3  # samples per class


def is_trusted(given, true):
    """Return (N,) bool, the first right samples of every class."""
    trusted = np.zeros(len(given), dtype=bool)
    for label in np.unique(given):
        trusted[np.flatnonzero((given == label) & (given == true))[:_TRUSTED]] = True
    return trusted


def write_table(folder, *, features):
    values, given, true = blobs(N, 3, rate=0.1)
    frame = pd.DataFrame({"id": [f"r{index:02d}" for index in range(N)], "label": [f"kind{label}" for label in given]})
    if features:
        frame = frame.assign(**{f"f{column}": values[:, column] for column in range(8)})
    frame["trusted"] = is_trusted(given, true)
    frame.to_csv(folder / "data.csv", index=False)
    np.save(folder / "embeddings.npy", values)
    return {"source": folder / "data.csv", "label_column": "label"}


def write_images(folder):
    rng = np.random.default_rng(0)
    for root, n in (("photos", N), ("checked", 3 * _TRUSTED)):
        for index in range(n):
            pixels = rng.integers(0, 60, (12, 12, 3)).astype(np.uint8)
            pixels[:, :, index % 3] += 150
            path = folder / root / f"kind{index % 3}" / f"{index:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return {"source": folder / "photos", "trusted": folder / "checked"}


def write_data(kind, folder):
    if kind == "images":
        return write_images(folder)
    found = write_table(folder, features=kind == "features")
    return found | ({"embeddings": folder / "embeddings.npy"} if kind == "embeddings" else {})


@pytest.mark.parametrize("kind", ["images", "features", "embeddings"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_scans(name, kind, tmp_path):
    settings = write_data(kind, tmp_path)
    if not getattr(require_method(name), "NEEDS_TRUSTED", False):
        settings.pop("trusted", None)
    audit = scan(**settings, method=name, epochs_scale=0.1, device="cpu", root=tmp_path)
    assert (audit.meta["status"], audit.meta["method"]) == ("finished", name)
    assert audit.meta["why"].endswith("; schedule scaled to 0.1")
    assert (audit.summary["method"], audit.summary["epochs_scale"]) == (name, 0.1)
    assert len(audit.findings) >= N
    assert audit.findings["clean_prob"].between(0, 1).all()
    assert set(audit.findings["given_label"]) == {"kind0", "kind1", "kind2"}


def test_methods_that_lean_on_trusted_samples_say_so():
    """By the table in docs/how-to/trusted-set.md; an audit has it: it says whether trusted labels can test it."""
    leaning = {"ieg", "drpl", "dividemix", "bootstrap", "joint", "elr", "elr+", "forward"}
    assert {name for name in METHODS if leans_on_trusted(name)} == leaning
