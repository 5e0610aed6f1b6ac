import os

import numpy as np
import pytest

from labelaudit.encoders.feature_store import FeatureStore

VECTORS = np.arange(12, dtype=np.float16).reshape(4, 3)
HASHES = ["a", "b", "c", "d"]


def test_what_was_kept_is_found_by_content_in_any_order(tmp_path):
    FeatureStore(tmp_path, "net", 1).add(HASHES, VECTORS)
    vectors, known = FeatureStore(tmp_path, "net", 1).find(["d", "x", "a", "d", ""], 3)
    assert known.tolist() == [True, False, True, True, False]
    assert np.array_equal(vectors, [VECTORS[3], [0] * 3, VECTORS[0], VECTORS[3], [0] * 3])


@pytest.mark.parametrize("other", [("net", 2, ""), ("net2", 1, ""), ("net", 1, "224")])
def test_another_encoder_version_or_setting_knows_nothing(tmp_path, other):
    FeatureStore(tmp_path, "net", 1).add(HASHES, VECTORS)
    assert not FeatureStore(tmp_path, *other).find(HASHES, 3)[1].any()


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_a_damaged_part_is_removed_and_made_anew(tmp_path, damage):
    store = FeatureStore(tmp_path, "timm:vit/16", 1)
    store.add(HASHES, VECTORS)
    (part,) = tmp_path.rglob("*.safetensors")
    data = bytearray(part.read_bytes())
    if damage == "flipped":
        data[-1] ^= 1
    part.write_bytes(b"no" if damage == "text" else bytes(data[: len(data) - (damage == "cut")]))
    assert not store.find(HASHES, 3)[1].any()
    assert not list(tmp_path.rglob("*.safetensors"))
    store.add(HASHES, VECTORS)
    assert store.find(HASHES, 3)[1].all()


def test_samples_without_a_hash_are_not_kept_and_no_folder_keeps_nothing(tmp_path):
    FeatureStore(tmp_path, "net", 1).add(["", ""], VECTORS[:2])
    assert not list(tmp_path.iterdir())
    store = FeatureStore(None, "net", 1)
    store.add(HASHES, VECTORS)
    assert not store.find(HASHES, 3)[1].any()


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("")
    store = FeatureStore(tmp_path / "file", "net", 1)
    store.add(HASHES, VECTORS)
    assert not store.find(HASHES, 3)[1].any()


def test_the_least_recently_used_part_goes_first(tmp_path):
    FeatureStore(tmp_path, "old", 1).add(HASHES, VECTORS)
    size = next(tmp_path.rglob("*.safetensors")).stat().st_size
    for path in tmp_path.rglob("*.safetensors"):
        os.utime(path, (1, 1))
    FeatureStore(tmp_path, "new", 1, limit_bytes=size + size // 2).add(HASHES, VECTORS)
    assert not FeatureStore(tmp_path, "old", 1).find(HASHES, 3)[1].any()
    assert FeatureStore(tmp_path, "new", 1).find(HASHES, 3)[1].all()
