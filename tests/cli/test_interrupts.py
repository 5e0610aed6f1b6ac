"""Ctrl-C and its polite relatives: the audit says where it stopped, and --resume ends where it would have ended."""

import json
import signal
import time

import pytest

from tests.cli.terminal import interrupt_program, run_program, write_flowers

pytestmark = pytest.mark.slow
SCAN = ["scan", "flowers.csv", "--label-column", "species", "--device", "cpu"]
LONG = ["-o", "networks=2", "-o", "epochs=200", "--seed", "3"]


@pytest.fixture(scope="module")
def whole_findings(tmp_path_factory):
    """The bytes of the findings of a scan that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    write_flowers(folder)
    assert run_program(*SCAN, *LONG, cwd=folder).exit_code == 0
    (audit,) = (folder / ".labelaudit" / "audits").iterdir()
    return (audit / "findings.parquet").read_bytes()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_scan_goes_on_and_finds_the_same(by, here, labelaudit, whole_findings):
    write_flowers(here)
    stopped = interrupt_program(*SCAN, *LONG, "--verbose", cwd=here, after="Network 2 of 2: epoch 5/200", by=by)
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr.endswith("error: stopped.\n  try: labelaudit scan flowers.csv --resume goes on.\n")
    (audit,) = (here / ".labelaudit" / "audits").iterdir()
    meta = json.loads((audit / "audit.json").read_text())
    assert meta["status"] == "interrupted"
    assert meta["error"].startswith("stopped by the user: network2, after epoch ")

    show = labelaudit("show")
    assert show.exit_code == 3
    assert "its status is interrupted" in show.stderr
    assert "Go on with `labelaudit scan flowers.csv --resume`." in show.stderr

    assert run_program("scan", "flowers.csv", "--resume", cwd=here).exit_code == 0
    assert list((here / ".labelaudit" / "audits").iterdir()) == [audit]
    assert (audit / "findings.parquet").read_bytes() == whole_findings


def test_a_scan_that_is_interrupted_before_its_audit_exists_has_nothing_to_go_on_with(here):
    write_flowers(here)
    started = time.monotonic()
    stopped = interrupt_program(*SCAN, cwd=here, after=lambda: time.monotonic() > started + 0.6, by=signal.SIGINT)
    assert (stopped.exit_code, stopped.stdout, stopped.stderr) == (130, "", "error: stopped.\n")
    assert not (here / ".labelaudit").exists()


def test_a_scan_that_was_killed_without_a_word_goes_on_and_finds_the_same(here, whole_findings):
    write_flowers(here)
    killed = interrupt_program(
        *SCAN, *LONG, "--verbose", cwd=here, after="Network 2 of 2: epoch 5/200", by=signal.SIGKILL
    )
    assert killed.exit_code == -signal.SIGKILL
    (audit,) = (here / ".labelaudit" / "audits").iterdir()
    assert json.loads((audit / "audit.json").read_text())["status"] == "running"

    resumed = run_program("scan", "flowers.csv", "--resume", cwd=here)
    assert resumed.exit_code == 0
    assert "Network 1" not in resumed.stderr  # its result was on disk
    assert (audit / "findings.parquet").read_bytes() == whole_findings
