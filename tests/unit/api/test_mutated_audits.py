"""Mutated audits, baselines and decisions: every command ends well or with an error of ours, and writes nowhere."""

import contextlib
import io
import random
import shutil
import signal
from pathlib import Path

import pytest

from labelaudit.api.audits import verify
from labelaudit.api.baseline import baseline
from labelaudit.api.check import check
from labelaudit.api.judge import judge
from labelaudit.api.load import load, show
from labelaudit.api.mark import mark
from labelaudit.cli.console import make_console, print_json
from labelaudit.cli.render import print_summary
from labelaudit.core.errors import LabelAuditError
from labelaudit.gate.formats import FORMATS
from tests.mutations import mutate_file

STORED = Path(__file__).parents[2] / "stored"
NAMES = {"photos": "20261127-162124-panel-3eacbc", "table": "20261127-161628-panel-024797"}
FILES = ["audit.json", "audit.json", "audit.json", "findings.parquet", "verdicts.npz", "near.npz", "unseen.npz"]
FILES += ["decisions.jsonl", "labelaudit-baseline.tsv", "latest", "labelaudit.toml"]
MOST_SECONDS = 20


def lay_out(folder, kind):
    """Write a repository with a stored audit, its data, decisions and a baseline; return the audit's folder."""
    audit = folder / ".labelaudit" / "audits" / NAMES[kind]
    shutil.copytree(STORED / kind / "audit", audit)
    for path in (STORED / kind).iterdir():
        if path.name != "audit":
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    (folder / ".labelaudit" / "latest").write_text(audit.name + "\n")
    return audit


def shown():
    summary = show()
    print_json(summary)
    print_summary(make_console(), summary)


def checked():
    report = check()
    for render in FORMATS.values():
        render(report)


def marked(sample):
    return lambda: mark([sample], verdict="wrong", why="x")


def ends_well(command):
    """Whether a command ends, by itself or with an error of ours; whatever else it raises is raised."""

    def stop(signum, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(LabelAuditError):
            command()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return True


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_mutated(tmp_path, monkeypatch, seed):
    """Lay out a repository, change one or two of its files, and run every command on it."""
    draw = random.Random(seed)
    kind = draw.choice(["photos", "table"])
    repository, beside = tmp_path / f"repository{seed}", tmp_path / "beside"
    for folder in (repository, beside):
        folder.mkdir(exist_ok=True)
    (beside / "own").write_text("untouched")
    audit = lay_out(repository, kind)
    monkeypatch.chdir(repository)
    sample = {"photos": "red/00.png", "table": "t0"}[kind]
    marked(sample)()
    baseline()
    (repository / "labelaudit.toml").write_text('audit = "."\n[check]\nmax_noise = 0.5\n[profiles.x]\nmax_noise = 1\n')
    changed = []
    for name in dict.fromkeys(draw.sample(FILES, draw.choice([1, 1, 2]))):
        top = repository / ".labelaudit" if name == "latest" else repository
        place = audit if name not in ("labelaudit-baseline.tsv", "latest", "labelaudit.toml") else top
        if (place / name).exists() or draw.random() < 0.5:
            if name == "unseen.npz":
                shutil.copy(audit / "near.npz", audit / name)
            changed.append(mutate_file(place / name, draw))
    before = tree(beside)
    for name, command in (
        ("check", checked),
        ("show", shown),
        ("mark", marked(sample)),
        ("baseline", baseline),
        ("verify", verify),
        ("load", lambda: load().findings),
        ("judge", judge),
    ):
        assert ends_well(command), (seed, changed, name)
    assert tree(beside) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", f"repository{seed}"]
    shutil.rmtree(repository)


@pytest.mark.parametrize("seed", range(30))
def test_a_mutated_audit_ends_no_command_in_a_traceback(tmp_path, monkeypatch, seed):
    run_mutated(tmp_path, monkeypatch, seed)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("hundred", range(4))
def test_no_mutated_audit_of_four_hundred_ends_a_command_in_a_traceback(tmp_path, monkeypatch, hundred):
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        run_mutated(tmp_path, monkeypatch, seed)
