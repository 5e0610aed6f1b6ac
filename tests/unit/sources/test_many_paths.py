"""Many paths in a folder: it is listed once, and files are found as if each were asked for."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from labelaudit.core.dataset import FilesBelow
from labelaudit.sources import paths
from labelaudit.sources.image_tree import ImageTree


@pytest.mark.parametrize("worth", [1, 10**9])
def test_listed_or_asked_for_the_same_files_are_there(tmp_path, worth):
    (tmp_path / "img/sub.png").mkdir(parents=True)  # a folder of this name
    for name in ("a.png", "b.png"):
        (tmp_path / "img" / name).write_bytes(b"x")
    (tmp_path / "img/link.png").symlink_to(tmp_path / "img/a.png")
    (tmp_path / "img/lost.png").symlink_to(tmp_path / "nowhere.png")
    texts = ["img/a.png", "img/c.png", "img/sub.png", "img/link.png", "img/lost.png", None, "img\\b.png", "no/a.png"]
    texts.append(str(tmp_path / "img/b.png"))
    with mock.patch.object(paths, "_WORTH_LISTING", worth):
        found = paths.locate(texts, ImageTree(tmp_path))
    assert found.exists.tolist() == [True, False, False, True, False, False, True, False, True]
    assert (found.files[0], found.files[-1]) == (tmp_path / "img/a.png", tmp_path / "img/b.png")


def test_files_below_a_folder_are_equal_to_the_same_paths(tmp_path):
    some = FilesBelow(tmp_path, ("a.png", "/b.png"))
    assert some == (tmp_path / "a.png", tmp_path.__class__("/b.png"))
    assert [*some.texts()] == [str(tmp_path / "a.png"), "/b.png"]
    assert some.take(np.array([1])) == (tmp_path.__class__("/b.png"),)
    assert some != (tmp_path / "a.png",)
