"""An audit that grows with its dataset: what is new is judged, the rest is taken over."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import labelaudit
from labelaudit.api.update import update
from labelaudit.core.audits import list_audits
from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.decisions import Known, read_decisions, record_decision
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.events import ignore
from labelaudit.core.evidence import evidence_from_probs
from labelaudit.core.recipe import recipe_from_dict
from labelaudit.functional.near import near_row_hashes
from labelaudit.gate.near import near_arrays
from labelaudit.judging.out_of_sample import unseen_clean_prob
from labelaudit.scanning.load import load_inputs
from labelaudit.scanning.past_findings import Scored, joined_near_hashes, joined_results
from labelaudit.sources.read import read_dataset
from tests.cli.terminal import write_photos, write_truncated_jpeg
from tests.unit.api.test_train import write_clouds

EPOCHS = {"epochs": "40", "train.batch_size": "16"}


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    """A scanned table of 120 rows, of which the first ten have wrong labels."""
    folder = tmp_path_factory.mktemp("clouds")
    write_clouds(folder / "t.csv", wrong=range(10))
    labelaudit.scan(folder / "t.csv", root=folder, device="cpu", method="elr", overrides=EPOCHS)
    return folder


@pytest.fixture
def copied(clouds, tmp_path):
    shutil.copytree(clouds, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def scanned_photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    photos = write_photos(folder, n=40)
    labelaudit.scan(photos, root=folder, device="cpu", method="ce", overrides={"epochs": "12", "train.batch_size": "8"})
    return folder


@pytest.fixture
def photos(scanned_photos, tmp_path):
    shutil.copytree(scanned_photos, tmp_path / "copy")
    return tmp_path / "copy" / "photos"


def only(root):
    (audit,) = list_audits(root)
    return audit


def renewed(data):
    """Update the latest audit beside a dataset that was copied from where it was scanned."""
    return update(labelaudit.load(data.parent).path, data=data, device="cpu")


def grown(folder, *, n=40, wrong=range(5)):
    """Add rows of the same clouds to the table, some with wrong labels; return the positions of these."""
    more = pd.read_csv(write_clouds(folder / "more.csv", n=n, wrong=wrong, seed=3), dtype=str)
    table = pd.read_csv(folder / "t.csv", dtype=str)
    pd.concat([table, more]).to_csv(folder / "t.csv", index=False)
    return [len(table) + i for i in wrong]


def test_new_rows_are_judged_and_old_verdicts_stay_bit_by_bit(copied):
    old = only(copied)
    before = old.findings
    wrong = grown(copied)
    updated = renewed(copied / "t.csv")
    assert (updated.judged, updated.kept, updated.gone) == (40, 120, 0)
    found = updated.audit.findings
    assert found["sample_id"].tolist() == [str(i) for i in range(160)]
    for column in ("clean_prob", "suggested_label", "action", "loss", "detail"):
        assert found[column][:120].tolist() == before[column].tolist(), column
    fresh = found[120:]
    assert set(fresh["detail"]) == {"judged by networks that never saw this sample"}
    assert (fresh.loc[wrong, "action"] == "relabel").all()
    assert (fresh.drop(wrong)["action"] == "keep").mean() > 0.9
    assert updated.audit.status == "finished"
    assert old.findings_path.exists()
    assert labelaudit.load(copied).path == updated.audit.path
    assert updated.audit.meta["updated_from"] == old.path.name


def test_the_noise_rate_counts_the_new_rows(copied):
    old = only(copied)
    grown(copied, n=30, wrong=range(30))
    updated = renewed(copied / "t.csv")
    rate = old.meta["results"]["noise_rate"] * 120 / 150
    fresh = float((1 - updated.audit.findings["clean_prob"][120:]).sum()) / 150
    assert updated.audit.meta["results"]["noise_rate"] == pytest.approx(rate + fresh, rel=1e-4)
    assert fresh > 0.15  # nearly all thirty of the 150 are wrong


def test_an_update_of_a_scan_that_could_not_tell_cannot_tell_either(copied):
    old = only(copied)
    doubt = {"kind": "wide-interval", "classes": [], "text": "anything from 2% to 60% of the labels may be wrong"}
    results = old.meta["results"] | {"identifiable": False, "doubts": [doubt]}
    meta = json.loads((old.path / "audit.json").read_text())
    (old.path / "audit.json").write_text(json.dumps(meta | {"results": results}))
    wrong = grown(copied)
    found = renewed(copied / "t.csv").audit
    assert found.summary["noise"]["doubts"] == [doubt]
    assert not found.summary["noise"]["identifiable"]
    assert found.findings.loc[wrong, "action"].tolist() == ["review"] * 5


@pytest.mark.parametrize(("wrong", "is_quiet"), [(range(10), False), ((), True)])
def test_a_dataset_is_quiet_after_an_update_as_long_as_the_new_samples_are(wrong, is_quiet):
    before = {"noise_rate": 0.004, "noise_interval": [0.0, 0.01], "quiet": True}
    clean_prob = np.full(200, 0.999)
    clean_prob[[190 + index for index in wrong]] = 0.01
    results = joined_results(before, clean_prob, np.arange(200) >= 180)
    assert results["quiet"] is is_quiet


def test_decisions_and_networks_are_taken_over_and_the_old_audit_stays(copied):
    old = only(copied)
    row = old.findings.iloc[0]
    record_decision(old, Known(row["content_hash"], row["given_label"], "ok"), sample_id="0")
    before = {file.name: file.read_bytes() for file in old.path.iterdir() if file.is_file()}
    grown(copied, n=6, wrong=())
    new = renewed(copied / "t.csv").audit
    assert read_decisions(new).known == read_decisions(old).known
    assert (new.path / "model.safetensors").read_bytes() == before["model.safetensors"]
    assert {file.name: file.read_bytes() for file in old.path.iterdir() if file.is_file()} == before


def test_nothing_new_leaves_the_old_audit_as_the_latest(copied):
    old = only(copied)
    updated = renewed(copied / "t.csv")
    assert (updated.audit.path, updated.judged, updated.due) == (old.path, 0, None)
    assert updated.describe() == f"nothing has changed since {old.path.name}"
    assert len(list_audits(copied)) == 1


def test_a_full_scan_is_due_when_many_are_new_also_after_several_updates(copied):
    grown(copied, n=9, wrong=())
    first = renewed(copied / "t.csv")
    assert first.due is None
    shutil.move(copied / "t.csv", copied / "keep.csv")
    table = pd.read_csv(copied / "keep.csv", dtype=str)
    more = pd.read_csv(write_clouds(copied / "more.csv", n=9, seed=5), dtype=str)
    pd.concat([table, more]).to_csv(copied / "t.csv", index=False)
    second = renewed(copied / "t.csv")
    assert (second.judged, second.kept) == (9, 129)
    assert second.due == "13% of the samples were never seen by the networks; a full scan is due"
    assert second.due in second.audit.summary["warnings"]


def test_a_changed_label_is_judged_again_and_a_removed_row_is_gone(copied):
    table = pd.read_csv(copied / "t.csv", dtype=str)
    labels = table["label"].tolist()
    labels[50] = {"x": "y", "y": "z", "z": "x"}[labels[50]]
    table.assign(label=labels).drop(index=[60]).to_csv(copied / "t.csv", index=False)
    updated = renewed(copied / "t.csv")
    assert (updated.judged, updated.kept, updated.gone) == (1, 118, 2)  # the old verdict on row 50 is gone, too
    assert updated.audit.findings["action"][50] == "relabel"


def test_a_new_class_needs_a_full_scan(copied):
    with (copied / "t.csv").open("a") as file:
        file.write("1,1,1,w\n" * 2)
    with pytest.raises(DataError, match=r"classes that the last scan did not have: 'w'; a full scan is due"):
        renewed(copied / "t.csv")
    assert len(list_audits(copied)) == 1


def test_photos_are_known_by_their_content(photos):
    old = only(photos.parent)
    (photos / "cat" / "000.png").rename(photos / "cat" / "renamed.png")
    shutil.copy(photos / "dog" / "001.png", photos / "cat" / "dog.png")  # a twin under the other label
    write_truncated_jpeg(photos / "dog" / "torn.jpg")
    updated = renewed(photos)
    assert (updated.judged, updated.kept, updated.gone) == (1, 40, 0)
    found = updated.audit.findings.set_index("sample_id")
    before = old.findings.set_index("sample_id")
    assert found.loc["cat/renamed.png", "clean_prob"] == before.loc["cat/000.png", "clean_prob"]
    assert found.loc[["cat/dog.png", "dog/001.png"], "issue"].tolist() == ["duplicate-conflict"] * 2
    assert found.loc["cat/dog.png", "suggested_label"] == "dog"
    assert found.loc["dog/torn.jpg", "issue"] == "unreadable"
    again = renewed(photos)
    assert again.audit.path == updated.audit.path  # what is still unreadable is nothing new


def test_near_duplicates_are_those_that_a_scan_of_the_grown_data_would_find(photos):
    pixels = np.array(Image.open(photos / "cat" / "000.png"))
    pixels[0, 0] += 1
    Image.fromarray(pixels).save(photos / "dog" / "nearly.png")
    (photos / "cat" / "002.png").unlink()
    write_truncated_jpeg(photos / "cat" / "torn.jpg")
    updated = renewed(photos)
    recipe = recipe_from_dict(updated.audit.meta["recipe"])
    loaded = load_inputs(read_dataset(photos, recipe.data), recipe, torch.device("cpu"), ignore)
    assert loaded.near_hashes is not None
    expected = near_arrays(loaded.dataset, loaded.near_hashes)
    near = np.load(updated.audit.path / "near.npz")
    assert np.count_nonzero(near["hashes"]) == 40
    assert {name: near[name].tolist() for name in near} == {name: kept.tolist() for name, kept in expected.items()}
    assert named_pairs(updated.audit, near["pairs"]) >= {("cat/000.png", "dog/nearly.png")}


def test_rows_are_compared_by_the_means_of_the_grown_table():
    values = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    ids = tuple(map(str, range(30)))
    vectors = Vectors(values, "embeddings")
    dataset = Dataset(Path("t.csv"), ids, ids, np.arange(30) % 2, ("x", "y"), vectors, np.zeros(30, dtype=np.bool_))
    row_of = np.where(np.arange(30) < 20, np.arange(30), -1)
    new = np.arange(20, 30)
    scored = Scored(new, evidence_from_probs(np.full((10, 2), 0.5), np.zeros(10, dtype=np.int64)), np.ones(10))
    left = np.delete(np.arange(30), 25)
    found = joined_near_hashes(near_row_hashes(values[:20]), dataset, left, row_of, scored)
    assert found is not None
    assert found.tolist() == near_row_hashes(values[left]).tolist()
    assert found[0] not in (0, near_row_hashes(values[:20])[0])


def test_images_of_an_audit_that_kept_no_near_hashes_have_none_after_an_update(photos):
    (only(photos.parent).path / "near.npz").unlink()
    shutil.copy(photos / "dog" / "001.png", photos / "cat" / "dog.png")
    assert not (renewed(photos).audit.path / "near.npz").exists()


def named_pairs(audit, pairs):
    names = audit.findings["sample_id"].tolist()
    return {(names[left], names[right]) for left, right in pairs.tolist()}


def test_an_audit_without_networks_says_what_to_do(copied):
    (only(copied).path / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"has no networks to judge with.\nScan the data again"):
        renewed(copied / "t.csv")


def test_what_was_only_looked_at_is_looked_at_again(tmp_path):
    topics = ["the team won the final match in the last minute", "the bank cut its rates as prices fell again"]
    rows = [{"text": f"{topics[i % 2]}, report {i}", "label": ["sport", "money"][i % 2]} for i in range(60)]
    table = tmp_path / "texts.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    first = labelaudit.scan(table, root=tmp_path, device="cpu")
    assert not (first.path / "model.safetensors").exists()
    row = first.findings.iloc[0]
    record_decision(first, Known(row["content_hash"], row["given_label"], "ok"), sample_id=row["sample_id"])
    assert (renewed(table).audit.path, renewed(table).anew) == (first.path, True)
    wrong = {"text": f"{topics[0]}, extra time", "label": "money"}
    pd.DataFrame([*rows[1:], wrong]).to_csv(table, index=False)
    again = renewed(table)
    assert repr(again).endswith("1 judged, 59 judged again with them, 0 gone>")  # the last row is another one now
    assert len(again.audit.findings) == 60
    assert read_decisions(again.audit).known.keys() == read_decisions(first).known.keys()
    assert (again.audit.meta["updated_from"], again.audit.meta["source"]) == (first.path.name, first.meta["source"])
    assert len(first.findings) == 60


def test_data_that_was_never_scanned_says_so(tmp_path):
    write_clouds(tmp_path / "t.csv")
    with pytest.raises(ConfigError, match=r"there is no finished scan of .*t.csv in .* to update.\nRun `labelaudit"):
        update(tmp_path / "t.csv", root=tmp_path)


def test_a_label_nobody_learnt_is_weighed_by_the_rule_of_bayes():
    probs = np.array([1.0, 0.5, 0.1, 0.001, 0.0])
    found = unseen_clean_prob(probs, 10, noise_rate=0.2)
    confusion = np.full((10, 10), 0.2 / 9) + np.eye(10) * (0.8 - 0.2 / 9)  # p(given | true)
    for prob, clean in zip(probs, found, strict=True):
        true = np.array([prob, *[(1 - prob) / 9] * 9])
        joint = true * confusion[:, 0]
        assert clean == pytest.approx(joint[0] / joint.sum())
    assert unseen_clean_prob(probs, 10, noise_rate=0.0)[1] < 1.0  # new data may be worse than old data
