"""A scan as Python sees it, on small made-up images and tables."""

import json

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from filelock import FileLock
from PIL import Image

import labelaudit
from labelaudit.core.audits import list_audits
from labelaudit.core.errors import ConfigError, DataError, StopAsked, TrainingError
from labelaudit.core.events import Said
from labelaudit.core.recipe import TrainSettings
from labelaudit.scanning.load import channel_statistics
from labelaudit.training.models import build_image_network

QUICK = {"networks": "2", "epochs": "3"}


def write_image(path, level, rng, size=12):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 60, (size, size, 3)) + np.array([level, 255 - level - 60, 90])
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Return 3 classes of 20 images whose colour is their class; the last image of each has a wrong label."""
    rng = np.random.default_rng(0)
    for number, label in enumerate(("ant", "bee", "cow")):
        for i in range(19):
            write_image(tmp_path / "data" / label / f"{i:02d}.png", 20 + 80 * number, rng)
        write_image(tmp_path / "data" / label / "19.png", 20 + 80 * ((number + 1) % 3), rng)
    return tmp_path / "data"


def scan(source, root, **settings):
    return labelaudit.scan(source, root=root, device="cpu", overrides=QUICK, **settings)


def test_wrong_labels_come_first_with_the_right_suggestion(folder, tmp_path):
    audit = labelaudit.scan(folder, root=tmp_path, overrides={"epochs": "12", "train.batch_size": "16"})
    first = audit.suspects.head(3)
    assert set(first["sample_id"]) == {"ant/19.png", "bee/19.png", "cow/19.png"}
    suggested = dict(zip(first["given_label"], first["suggested_label"], strict=True))
    assert suggested == {"ant": "bee", "bee": "cow", "cow": "ant"}


def test_the_same_seed_gives_the_same_file_byte_for_byte(folder, tmp_path):
    first, second, other = (scan(folder, tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first.findings_path.read_bytes() == second.findings_path.read_bytes()
    assert first.findings_path.read_bytes() != other.findings_path.read_bytes()


def test_findings_are_in_dataset_order_and_nothing_is_lost(folder, tmp_path):
    (folder / "bee" / "05.png").write_bytes(b"")
    (folder / "cow" / "zz.jpg").write_bytes(b"<html>not an image</html>")
    audit = scan(folder, tmp_path)
    found = audit.findings
    scanned = found[found["issue"] != "unreadable"]
    assert len(found) == 61
    assert scanned["sample_id"].tolist() == sorted(scanned["sample_id"])
    broken = found[found["issue"] == "unreadable"].set_index("sample_id")
    assert set(broken.index) == {"bee/05.png", "cow/zz.jpg"}
    assert broken["clean_prob"].isna().all()
    assert broken["action"].tolist() == ["drop", "drop"]
    assert any("2 images cannot be read" in text for text in audit.summary["warnings"])


def test_twins_under_two_labels_are_reviewed_and_name_each_other(folder, tmp_path):
    twin = folder / "bee" / "twin.png"
    twin.write_bytes((folder / "ant" / "00.png").read_bytes())
    found = scan(folder, tmp_path).findings.set_index("sample_id")
    pair = found.loc[["ant/00.png", "bee/twin.png"]]
    assert pair["issue"].tolist() == ["duplicate-conflict"] * 2
    assert (pair["action"] != "keep").all()
    assert pair["detail"].tolist() == ["same content as bee/twin.png (bee)", "same content as ant/00.png (ant)"]


def test_a_wrong_suffix_is_scanned_and_noted(folder, tmp_path):
    (folder / "ant" / "00.png").rename(folder / "ant" / "00.jpg")
    found = scan(folder, tmp_path).findings.set_index("sample_id")
    assert "PNG" in found.loc["ant/00.jpg", "detail"]
    assert not np.isnan(found.loc["ant/00.jpg", "clean_prob"])


def test_a_folder_of_broken_images_says_which(tmp_path):
    for label in ("a", "b"):
        for i in range(6):
            path = tmp_path / "data" / label / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"none of the 12 images can be read"):
        scan(tmp_path / "data", tmp_path)


def test_trusted_labels_are_never_suspects(tmp_path):
    rng = np.random.default_rng(0)
    true = np.arange(120) % 2
    table = pd.DataFrame(rng.normal(size=(120, 3)) + true[:, None] * 4, columns=["a", "b", "c"])
    given = true.copy()
    given[:15] = 1 - given[:15]
    table["label"], table["trusted"] = np.array(["no", "yes"])[given], np.arange(120) < 5
    table.to_csv(tmp_path / "t.csv", index=False)
    found = labelaudit.scan(tmp_path / "t.csv", root=tmp_path).findings
    assert found["trusted"].sum() == 5
    assert (found.loc[found["trusted"], "action"] == "keep").all()
    assert (found["action"][5:15] != "keep").sum() >= 8  # the same mistakes, without trust


def test_probabilities_are_judged_without_training(tmp_path):
    rng = np.random.default_rng(0)
    true = np.arange(300) % 3
    given = true.copy()
    given[::10] = (given[::10] + 1) % 3
    probs = np.full((300, 3), 0.05) + rng.uniform(0, 0.03, (300, 3))
    probs[np.arange(300), true] += 0.8
    probs /= probs.sum(axis=1, keepdims=True)
    pd.DataFrame({"id": range(300), "label": [f"c{label}" for label in given]}).to_csv(tmp_path / "t.csv", index=False)
    np.save(tmp_path / "p.npy", probs)
    audit = labelaudit.scan(tmp_path / "t.csv", probs=str(tmp_path / "p.npy"), root=tmp_path)
    planted = {str(i) for i in range(0, 300, 10)}
    assert set(audit.findings.nsmallest(30, "rank")["sample_id"]) == planted
    assert set(audit.suspects["sample_id"]) <= planted
    assert len(audit.suspects) >= 24
    assert set(audit.meta["results"]["seconds"]) == set()  # no stage was trained


def test_weights_that_cannot_be_fetched_are_said_and_done_without(folder, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("network is unreachable\nand more")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    said = []
    audit = labelaudit.scan(
        folder,
        root=tmp_path,
        backbone="mobilenet_v3_small",
        weights="default",
        image_size=32,
        overrides={"networks": "1", "epochs": "1"},
        on_event=lambda event: said.append(event.text) if isinstance(event, Said) else None,
    )
    (text,) = [text for text in said if "weights" in text]
    assert text == (
        "the default weights of mobilenet_v3_small cannot be fetched (network is unreachable): from scratch"
    )
    assert audit.status == "finished"


def test_a_wrong_option_fails_before_an_audit_is_begun(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"unknown setting 'method.epoch'.\nDid you mean 'epochs'"):
        labelaudit.scan(folder, root=tmp_path, overrides={"epoch": "1"})
    with pytest.raises(ConfigError, match=r"unknown setting 'labels'"):
        labelaudit.scan(folder, root=tmp_path, labels="x")  # type: ignore[call-arg]
    assert not (tmp_path / ".labelaudit").exists()


def test_resume_refuses_data_that_changed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)

    def stop(event):
        if type(event).__name__ == "EpochFinished":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(folder, tmp_path, on_event=stop)
    (folder / "ant" / "00.png").unlink()
    with pytest.raises(DataError, match=r"the data changed since the scan began: fingerprint \w{16} then, \w{16} now"):
        scan(folder, tmp_path, resume=True)


def test_resume_without_an_unfinished_scan_says_so(folder, tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"there is no stopped scan of .*data in .*it is still running, it has finished, or there was none",
    ):
        scan(folder, tmp_path, resume=True)


def test_the_audit_keeps_what_was_said_and_the_resolved_recipe(folder, tmp_path):
    audit = scan(folder, tmp_path, seed=5)
    meta = audit.meta
    assert meta["recipe"]["seed"] == 5
    assert meta["recipe"]["data"]["image_size"] == 12
    assert meta["status"] == "finished"
    assert len(meta["fingerprint"]) == 16
    events = [json.loads(line) for line in (audit.path / "events.jsonl").read_text().splitlines()]
    stages = ["decode", "encode", "probe", "network1", "network2"]
    assert [e["stage"] for e in events if e["event"] == "StageFinished"] == stages
    assert not list(audit.checkpoints_path.iterdir())  # a finished audit keeps no checkpoints


def test_channel_statistics_match_numpy_and_fixed_values_are_fixed():
    pixels = np.random.default_rng(0).integers(0, 256, (700, 4, 4, 3)).astype(np.uint8)
    means, deviations = channel_statistics(pixels, np.arange(700), TrainSettings())
    flat = pixels.reshape(-1, 3) / 255.0
    assert means == pytest.approx(flat.mean(axis=0), abs=1e-6)
    assert deviations == pytest.approx(flat.std(axis=0), abs=1e-6)
    assert channel_statistics(pixels, np.arange(700), TrainSettings(normalise="cifar10"))[1] == (0.2023, 0.1994, 0.2010)
    assert channel_statistics(pixels * 0, np.arange(700), TrainSettings())[1] == pytest.approx((0.01,) * 3)


def test_a_scan_in_pieces_finds_the_same_as_in_one(folder, tmp_path):
    whole = scan(folder, tmp_path / "whole")
    stops = 0
    while True:
        try:
            pieces = scan(folder, tmp_path / "pieces", stop_after="0.001s", resume=stops > 0)
        except StopAsked:
            stops += 1
        else:
            break
    assert stops == 6  # one epoch each
    assert set(pieces.meta["results"]["seconds"]) == {"decode", "encode", "probe", "network1", "network2"}
    assert pieces.findings_path.read_bytes() == whole.findings_path.read_bytes()


def test_a_scan_that_was_stopped_says_where_and_the_next_one_offers_to_go_on(folder, tmp_path):
    with pytest.raises(StopAsked):
        scan(folder, tmp_path, stop_after="0.001s")
    (stopped,) = list_audits(tmp_path)
    assert stopped.status == "interrupted"
    assert stopped.meta["error"] == "stopped as asked for with --stop-after: network1, after epoch 1 of 3"
    said = []
    scan(folder, tmp_path, on_event=lambda event: said.append(event.text) if isinstance(event, Said) else None)
    assert said[0] == f"an earlier scan of {folder} was stopped; --resume goes on with it"


def test_a_budget_chooses_the_recipe_and_says_so_but_named_settings_win(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.scanning.rates._TRIAL_SECONDS", 0.01)
    audit = labelaudit.scan(folder, root=tmp_path, budget="3s", overrides={"networks": "1"})
    meta = audit.meta
    assert meta["why"].startswith("budget 3s: ")
    assert "samples/s" in meta["why"]
    assert meta["recipe"]["options"]["networks"] == 1


def test_a_wrong_time_is_found_before_the_data_is_read(tmp_path):
    with pytest.raises(ConfigError, match=r"'soon' is not a time"):
        labelaudit.scan(tmp_path / "nowhere", root=tmp_path, budget="soon")
    with pytest.raises(ConfigError, match=r"'later' is not a time"):
        labelaudit.scan(tmp_path / "nowhere", root=tmp_path, stop_after="later")


def save_weights(path):
    trained = build_image_network("small", 3, 32, seed=1, stream="elsewhere").state_dict()
    safetensors.torch.save_file({name: value.contiguous() for name, value in trained.items()}, path)


def test_a_frozen_backbone_trains_heads_on_its_features(folder, tmp_path):
    save_weights(tmp_path / "w.safetensors")
    said = []
    audit = labelaudit.scan(
        folder,
        root=tmp_path,
        backbone="small",
        weights=str(tmp_path / "w.safetensors"),
        image_size=32,
        overrides={"epochs": "12"},
        on_event=lambda event: said.append(event.text) if isinstance(event, Said) else None,
    )
    meta = audit.meta
    assert (meta["recipe"]["model"]["frozen"], meta["recipe"]["train"]["optimizer"]) == ("yes", "adamw")
    assert "features" in meta["results"]["seconds"]
    assert any(text.startswith("fast: features of small computed once for 60 images at ") for text in said)
    assert {"ant/19.png", "bee/19.png", "cow/19.png"} <= set(audit.findings.nsmallest(4, "rank")["sample_id"])


def test_weights_can_be_fine_tuned_instead(folder, tmp_path):
    save_weights(tmp_path / "w.safetensors")
    audit = labelaudit.scan(
        folder,
        root=tmp_path,
        backbone="small",
        weights=str(tmp_path / "w.safetensors"),
        image_size=32,
        overrides=QUICK | {"model.frozen": "no"},
    )
    assert audit.meta["recipe"]["model"]["frozen"] == "no"
    assert "features" not in audit.meta["results"]["seconds"]


def test_weights_that_fit_nothing_are_refused(folder, tmp_path):
    safetensors.torch.save_file({"other": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match="not one of the weights fits the backbone"):
        scan(folder, tmp_path, backbone="small", weights=str(tmp_path / "w.safetensors"))


def test_a_scan_that_is_still_running_is_neither_offered_nor_resumed(folder, tmp_path):
    with pytest.raises(StopAsked):
        scan(folder, tmp_path, stop_after="0.001s")
    (stopped,) = list_audits(tmp_path)
    stopped.update(status="running")
    with FileLock(stopped.path / "lock"), pytest.raises(ConfigError, match="it is still running"):
        scan(folder, tmp_path, resume=True)
    assert scan(folder, tmp_path, resume=True).path == stopped.path  # its process is gone: it goes on


def test_an_audit_of_another_version_is_no_reason_not_to_scan(folder, tmp_path):
    foreign = tmp_path / ".labelaudit" / "audits" / "99991231-000000-panel-abcdef"
    foreign.mkdir(parents=True)
    (foreign / "audit.json").write_text('{"schema": 99, "status": "running"}')
    assert scan(folder, tmp_path).status == "finished"
    assert labelaudit.load(tmp_path).status == "finished"


def test_paths_are_taken_wherever_a_file_is_named(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.array(["no", "yes"])[np.arange(60) % 2]})
    table.to_csv(tmp_path / "t.csv", index=False)
    np.save(tmp_path / "e.npy", rng.normal(size=(60, 3)) + (np.arange(60) % 2)[:, None] * 4)
    (tmp_path / "r.toml").write_text("[options]\nfolds = 2\nhead_epochs = 2\n")
    audit = labelaudit.scan(
        tmp_path / "t.csv", recipe=tmp_path / "r.toml", embeddings=tmp_path / "e.npy", root=tmp_path
    )
    assert audit.summary["recipe"] == "r"


def test_a_named_recipe_wins_over_a_budget_and_says_so(folder, tmp_path):
    said = []
    scan(
        folder,
        tmp_path,
        recipe="fast",
        budget="5m",
        on_event=lambda event: said.append(event.text) if isinstance(event, Said) else None,
    )
    assert any(text.endswith("; the recipe fast wins over the budget 5m") for text in said)


def test_too_little_memory_is_told_with_the_next_step(folder, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("labelaudit.methods.two_stage.run", full)
    with pytest.raises(
        TrainingError, match=r"too little memory for small and batches of 16.\nScan again with -o train"
    ):
        scan(folder, tmp_path)
