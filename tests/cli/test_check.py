"""check, from a shell: every rule's exit code, the settings, and what is printed."""

import json
import os
import signal
import subprocess
import sys

import pytest

from labelaudit.core.dataset import SetAside
from tests.cli.terminal import PLAIN, masked, run_program
from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    Row("cat/2.png", "cat"),
    *[Row(f"cat/{n}.png", "cat") for n in range(3, 8)],
    *[Row(f"dog/{n}.png", "dog") for n in range(8, 15)],
]


@pytest.fixture
def photos(here):
    """Pictures and their audit: one suspect of fourteen samples, 8 % noise."""
    audit = write_rows(here, write_pictures(here / "photos", ROWS))
    assert audit.meta["results"]["noise_rate"] == pytest.approx((0.98 + 13 * 0.01) / 14)
    return here / "photos"


def test_a_failed_rule_ends_with_1_and_names_the_sample(photos, here, labelaudit, golden):
    run = labelaudit("check")
    assert (run.exit_code, run.stderr) == (1, "")
    golden("check-failed", masked(run.stdout, here))


def test_rules_that_pass_end_with_0(photos, here, labelaudit, golden):
    run = labelaudit("check", "--max-noise", "0.1")
    assert (run.exit_code, run.stderr) == (0, "")
    golden("check-passed", masked(run.stdout, here))


def test_exit_zero_changes_the_exit_code_and_nothing_else(photos, labelaudit):
    failed, forgiven = labelaudit("check"), labelaudit("check", "--exit-zero")
    assert (failed.exit_code, forgiven.exit_code) == (1, 0)
    assert failed.stdout == forgiven.stdout


def test_a_warning_does_not_fail_the_gate(photos, labelaudit):
    run = labelaudit("check", "-o", "severity.max-noise=warning")
    assert run.exit_code == 0
    assert "warn  max-noise" in run.stdout
    assert "passed: 1 warning, 4 passed, 5 skipped; 1 suspect, 0 known, 0 accepted\n" in run.stdout


def test_quiet_prints_failed_checks_only(photos, labelaudit):
    assert labelaudit("check", "--quiet", "--max-noise", "none").stdout == ""
    lines = labelaudit("check", "--quiet").stdout.splitlines()
    assert lines[0].startswith("fail  max-noise  about 7.9 % of the labels are wrong")
    assert len(lines) <= 2


RULES = {
    "max-noise": (["--max-noise", "0.05"], 1),
    "max-noise, bound": (["--max-noise", "0.05", "--noise-bound", "upper"], 1),
    "max-class-noise": (["-o", "max_class_noise=0.1"], 1),
    "max-class-noise, allowed": (["-o", "max_class_noise=0.2"], 0),
    "max-class-noise, one class": (["-o", "classes.cat.max_noise=0.1"], 1),
    "max-suspects": (["--max-suspects", "0"], 1),
    "max-suspects, allowed": (["--max-suspects", "1"], 0),
    "max-suspect-share": (["-o", "max_suspect_share=0.05"], 1),
    "max-unreadable, allowed": (["-o", "max_unreadable=0"], 0),
    "min-class-samples": (["-o", "min_class_samples=8", "-o", "severity.min-class-samples=error"], 1),
    "min-class-samples, a warning": (["-o", "min_class_samples=8"], 0),
    "max-imbalance": (["-o", "max_imbalance=1", "-o", "severity.max-imbalance=error"], 0),
    "max-changed-suspects": (["--changed", "photos/cat/1.png"], 1),
    "max-changed-suspects, another file": (["--changed", "photos/cat/2.png"], 0),
    "max-changed-suspects, allowed": (["--changed", "photos/cat/1.png", "--max-changed-suspects", "1"], 0),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_decides_the_exit_code(name, photos, labelaudit):
    options, exit_code = RULES[name]
    off = [] if "--max-noise" in options else ["--max-noise", "none"]
    assert labelaudit("check", *off, *options).exit_code == exit_code


def test_an_unreadable_file_fails(here, labelaudit):
    broken = SetAside("dog/5.jpg", "dog/5.jpg", "dog", "unreadable", "the file is cut off")
    write_rows(here, ROWS, set_aside=[broken])
    run = labelaudit("check", "--max-noise", "none")
    assert run.exit_code == 1
    assert "fail  max-unreadable           1 sample could not be scanned (1 unreadable); 0 allowed" in run.stdout
    assert labelaudit("check", "--max-noise", "none", "-o", "max_unreadable=1").exit_code == 0


def test_a_stale_audit_fails_and_names_the_new_files(photos, labelaudit):
    (photos / "dog" / "new.png").write_bytes(b"a new one")
    run = labelaudit("check", "--max-noise", "none")
    assert run.exit_code == 1
    assert "1 of 15 samples are not judged: 1 new; 0 allowed" in run.stdout
    assert "max-unjudged:\n  dog/new.png (new)\n" in run.stdout
    assert "next: Scan again: the audit says nothing about these." in run.stdout
    assert labelaudit("check", "--max-noise", "none", "--max-unjudged", "1").exit_code == 0


def test_data_that_is_not_there_is_said_and_fails_nothing(here, labelaudit):
    write_rows(here, ROWS)
    run = labelaudit("check", "--max-noise", "none")
    assert run.exit_code == 0
    assert "photos is not there, so the audit was not compared with it" in " ".join(run.stdout.split())


def test_settings_come_from_the_file_and_the_profile(photos, here, labelaudit):
    (here / "labelaudit.toml").write_text("[check]\nmax_noise = 0.1\n[profiles.strict]\nmax_suspects = 0\n")
    assert labelaudit("check").exit_code == 0
    run = labelaudit("check", "--profile", "strict")
    assert run.exit_code == 1
    assert "fail  max-suspects" in run.stdout
    assert labelaudit("check", "--max-noise", "0.01").exit_code == 1
    (here / "other.toml").write_text("[check]\nmax_noise = 0.01\n")
    assert labelaudit("check", "--config", "other.toml").exit_code == 1


def test_paths_in_the_settings_are_relative_to_their_file(photos, here, labelaudit, monkeypatch):
    (here / "labelaudit.toml").write_text('data = "photos"\naudit = "."\n[check]\nmax_noise = "none"\n')
    (here / "src").mkdir()
    monkeypatch.chdir(here / "src")
    run = labelaudit("check")
    assert run.exit_code == 0
    assert "pass  max-unjudged             0 of 14 samples are not judged" in run.stdout


def test_print_config_shows_what_is_in_force_and_needs_no_audit(here, labelaudit):
    (here / "labelaudit.toml").write_text("[check]\nmax_noise = 0.1\n")
    run = labelaudit("check", "--print-config", "--max-suspects", "7")
    assert run.exit_code == 0
    assert f"max_noise = 0.1  # {here / 'labelaudit.toml'}\n" in run.stdout
    assert "max_suspects = 7  # command line\n" in run.stdout
    assert "max_leaks = 0  # default\n" in run.stdout


MISTAKES = {
    "check-unknown-setting": (["-o", "max_nois=3"], 2),
    "check-limit-out-of-range": (["--max-noise", "5"], 2),
    "check-unknown-profile": (["--profile", "nightly"], 2),
    "check-missing-data": (["--data", "photoss"], 2),
    "check-missing-baseline": (["--baseline", "known.tsv"], 2),
    "check-missing-config": (["--config", "gate.toml"], 2),
    "check-config-of-another-kind": (["--config", "gate.yml"], 2),
    "check-no-audit": (["--audit", "elsewhere"], 3),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_ends_with_its_own_code_even_with_exit_zero(name, photos, here, labelaudit, golden):
    options, exit_code = MISTAKES[name]
    run = labelaudit("check", "--exit-zero", *options)
    assert (run.exit_code, run.stdout) == (exit_code, "")
    golden(f"error-{name}", masked(run.stderr, here))


def test_an_unfinished_audit_is_an_error_of_the_data(here, labelaudit):
    write_rows(here, ROWS, finished=False)
    run = labelaudit("check")
    assert run.exit_code == 3
    assert "is not finished: its status is running" in run.stderr


def test_damaged_findings_are_an_error_of_the_data(photos, here, labelaudit):
    (file,) = (here / ".labelaudit").glob("audits/*/findings.parquet")
    file.write_bytes(file.read_bytes()[:100])
    run = labelaudit("check")
    assert run.exit_code == 3
    assert "findings.parquet is damaged: " in run.stderr


def test_the_program_itself_ends_with_the_code_and_prints_to_stdout(photos, here):
    run = run_program("check", cwd=here)
    assert (run.exit_code, run.stderr) == (1, "")
    assert "fail  max-noise" in run.stdout
    assert "\x1b" not in run.stdout


def test_check_imports_neither_torch_nor_pandas_nor_scikit_learn(photos, here):
    code = (
        "import json, sys; sys.argv = ['labelaudit', 'check']\n"
        "from labelaudit.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = [m for m in ('torch', 'pandas', 'sklearn', 'scipy') if m in sys.modules]\n"
        "sys.stderr.write(json.dumps([code, heavy]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | PLAIN, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr) == [1, []]


@pytest.mark.parametrize("name", ["json", "junit", "sarif", "github", "gitlab", "markdown", "metrics"])
@pytest.mark.parametrize(("options", "exit_code"), [([], 1), (["--max-noise", "none"], 0), (["--exit-zero"], 0)])
def test_the_format_never_changes_the_exit_code(name, options, exit_code, photos, labelaudit):
    run = labelaudit("check", "--format", name, *options)
    assert (run.exit_code, run.stderr) == (exit_code, "")
    assert run.stdout.startswith(
        {"junit": "<?xml", "markdown": "## ", "github": ("::", "labelaudit")}.get(name, ("{", "["))
    )


def test_several_formats_go_to_files_at_once_and_text_to_stdout(photos, here, labelaudit):
    plain = labelaudit("check").stdout
    run = labelaudit("check", "--format", "sarif:a.sarif", "--format", "junit:b.xml", "--format", "json:c.json")
    assert (run.exit_code, run.stdout) == (1, plain)
    assert json.loads((here / "a.sarif").read_text())["version"] == "2.1.0"
    assert (here / "b.xml").read_text().startswith("<?xml")
    assert json.loads((here / "c.json").read_text()) == json.loads(labelaudit("check", "--json").stdout)


def test_paths_are_relative_to_the_repository(photos, here, labelaudit, monkeypatch):
    subprocess.run(["git", "init", "-q", "."], cwd=here, check=True)
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    found = json.loads(labelaudit("check", "--json", "--audit", "..").stdout)
    assert found["results"][0]["samples"][0]["file"] == "photos/cat/1.png"


def test_a_wrong_format_ends_with_2_before_anything_is_read(here, labelaudit):
    run = labelaudit("check", "--format", "sarf")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "unknown format 'sarf'" in run.stderr


@pytest.mark.parametrize("options", [[], ["--format", "json"]])
def test_a_reader_that_goes_away_does_not_turn_a_failure_into_a_success(options, photos, here):
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | true', "bash", sys.executable, "-m", "labelaudit", "check", *options],
        cwd=here,
        env=os.environ | PLAIN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe to wait at")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_ends_with_130(by, photos, here):
    os.mkfifo(here / "waits.tsv")
    process = subprocess.Popen(
        [sys.executable, "-m", "labelaudit", "check", "--exit-zero", "--baseline", "waits.tsv"],
        cwd=here,
        env=os.environ | PLAIN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with (here / "waits.tsv").open("w"):  # returns once the check reads the pipe, which then stays open
        process.send_signal(by)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "error: stopped.\n")
