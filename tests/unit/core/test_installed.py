from pathlib import Path

import pytest

from labelaudit.core import installed


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("", "pip install 'labelaudit[bench]'"),
        ("/here", "pip install '.[bench]'"),
        ("/elsewhere/my clone", "pip install '/elsewhere/my clone[bench]'"),
        ("git+https://example.org/x.git", "pip install 'labelaudit[bench] @ git+https://example.org/x.git'"),
    ],
)
def test_a_hint_names_where_this_copy_is_from(origin, said, monkeypatch):
    monkeypatch.setattr(installed, "_origin", lambda: origin)
    monkeypatch.setattr(Path, "cwd", lambda: Path("/here"))
    assert installed.pip_install("bench") == said


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ({"url": "https://example.org/x.git", "vcs_info": {"vcs": "git"}}, "git+https://example.org/x.git"),
        ({"url": "https://example.org/x.zip", "archive_info": {}}, "https://example.org/x.zip"),
        ({"url": "file:///no/such/folder", "dir_info": {}}, ""),
        ({}, ""),
    ],
)
def test_what_pip_noted_is_read(facts, place):
    assert installed._place_of(facts) == place


def test_a_folder_that_pip_noted_is_named_with_its_blanks(tmp_path):
    folder = tmp_path / "my clone"
    folder.mkdir()
    assert installed._place_of({"url": folder.as_uri(), "dir_info": {"editable": True}}) == str(folder)


def test_tests_run_from_a_clone():
    assert installed._origin() == str(Path(__file__).parents[3])
