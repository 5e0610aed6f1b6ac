"""The hooks, by the real pre-commit on a scratch repository; the one that installs nothing, so no network is needed."""

import shutil
import sys

import pytest

from tests.integrations.shells import BAD, GOOD, ROOT, bash, read_yaml, repository

HOOKS = {hook["id"]: hook for hook in read_yaml(".pre-commit-hooks.yaml")}
CONFIG = """
repos:
  - repo: {hooks}
    rev: {revision}
    hooks:
      - id: labelaudit-check-installed
"""


def test_the_hooks_take_no_files_and_run_before_a_push_or_by_hand():
    for hook in HOOKS.values():
        assert hook["entry"] == "labelaudit check"
        assert (hook["pass_filenames"], hook["always_run"]) == (False, True)
        assert hook["stages"] == ["pre-push", "manual"]
    assert [HOOKS[name]["language"] for name in HOOKS] == ["python", "system"]


def with_hooks(tmp_path, rows):
    """Return a repository with our hooks, as published in a repository of their own."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    done = bash("git init -q . && git add -A && git commit -q -m hooks && git rev-parse HEAD", hooks)
    folder = repository(tmp_path / "repo", rows)
    config = CONFIG.format(hooks=hooks, revision=done.stdout.strip())
    (folder / ".pre-commit-config.yaml").write_text(config)
    return folder


def run(folder, script):
    home = {"PRE_COMMIT_HOME": str(folder.parent / "pre-commit")}
    return bash(f"pre-commit() {{ '{sys.executable}' -m pre_commit \"$@\"; }}\n{script}", folder, **home)


@pytest.mark.slow
def test_a_push_of_bad_labels_is_stopped_and_one_of_good_labels_goes_through(tmp_path):
    folder = with_hooks(tmp_path, BAD)
    bash("git init -q --bare ../remote.git && git remote add origin ../remote.git", folder)
    done = run(folder, "pre-commit install --hook-type pre-push && git add -A && git commit -q -m hooks")
    assert done.returncode == 0, done.stdout + done.stderr
    stopped = run(folder, "git push -q origin main")
    assert stopped.returncode != 0
    assert "max-new-suspects" in stopped.stdout + stopped.stderr
    marked = run(folder, "labelaudit mark cat/bad.png --ok --why 'a cat' && git add -A && git commit -q -m ok")
    assert marked.returncode == 0, marked.stderr
    pushed = run(folder, "git push -q origin main")
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr


@pytest.mark.slow
def test_by_hand_it_passes_or_fails_and_on_a_commit_it_does_not_run(tmp_path):
    folder = with_hooks(tmp_path, GOOD)
    bash("git add -A && git commit -q -m hooks", folder)
    good = run(folder, "pre-commit run --hook-stage manual --all-files")
    assert (good.returncode, "Passed" in good.stdout) == (0, True)
    (folder / "photos" / "cat" / "new.png").write_bytes(b"new")
    bad = run(folder, "pre-commit run --hook-stage manual --all-files")
    assert (bad.returncode, "cat/new.png (new)" in bad.stdout) == (1, True)
    commit = run(folder, "pre-commit run --hook-stage pre-commit --all-files")
    assert (commit.returncode, commit.stdout.strip()) == (0, "")
