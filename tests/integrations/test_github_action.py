"""action.yml: its shell parts are run as GitHub runs them."""

import json
import re

import pytest

from tests.integrations.shells import BAD, GOOD, ROOT, bash, read_yaml, repository

STEPS = {step["id"]: step for step in read_yaml("action.yml")["runs"]["steps"] if "id" in step}


def run(step, folder, **inputs):
    """Run a step with its inputs; return the process, its outputs and the job's summary."""
    output, summary = folder / "output.txt", folder / "summary.md"
    output.write_text("")
    places = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    names = dict.fromkeys(STEPS[step]["env"], "")
    done = bash(STEPS[step]["run"], folder, **(names | places | inputs))
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return done, outputs, summary.read_text() if summary.exists() else ""


def test_inputs_reach_the_shell_as_variables_only():
    for step in read_yaml("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert ("run" in step) == ("shell" in step)


def test_every_input_that_is_used_is_declared_and_the_other_way_round():
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(read_yaml("action.yml")["inputs"])
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) <= set(STEPS)


def test_a_good_dataset_passes(tmp_path):
    folder = repository(tmp_path / "repo", GOOD)
    done, outputs, summary = run("check", folder, DATA="photos")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs == {"sarif": "labelaudit-report/check.sarif", "passed": "true"}
    assert summary.startswith("## labelaudit: passed\n")


def test_a_bad_one_fails_with_annotations_a_summary_and_all_reports(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    (folder / "summary.md").write_text("before\n")
    done, outputs, summary = run("check", folder, DATA="photos")
    assert done.returncode == 1
    assert outputs == {"sarif": "labelaudit-report/check.sarif", "passed": "false"}
    assert (
        "::error file=photos/cat/bad.png,line=1,title=labelaudit max-new-suspects::cat/bad.png: given cat"
        in done.stdout
    )
    assert summary.startswith("before\n## labelaudit: failed\n")
    reports = {path.name for path in (folder / "labelaudit-report").iterdir()}
    assert reports == {"check.json", "check.sarif", "check.xml", "check.md", "suspect.csv"}
    assert json.loads((folder / "labelaudit-report" / "check.json").read_text())["passed"] is False


def test_options_are_split_and_a_wrong_one_fails_without_a_summary(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    done, _, _ = run("check", folder, DATA="photos", CHECK_ARGS="--max-new-suspects 1 -o max_leaks=none")
    assert done.returncode == 0
    (folder / "summary.md").unlink()
    done, outputs, summary = run("check", folder, DATA="photos", CHECK_ARGS="--max-nois 1")
    assert (done.returncode, outputs, summary) == (2, {"passed": "false"}, "")


def test_since_is_handed_on(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    options = "--max-new-suspects none"
    assert run("check", folder, DATA="photos", SINCE="HEAD", CHECK_ARGS=options)[0].returncode == 0
    bash("git rm -q --cached photos/cat/bad.png && git commit -q -m without && git add -A", folder)
    assert run("check", folder, DATA="photos", SINCE="HEAD", CHECK_ARGS=options)[0].returncode == 1


def test_what_comes_from_outside_is_never_run(tmp_path):
    folder = repository(tmp_path / "repo", GOOD)
    nasty = "photos; touch owned; $(touch owned) `touch owned`"
    for step in ("key", "check"):
        run(step, folder, DATA=nasty, SINCE=nasty, SCAN_ARGS=nasty, CHECK_ARGS="; touch owned")
    assert not (folder / "owned").exists()


def test_the_cache_follows_the_data_its_names_and_the_options(tmp_path):
    folder = repository(tmp_path / "repo", GOOD)

    def key(**inputs):
        done, outputs, _ = run("key", folder, DATA="photos", **inputs)
        assert done.returncode == 0, done.stderr
        return outputs["key"]

    first = key()
    assert re.fullmatch("labelaudit-[0-9a-f]{40}", first)
    assert key() == first
    assert key(SCAN_ARGS="--budget 5m") != first
    bash("git mv photos/cat/1.png photos/dog/x.png", folder)
    moved = key()
    assert moved != first
    bash("git rm -r -q --cached photos", folder)  # data that git does not have: names and sizes
    elsewhere = key()
    assert elsewhere not in (first, moved)
    (folder / "photos" / "cat" / "2.png").write_bytes(b"longer than it was" * 100)
    assert key() != elsewhere


@pytest.mark.slow
def test_the_scan_step_writes_an_audit_that_the_check_step_reads(tmp_path):
    folder = repository(tmp_path / "repo", GOOD, audited=False)
    options = "-o networks=2 -o epochs=1 --device cpu"
    done, _, _ = run("scan", folder, DATA="photos", SCAN_ARGS=options)
    assert done.returncode == 0, done.stderr
    done, outputs, _ = run("check", folder, DATA="photos", CHECK_ARGS="--exit-zero")
    assert outputs["passed"] == "true"
    assert "is not there" not in done.stdout


@pytest.mark.parametrize(
    ("package", "index", "said"),
    [
        ("none", "", ""),
        ("none", "https://example.org/cpu", ""),
        ("", "", "-m pip install --quiet /the action\n"),
        ("labelaudit==1.2", "", "-m pip install --quiet labelaudit==1.2\n"),
        (
            "labelaudit==1.2",
            "https://example.org/cpu",
            "-m pip install --quiet torch torchvision --index-url https://example.org/cpu\n"
            "-m pip install --quiet labelaudit==1.2\n",
        ),
    ],
)
def test_the_install_step_takes_the_action_itself_a_package_or_nothing(package, index, said, tmp_path):
    script = 'python() { echo "$@"; }\n' + STEPS["install"]["run"]
    done = bash(script, tmp_path, PACKAGE=package, ACTION_PATH="/the action", TORCH_INDEX=index)
    assert (done.returncode, done.stdout) == (0, said)


def test_the_cache_of_wheels_follows_what_is_installed(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n")

    def key(**inputs):
        done, outputs, _ = run("wheels", tmp_path, ACTION_PATH=str(tmp_path), **inputs)
        assert done.returncode == 0, done.stderr
        assert outputs["folder"].startswith("/")
        return outputs["key"]

    first = key()
    assert re.fullmatch("labelaudit-wheels-[0-9a-f]{40}", first)
    assert key() == first
    assert len({first, key(PACKAGE="labelaudit==1.2"), key(TORCH_INDEX="https://example.org/cpu")}) == 3
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert key() != first
