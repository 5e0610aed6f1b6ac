"""A stranger's audit may be full of links: nothing is written or read through one."""

import os
import shutil
from pathlib import Path

import pytest

from labelaudit.api.baseline import baseline
from labelaudit.api.check import check
from labelaudit.api.judge import judge
from labelaudit.api.load import load
from labelaudit.api.mark import mark
from labelaudit.core.errors import DataError
from labelaudit.scanning.scan import stopped_audit

STORED = Path(__file__).parents[2] / "stored" / "table"
FILES = ["audit.json", "findings.parquet", "verdicts.npz", "near.npz", "unseen.npz", "decisions.jsonl"]


def problem_of(command):
    """Return what a command says that ends with an error, "" for one that does not."""
    try:
        command()
    except DataError as error:
        return str(error)
    return ""


def tree(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A repository with a stored audit; what lies beside the repository may not change."""
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "secret").write_text("TOP SECRET")
    repository = tmp_path / "repository"
    audit = repository / ".labelaudit" / "audits" / "20261127-161628-panel-024797"
    shutil.copytree(STORED / "audit", audit)
    shutil.copy(STORED / "trees.csv", repository)
    (repository / ".labelaudit" / "latest").write_text(f"{audit.name}\n")
    monkeypatch.chdir(repository)
    return audit


COMMANDS = {
    "check": check,
    "mark": lambda: mark(["t0"], verdict="ok", why="::error::"),
    "baseline": baseline,
    "judge": judge,
    "load": lambda: load().findings,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "link to a folder", "lost link"])
def test_no_command_follows_what_stands_for_a_file(home, name, command, kind):
    beside = home.parents[3] / "beside"
    (home / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(home / name)
    elif kind == "folder":
        (home / name).mkdir()
    else:
        (home / name).symlink_to({"link": beside / "secret", "link to a folder": beside}.get(kind, beside / "new"))
    before = tree(beside)
    assert "SECRET" not in problem_of(COMMANDS[command])
    assert tree(beside) == before
    copies = [path for path in (home.parents[2]).rglob("*") if path.is_file() and not path.is_symlink()]
    assert not any(b"TOP SECRET" in path.read_bytes() for path in copies)


@pytest.mark.parametrize("name", ["MODEL.md", "model.safetensors"])
def test_a_judged_audit_holds_no_copy_of_what_a_link_leads_to(home, name):
    (home / name).unlink(missing_ok=True)
    (home / name).symlink_to(home.parents[3] / "beside" / "secret")
    with pytest.raises(DataError, match=f"{name} is a symbolic link"):
        judge()


@pytest.mark.parametrize("name", [".", "audits", "baseline.lock", "latest"])
def test_folders_and_locks_are_no_links(home, name):
    place = home.parents[1] if name == "." else home.parents[1] / name
    beside = home.parents[3] / "beside"
    if place.is_dir():
        place.rename(beside / "moved")
        place.symlink_to(beside / "moved")
    else:
        place.unlink(missing_ok=True)
        place.symlink_to(beside / "secret")
    before = tree(beside)
    for command in COMMANDS.values():
        assert "SECRET" not in problem_of(command)
    assert tree(beside) == before


def test_latest_names_no_place_elsewhere(home):
    for text in ("..", "../..", "/", "a/b", "\0", "x" * 5000, "\ud800"):
        (home.parents[1] / "latest").write_bytes(text.encode("utf-8", "surrogatepass"))
        assert load().path == home


@pytest.mark.parametrize("method", ["../..", "a/b", "", ".", "x" * 300, 3, None])
def test_a_method_in_audit_json_names_no_folder(home, method):
    import json

    meta = json.loads((home / "audit.json").read_text())
    (home / "audit.json").write_text(json.dumps(meta | {"method": method}))
    before = sorted(home.parents[3].rglob("*"))
    with pytest.raises(DataError, match=r"audit\.json is damaged: (method is|it has no method)|no audit"):
        judge()
    assert sorted(home.parents[3].rglob("*")) == before


@pytest.mark.parametrize("source", ["null", '"a\\u0000b"', "3", '"~nobody-of-this-name"', f'"{"x" * 5000}"', '"link"'])
def test_a_strange_neighbour_stops_no_scan(home, source):
    (home.parents[2] / "link").symlink_to("link")
    text = (home / "audit.json").read_text().replace('"source": "trees.csv"', f'"source": {source}')
    (home / "audit.json").write_text(text)
    assert stopped_audit(home.parents[2], home.parents[2] / "other.csv") is None
