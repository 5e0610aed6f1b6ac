"""`labelaudit verify` on the terminal."""

import json

from tests.cli.terminal import write_audit


def test_a_whole_audit_ends_with_0_and_a_changed_one_with_3(here, labelaudit):
    audit = write_audit(here)
    run = labelaudit("verify")
    assert (run.exit_code, run.stdout) == (0, f"{audit.path} is whole: 1 file as when it was finished.\n")
    (audit.path / "findings.parquet").write_bytes(b"x")
    run = labelaudit("verify", str(here), "--json")
    assert run.exit_code == 3
    assert json.loads(run.stdout)["whole"] is False
    run = labelaudit("verify")
    assert run.exit_code == 3
    assert "findings.parquet has 1 bytes" in run.stdout
