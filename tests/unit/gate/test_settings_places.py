"""A settings file comes with a branch: it names no place outside, and what is written stays beside it."""

import pytest

from labelaudit.api.baseline import baseline
from labelaudit.api.check import check
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.gate.settings import OWN_FILE, load_settings
from tests.gate_audit import Row, write_rows


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with an audit of one suspect, and beside it a start-up file that is none of its business."""
    (tmp_path / "startup").write_text("TOP SECRET\n")
    folder = tmp_path / "repository"
    folder.mkdir()
    write_rows(folder, [Row("cat/1.png", "cat", 0.02, "dog"), Row("dog/1.png", "dog")])
    monkeypatch.chdir(folder)
    return folder


OUTSIDE = [
    "{outside}",
    "../startup",
    "a/../../startup",
    "link",
    "linked/startup",
    "~nobody-of-this-name/x",
    "a\\u0000b",
]


@pytest.mark.parametrize("name", ["baseline", "audit", "data"])
@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("file", [OWN_FILE, "pyproject.toml"])
def test_no_place_outside_can_be_named(repository, name, value, file):
    (repository / "link").symlink_to("../startup")
    (repository / "linked").symlink_to("..")
    text = f'{name} = "{value.format(outside=repository.parent / "startup")}"\n'
    (repository / file).write_text(text if file == OWN_FILE else f"[tool.labelaudit]\n{text}")
    for command in (baseline, check):
        with pytest.raises(ConfigError) as caught:
            command()
        assert f"{file}: {name} = " in caught.value.problem
        assert "SECRET" not in str(caught.value)
    assert (repository.parent / "startup").read_text() == "TOP SECRET\n"


def test_nothing_is_written_into_the_repositorys_own_folder(repository):
    (repository / OWN_FILE).write_text('baseline = ".git/hooks/post-checkout"\n')
    with pytest.raises(ConfigError, match="outside of the folder"):
        baseline()


def test_the_default_baseline_is_no_link_either(repository):
    (repository / "labelaudit-baseline.tsv").symlink_to("../startup")
    for command in (baseline, check):
        with pytest.raises(DataError, match=r"labelaudit-baseline\.tsv is a symbolic link") as caught:
            command()
        assert "SECRET" not in str(caught.value)
    assert (repository.parent / "startup").read_text() == "TOP SECRET\n"


def test_the_command_line_names_any_place(repository):
    written = baseline(output=repository.parent / "known.tsv")
    assert (len(written.change.entries), written.path.parent) == (1, repository.parent)
    (repository / OWN_FILE).write_text("[check]\nmax_noise = 1\n")
    assert load_settings(repository / OWN_FILE, overrides={"data": "/anywhere"}).places.data == "/anywhere"


@pytest.mark.parametrize("file", [OWN_FILE, "pyproject.toml"])
def test_a_settings_file_that_nobody_named_is_no_link(repository, file):
    (repository.parent / "other.toml").write_text('[tool.labelaudit]\n"TOP SECRET" = 1\n')
    (repository / file).symlink_to("../other.toml")
    with pytest.raises(ConfigError, match="is a symbolic link") as caught:
        check()
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\nlabelaudit = 3", "a = " + "[" * 5000, "\0", "a = 1e", "[[check]]"]
)
def test_settings_of_a_wrong_shape_are_said_in_a_sentence(repository, text):
    for file in (OWN_FILE, "pyproject.toml"):
        (repository / file).write_text(text)
        if text == "tool = 3" and file == "pyproject.toml":
            (repository / OWN_FILE).unlink()
            assert check().suspects == 1  # a file of other programs
        elif text != "[[check]]" or file == OWN_FILE:
            with pytest.raises(ConfigError):
                check()


def test_a_file_that_is_no_baseline_is_not_quoted(repository):
    with pytest.raises(DataError, match="is no baseline") as caught:
        check(baseline=repository.parent / "startup")
    assert "SECRET" not in str(caught.value)
