"""Scans under torchrun: the findings of one process, and an end that says why when a rank dies."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import spearmanr

import labelaudit
from tests.distributed.launch import TIMEOUT_S, free_port, output, start_ranks, start_torchrun, wait_for
from tests.methods.jobs import blobs

pytestmark = pytest.mark.slow
TABLE = [
    "scan",
    "t.csv",
    "--device",
    "cpu",
    "-o",
    "networks=2",
    "-o",
    "epochs=8",
    "-o",
    "train.batch_size=32",
]
IMAGES = ["scan", "photos", "--device", "cpu", "-o", "epochs=4"]
SCRIPT = str(Path(__file__).with_name("fast_checkpoints.py"))


def write_table(folder: Path, n: int) -> None:
    values, given, _ = blobs(n, 4, rate=0.15, spread=1.5)
    table = pd.DataFrame(values, columns=[f"x{i}" for i in range(8)])
    table["label"] = [f"c{label}" for label in given]
    table.to_csv(folder / "t.csv", index=False)


def write_photos(folder: Path, n: int) -> None:
    """Write noisy images whose class is their colour, every eighth with another class's label."""
    rng = np.random.default_rng(0)
    for i in range(n):
        true, given = i % 3, (i + 1) % 3 if i % 8 == 0 else i % 3
        pixels = rng.normal(110, 60, (16, 16, 3)) + 25 * np.eye(3)[true]
        path = folder / "photos" / f"c{given}" / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def findings(folder: Path) -> pd.DataFrame:
    return labelaudit.load(folder).findings


def agreement(one: pd.DataFrame, two: pd.DataFrame) -> tuple[float, float]:
    """Return the rank correlation of the losses, and the share of samples that are flagged alike."""
    assert one["sample_id"].tolist() == two["sample_id"].tolist()
    alike = (one["action"] == "keep") == (two["action"] == "keep")
    return float(spearmanr(one["loss"], two["loss"]).statistic), float(alike.mean())


def scan_alone(words: list[str], cwd: Path) -> None:
    process = start_ranks(1, "-m", "labelaudit", *words, cwd=cwd)[0]
    assert process.wait(timeout=TIMEOUT_S) == 0, output(cwd, "rank0")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A folder with the scan of a table by one process in one/, and by torchrun with two in two/."""
    folder = tmp_path_factory.mktemp("table")
    write_table(folder, 301)  # does not divide by two
    scan_alone([*TABLE, "--root", "one"], folder)
    process = start_torchrun("--nproc-per-node", "2", "-m", "labelaudit", *TABLE, "--root", "two", cwd=folder)
    assert process.wait(timeout=TIMEOUT_S) == 0, output(folder, "torchrun")
    return folder


def test_two_ranks_find_in_a_table_what_one_finds(table):
    correlation, alike = agreement(findings(table / "one"), findings(table / "two"))
    assert correlation > 0.98
    assert alike > 0.97


def test_three_ranks_with_parts_of_different_sizes_find_what_one_finds(table):
    words = ["--nproc-per-node", "3", "-m", "labelaudit", *TABLE, "--root", "three"]
    process = start_torchrun(*words, cwd=table, name="three")
    assert process.wait(timeout=TIMEOUT_S) == 0, output(table, "three")
    correlation, alike = agreement(findings(table / "one"), findings(table / "three"))
    assert correlation > 0.98
    assert alike > 0.97


def test_the_summary_and_the_progress_are_printed_once(table):
    assert output(table, "torchrun", "stdout").count("Verdicts  ") == 1
    assert output(table, "torchrun").count("Network 1 of 2 ...") == 1


def test_one_audit_is_written_and_says_who_worked_on_it(table):
    (audit,) = (table / "two" / ".labelaudit" / "audits").iterdir()
    meta = json.loads((audit / "audit.json").read_text())
    assert meta["ranks"]["size"] == 2
    assert sorted(path.name for path in audit.iterdir()) == [
        "MODEL.md",
        "audit.json",
        "checkpoints",
        "events.jsonl",
        "evidence.npz",
        "findings.parquet",
        "lock",
        "model.safetensors",
        "near.npz",
        "neighbours.npz",
    ]
    (alone,) = (table / "one" / ".labelaudit" / "audits").iterdir()
    assert meta["fingerprint"] == json.loads((alone / "audit.json").read_text())["fingerprint"]


def test_two_ranks_find_in_images_what_one_finds_and_decode_once(tmp_path):
    write_photos(tmp_path, 181)
    scan_alone([*IMAGES, "--root", "one"], tmp_path)
    process = start_torchrun("--nproc-per-node", "2", "-m", "labelaudit", *IMAGES, "--root", "two", cwd=tmp_path)
    assert process.wait(timeout=TIMEOUT_S) == 0, output(tmp_path, "torchrun")
    correlation, alike = agreement(findings(tmp_path / "one"), findings(tmp_path / "two"))
    assert correlation > 0.94  # what the second network is taught besides follows the first one's confusions
    assert alike > 0.97
    (pixels,) = (tmp_path / "two" / ".labelaudit" / "cache" / "pixels").glob("*/pixels.u8")
    size = int(pixels.parent.name)
    assert pixels.stat().st_size == 181 * size * size * 3


def test_two_agents_that_meet_on_a_port_find_the_same_bits_as_one_with_two_ranks(table):
    meet = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "nodes"]
    meet += ["--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--nproc-per-node", "1"]
    nodes = [
        start_torchrun(*meet, "-m", "labelaudit", *TABLE, "--root", "nodes", cwd=table, name=f"node{i}")
        for i in range(2)
    ]
    codes = [node.wait(timeout=TIMEOUT_S) for node in nodes]
    assert codes == [0, 0], output(table, "node0") + output(table, "node1")
    (two,) = (table / "two").rglob("findings.parquet")
    (met,) = (table / "nodes").rglob("findings.parquet")
    assert met.read_bytes() == two.read_bytes()


def test_torchrun_starts_killed_ranks_anew_and_the_scan_goes_on_to_the_same_bits(table):
    words = ["--nproc-per-node", "2", "--max-restarts", "1", SCRIPT, *TABLE, "--verbose", "--root", "anew"]
    process = start_torchrun(*words, cwd=table, name="anew")
    wait_for("epoch 3/8", process, table, "anew")
    os.kill(int((table / "pid.1").read_text()), signal.SIGKILL)
    assert process.wait(timeout=TIMEOUT_S) == 0, output(table, "anew")
    said = output(table, "anew")
    assert said.count("Network 1 of 2: epoch 1/8") == 1  # not begun again
    assert "the recipe of the scan that is resumed" in said
    (anew,) = (table / "anew").rglob("findings.parquet")
    (two,) = (table / "two").rglob("findings.parquet")
    assert anew.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_is_killed_ends_the_other_with_a_message(killed, tmp_path):
    write_table(tmp_path, 200)
    words = ["scan", "t.csv", "--device", "cpu", "-o", "epochs=5000", "--verbose"]
    ranks = start_ranks(2, "-m", "labelaudit", *words, cwd=tmp_path)
    try:
        wait_for("epoch 3/5000", ranks[0], tmp_path, "rank0")
        ranks[killed].kill()
        left = 1 - killed
        assert ranks[left].wait(timeout=60) == 3
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    assert f"error: rank {left} of 2: another rank ended without a word (killed?)" in output(tmp_path, f"rank{left}")
    assert "--resume goes on from the last checkpoint" in output(tmp_path, f"rank{left}")
    assert "Traceback" not in output(tmp_path, f"rank{left}")
    (audit,) = (tmp_path / ".labelaudit" / "audits").iterdir()
    assert json.loads((audit / "audit.json").read_text())["status"] == ("running" if killed == 0 else "interrupted")


def test_ieg_train_and_finish_run_by_two_ranks_and_write_one_model_each(tmp_path):
    write_table(tmp_path, 301)
    table = pd.read_csv(tmp_path / "t.csv")
    _, _, true = blobs(301, 4, rate=0.15, spread=1.5)
    trusted = pd.DataFrame({"id": np.arange(301), "label": table["label"]})[table["label"] == [f"c{i}" for i in true]]
    trusted.groupby("label").head(4)[["id"]].to_csv(tmp_path / "trusted.csv", index=False)
    scan = ["scan", "t.csv", "--device", "cpu", "--method", "ieg", "--trusted", "trusted.csv", "-o", "epochs=6"]
    scan += ["-o", "train.batch_size=32", "--finish", "elr+", "-o", "finish.epochs=3"]
    scan_alone([*scan, "--root", "one"], tmp_path)
    both = ["--nproc-per-node", "2", "-m", "labelaudit"]
    process = start_torchrun(*both, *scan, "--root", "two", cwd=tmp_path)
    assert process.wait(timeout=TIMEOUT_S) == 0, output(tmp_path, "torchrun")
    correlation, alike = agreement(findings(tmp_path / "one"), findings(tmp_path / "two"))
    assert correlation > 0.9  # other noise on the strong views, and other trusted samples beside each part
    assert alike > 0.95
    (audit,) = (tmp_path / "two" / ".labelaudit" / "audits").iterdir()
    assert json.loads((audit / "audit.json").read_text())["results"]["finish"]["method"] == "elr+"
    assert (audit / "finish" / "model.safetensors").exists()

    train = [
        "train",
        "t.csv",
        "--root",
        "two",
        "--labels",
        "split",
        "--test",
        "t.csv",
        "--device",
        "cpu",
        "-o",
        "epochs=6",
    ]
    process = start_torchrun(*both, *train, "--out", "model", cwd=tmp_path, name="train")
    assert process.wait(timeout=TIMEOUT_S) == 0, output(tmp_path, "train")
    meta = json.loads((tmp_path / "model" / "train.json").read_text())
    assert meta["status"] == "finished"
    assert meta["results"]["test"]["accuracy"]["last"] > 0.8
    assert output(tmp_path, "train", "stdout").count("model.safetensors") <= 1


def test_a_mistake_is_told_once(tmp_path):
    write_table(tmp_path, 200)
    words = ["scan", "t.csv", "-o", "epoch=3", "--device", "cpu"]
    process = start_torchrun("--nproc-per-node", "2", "-m", "labelaudit", *words, cwd=tmp_path)
    assert process.wait(timeout=TIMEOUT_S) == 1  # torchrun's own, whatever the ranks' is
    assert output(tmp_path, "torchrun").count("error: ") == 1
    assert "error: unknown setting 'method.epoch'" in output(tmp_path, "torchrun")


def test_ctrl_c_stops_all_ranks_and_the_next_scan_can_go_on(tmp_path):
    write_table(tmp_path, 200)
    words = ["scan", "t.csv", "--device", "cpu", "-o", "epochs=5000", "--verbose"]
    ranks = start_ranks(2, "-m", "labelaudit", *words, cwd=tmp_path)
    wait_for("epoch 3/5000", ranks[0], tmp_path, "rank0")
    for rank in ranks:
        rank.send_signal(signal.SIGTERM)
    assert ranks[0].wait(timeout=60) == 130
    assert ranks[1].wait(timeout=60) in (3, 130)
    assert "error: stopped." in output(tmp_path, "rank0")
    assert output(tmp_path, "rank1").count("error") == 0
