"""check on near duplicates, on real files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.functional.images import decode_image, hash_content
from labelaudit.functional.near import near_hashes
from labelaudit.gate import leaks
from labelaudit.gate.near import NEAR_NAME, near_arrays
from tests.gate_audit import Row, write_rows

QUIET = ["--max-noise", "none"]
LABELS = ("cat", "dog")
NEAR_ROWS = [Row(f"{split}/{label}/{n}.png", label) for split in ("train", "test") for label in LABELS for n in (1, 2)]
LIKE = {"test/dog/2.png": "train/dog/1.png", "train/dog/2.png": "train/cat/2.png"}  # near duplicates of these


def near_pictures(here, *splits):
    """Write scenes, two of them as worse JPEG of others, and the audit of these splits with their near hashes."""
    rows = []
    for number, row in enumerate(NEAR_ROWS):
        path = here / "photos" / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        original = next(n for n, each in enumerate(NEAR_ROWS) if each.path == LIKE.get(row.path, row.path))
        coarse = np.random.default_rng(original).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        scene = Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC)
        scene.save(path, "PNG") if number == original else scene.save(path, "JPEG", quality=70)
        rows.append(replace(row, content=hash_content(path.read_bytes())))
    scanned = [row for row in rows if row.path.split("/")[0] in splits]
    audit = write_rows(here, scanned, split=",".join(splits), finished=False)
    files = [(here / "photos" / row.path).read_bytes() for row in scanned]
    hashes = near_hashes([decode_image(data, "x.png", 64).pixels for data in files])
    given = np.array([LABELS.index(row.given) for row in scanned])
    ids = tuple(row.path for row in scanned)
    content = ImageFiles(tuple(map(Path, ids)))
    trusted = np.zeros(len(ids), dtype=np.bool_)
    dataset = Dataset(Path("photos"), ids, ids, given, LABELS, content, trusted, split=",".join(splits))
    audit.write_arrays(NEAR_NAME, **near_arrays(dataset, hashes))
    audit.finish({"noise_rate": 0.01})
    return audit


@pytest.mark.parametrize(
    ("splits", "pair"),
    [
        (("train",), "train/dog/1.png ~ test/dog/2.png"),
        (("test", "train"), "test/dog/2.png ~ train/dog/1.png"),
    ],
)
def test_a_near_copy_in_another_split_is_a_warning(here, labelaudit, splits, pair):
    near_pictures(here, *splits)
    found = result(labelaudit, "max-near-leaks", "-o", "max_unjudged=none")
    among = "test, train" if len(splits) > 1 else "train, test"
    assert found["message"] == f"1 sample with a near duplicate across {among}; 0 allowed"
    assert (found["severity"], found["listed"], named(found)) == ("warning", [pair], [pair.split(" ")[0]])
    assert result(labelaudit, "max-leaks", "-o", "max_unjudged=none")["status"] == "passed"
    assert labelaudit("check", *QUIET).exit_code == 0


def test_near_copies_under_other_labels_warn_until_both_are_decided(here, labelaudit):
    near_pictures(here, "train")
    found = result(labelaudit, "max-near-conflicts")
    assert found["message"] == "2 samples with a near duplicate under another label; 0 allowed"
    assert found["listed"] == ["train/cat/2.png (cat) ~ train/dog/2.png (dog)"]
    for sample, status in (("train/cat/2.png", "failed"), ("train/dog/2.png", "passed")):
        assert labelaudit("mark", sample, "--ok", "--why", "looked at").exit_code == 0
        assert result(labelaudit, "max-near-conflicts")["status"] == status


def test_what_hinders_the_search_for_near_copies_is_said(here, labelaudit, monkeypatch):
    audit = near_pictures(here, "train")
    monkeypatch.setattr(leaks, "_MOST_DECODED", 3)
    assert result(labelaudit, "max-near-leaks")["message"] == (
        "the other splits hold 4 images, more than a check decodes (3); labelaudit scan --split all compares them"
    )
    file = audit.path / "near.npz"
    file.write_bytes(b"PK\x03\x04 cut off")
    done = labelaudit("check", *QUIET)
    assert done.exit_code == 3
    assert "near.npz is damaged" in done.stderr
    file.unlink()
    for rule in ("max-near-leaks", "max-near-conflicts"):
        found = result(labelaudit, rule)
        assert (found["status"], found["message"][:31]) == ("skipped", "the audit has no near hashes: i")


def test_samples_that_look_alike_by_nature_are_not_compared():
    hashes = np.full(3000, 2**63 + 1, dtype=np.uint64)
    ids = tuple(map(str, range(3000)))
    trusted = np.zeros(3000, dtype=np.bool_)
    content = ImageFiles(tuple(map(Path, ids)))
    kept = near_arrays(Dataset(Path("x"), ids, ids, np.arange(3000) % 2, LABELS, content, trusted), hashes)
    assert (bool(kept["alike"]), kept["pairs"].shape) == (True, (0, 2))


def result(labelaudit, rule, *options):
    found = json.loads(labelaudit("check", *QUIET, "--json", *options).stdout)
    return next((each for each in found["results"] if each["rule"] == rule), None)


def named(found):
    return [sample["path"] for sample in found["samples"]]
