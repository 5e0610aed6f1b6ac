"""The GitLab include: its script is run as GitLab runs it."""

import json

import pytest

from tests.gate_audit import write_pictures, write_rows
from tests.integrations.shells import BAD, GOOD, bash, read_yaml, repository

JOB = read_yaml("docs/integrations/gitlab/labelaudit.gitlab-ci.yml")["labelaudit"]


def run(folder, **variables):
    assert all(isinstance(line, str) for line in JOB["script"])  # "a: b" would be a mapping to YAML
    defaults = {name: str(value) for name, value in JOB["variables"].items()}
    return bash("\n".join(JOB["script"]), folder, **(defaults | variables))


def test_a_good_dataset_passes_without_a_new_scan(tmp_path):
    folder = repository(tmp_path / "repo", GOOD)
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((folder / ".labelaudit" / "audits").iterdir())) == 1
    assert json.loads((folder / "gl-code-quality-report.json").read_text()) == []


def test_a_bad_one_fails_and_leaves_its_reports(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    done = run(folder)
    assert done.returncode == 1
    names = [issue["check_name"] for issue in json.loads((folder / "gl-code-quality-report.json").read_text())]
    assert names == ["labelaudit/max-new-suspects"] * 2
    reports = [*JOB["artifacts"]["paths"], *JOB["artifacts"]["reports"].values()]
    assert all((folder / report).exists() for report in reports)


def test_a_merge_request_is_held_against_its_base(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    options = {"LABELAUDIT_CHECK_ARGS": "--max-new-suspects none"}
    base = bash("git rev-parse HEAD", folder).stdout.strip()
    assert run(folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=base, **options).returncode == 0
    bash(
        "git rm -q --cached photos/cat/bad.png && git commit -q -m without && git add -A && git commit -q -m bad",
        folder,
    )
    base = bash("git rev-parse HEAD~1", folder).stdout.strip()
    assert run(folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=base, **options).returncode == 1


@pytest.mark.parametrize("index", ["", "https://example.org/cpu"])
def test_torch_is_installed_from_another_index_where_one_is_named(index, tmp_path):
    script = 'python() { echo "$@"; }\n' + "\n".join(JOB["before_script"])
    done = bash(script, tmp_path, LABELAUDIT_PACKAGE="labelaudit", LABELAUDIT_TORCH_INDEX=index)
    first = [f"-m pip install --quiet torch torchvision --index-url {index}"] if index else []
    assert done.stdout.splitlines() == [*first, "-m pip install --quiet labelaudit"]
    assert JOB["variables"]["PIP_CACHE_DIR"].removeprefix("$CI_PROJECT_DIR/") in JOB["cache"]["paths"]


@pytest.mark.slow
@pytest.mark.parametrize("stale", [True, False])
def test_data_that_no_audit_has_seen_is_scanned(stale, tmp_path):
    folder = repository(tmp_path / "repo", GOOD, audited=False)
    if stale:
        write_rows(folder, write_pictures(folder / "photos", GOOD)[1:])
    before = len(list(folder.glob(".labelaudit/audits/*")))
    options = "-o networks=2 -o epochs=1 --device cpu"
    done = run(folder, LABELAUDIT_SCAN_ARGS=options, LABELAUDIT_CHECK_ARGS="--exit-zero")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(folder.glob(".labelaudit/audits/*"))) == before + 1
