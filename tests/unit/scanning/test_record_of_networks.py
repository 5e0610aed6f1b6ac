"""The networks that a scan judged with come back from its folder and say the same."""

import csv
import io
from typing import Any

import numpy as np
import pytest
import safetensors.torch

import labelaudit
from labelaudit.core.events import EpochFinished
from labelaudit.training.model_file import read_model
from labelaudit.training.models import build_image_network
from tests.cli.terminal import write_flowers, write_photos

# Without record the verdicts are the networks' own and nothing else.
PLAIN = {"epochs": "4", "record": "0", "train.batch_size": "8", "train.precision": "fp32"}


def probs_of(audit, data, **settings):
    """Return the predicted probability of each sample's given label, in the order of the findings."""
    text = labelaudit.predict(audit.path, data, out=None, device="cpu", **settings).text
    rows = list(csv.DictReader(io.StringIO(text)))
    given = dict(zip(audit.findings["sample_id"], audit.findings["given_label"], strict=True))
    names = [name for name in rows[0] if name.startswith("label")]
    found = {
        row["sample_id"]: sum(
            float(row[n.replace("label", "prob")]) for n in names if row[n] == given[row["sample_id"]]
        )
        for row in rows
    }
    return np.array([found[name] for name in audit.findings["sample_id"]])


def test_a_table_is_seen_again_as_it_was(tmp_path):
    table = write_flowers(tmp_path)
    audit = labelaudit.scan(table, root=tmp_path, device="cpu", method="ce", overrides=PLAIN, label_column="species")
    assert probs_of(audit, table) == pytest.approx(audit.findings["given_prob"].to_numpy(), abs=1e-4)
    facts = read_model(audit.path).facts
    assert (facts.method, facts.labels, facts.samples) == ("ce", "given", 120)
    assert facts.fingerprint == audit.meta["fingerprint"]
    assert "# Model card" in (audit.path / "MODEL.md").read_text()


def test_images_are_seen_again_as_they_were(tmp_path):
    photos = write_photos(tmp_path)
    audit = labelaudit.scan(photos, root=tmp_path, device="cpu", method="ce", overrides=PLAIN)
    assert probs_of(audit, photos) == pytest.approx(audit.findings["given_prob"].to_numpy(), abs=1e-4)


def test_a_frozen_backbone_comes_along(tmp_path):
    photos = write_photos(tmp_path)
    weights = tmp_path / "w.safetensors"
    state = build_image_network("small", 2, 16, seed=5, stream="w").state_dict()
    safetensors.torch.save_file({name: value.contiguous() for name, value in state.items()}, weights)
    audit = labelaudit.scan(
        photos,
        root=tmp_path,
        device="cpu",
        method="ce",
        overrides=PLAIN,
        backbone="small",
        weights=weights,
        image_size=16,
    )
    weights.unlink()  # nothing but the model file is needed
    assert read_model(audit.path).facts.frozen
    assert probs_of(audit, photos) == pytest.approx(audit.findings["given_prob"].to_numpy(), abs=1e-4)


def test_a_scan_that_was_stopped_keeps_the_networks_of_all_its_stages(tmp_path, monkeypatch):
    monkeypatch.setattr("labelaudit.training.job._CHECKPOINT_EVERY_S", 0.0)
    table = write_flowers(tmp_path)
    settings: dict[str, Any] = {
        "device": "cpu",
        "method": "elr+",
        "label_column": "species",
        "overrides": {"epochs": "3"},
    }
    whole = labelaudit.scan(table, root=tmp_path / "whole", **settings)

    def stop(event):
        if isinstance(event, EpochFinished) and event.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labelaudit.scan(table, root=tmp_path, on_event=stop, **settings)
    resumed = labelaudit.scan(table, root=tmp_path, resume=True)
    first, second = (read_model(audit.path).networks for audit in (whole, resumed))
    assert len(first) == len(second) == 2
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)
    assert not list(resumed.checkpoints_path.iterdir())


def test_probabilities_leave_no_model(tmp_path):
    table = write_flowers(tmp_path, n=30)
    probs = np.full((30, 3), 1 / 3, dtype=np.float32)
    np.save(tmp_path / "p.npy", probs)
    audit = labelaudit.scan(table, root=tmp_path, label_column="species", probs=tmp_path / "p.npy")
    assert not (audit.path / "model.safetensors").exists()
