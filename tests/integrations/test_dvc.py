"""The DVC stages: their commands are run by a shell, and write what the stages say."""

import json

import pytest

from tests.integrations.shells import BAD, GOOD, bash, read_yaml, repository

STAGES = read_yaml("docs/integrations/dvc/dvc.yaml")["stages"]


def written_by(stage):
    """Return the files that a stage says it writes."""
    found = [*STAGES[stage].get("outs", []), *STAGES[stage].get("metrics", [])]
    return [next(iter(each)) if isinstance(each, dict) else each for each in found]


def test_the_check_writes_metrics_and_a_report_and_never_stops_the_pipeline(tmp_path):
    folder = repository(tmp_path / "repo", BAD)
    assert all((folder / name).exists() for name in STAGES["label-check"]["deps"])
    done = bash(STAGES["label-check"]["cmd"], folder)
    assert done.returncode == 0, done.stderr
    assert all((folder / name).is_file() for name in written_by("label-check"))
    metrics = json.loads((folder / "label-metrics.json").read_text())
    assert (metrics["failed"], metrics["suspects"], metrics["measured"]["max-new-suspects"]) == (1, 1, 1)


@pytest.mark.slow
def test_the_audit_stage_writes_its_outputs(tmp_path):
    folder = repository(tmp_path / "repo", GOOD, audited=False)
    done = bash(STAGES["label-audit"]["cmd"] + " -o networks=2 -o epochs=1 --device cpu", folder)
    assert done.returncode == 0, done.stderr
    assert all((folder / name).exists() for name in written_by("label-audit"))
