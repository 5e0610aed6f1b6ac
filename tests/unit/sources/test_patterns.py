"""Braces and wildcards, against bash."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from labelaudit.core.errors import DataError
from labelaudit.sources.patterns import expand_braces, is_pattern, matching_files, shards_folder
from labelaudit.sources.store import Store
from labelaudit.sources.urls import Url


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is the reference")
@pytest.mark.parametrize(
    "pattern",
    [
        "s/{000..012}.tar",
        "{8..11}.tar",
        "{a,b,}x{1..2}",
        "{3..1}",
        "{08..10}",
        "no{braces}",
        "{one}{1..2}",
        "{0..0}",
        "plain",
    ],
)
def test_braces_expand_as_in_bash(pattern):
    told = subprocess.run(["bash", "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True)
    assert expand_braces(pattern) == told.stdout.splitlines()


def test_only_names_for_several_files_are_patterns():
    names = ["a/{0..3}.tar", "a/*.tar", "https://h/x.tar?version=1", "a/{b}.tar", "s3://b/[ab].tar", "plain.csv"]
    assert [is_pattern(name) for name in names] == [True, True, False, False, True, False]


def test_a_slip_of_the_finger_is_refused():
    with pytest.raises(DataError, match=r"stands for 4,000,000 files; at most 1,000,000"):
        expand_braces("{1..2000}/{1..2000}.tar")


def test_wildcards_are_sorted_and_braces_keep_their_order(tmp_path):
    for name in ("b.tar", "a.tar"):
        (tmp_path / name).write_bytes(b"")
    store = Store(tmp_path)
    assert matching_files(f"{tmp_path}/*.tar", store) == [tmp_path / "a.tar", tmp_path / "b.tar"]
    assert matching_files("https://h/{b,a}.tar", store) == [Url("https://h/b.tar"), Url("https://h/a.tar")]
    with pytest.raises(DataError, match=r"\*\.rat: no file fits\."):
        matching_files(f"{tmp_path}/*.rat", store)


def test_names_are_relative_to_the_folder_before_the_pattern():
    assert shards_folder("/data/x/{train,val}/*.tar") == Path("/data/x")
    assert shards_folder("s3://b/x-{0..3}.tar") == Url("s3://b/")
