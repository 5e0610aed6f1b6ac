"""Folders, archives and shards with other labels: everything else stays as it was."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import labelaudit
from labelaudit.core.errors import ConfigError, LabelAuditError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.layouts import IDS, image, images
from tests.mended import audited, decide


def tree(root):
    """Return the contents of all files below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def photos(tmp_path):
    """Write two splits of two classes, and things beside them."""
    for split, start in (("train", 0), ("test", 50)):
        for number, key in enumerate(IDS):
            image(tmp_path / f"photos/{split}/{key[:3]}/{key}.png", start + number)
    (tmp_path / "photos/README.md").write_text("mine")
    (tmp_path / "photos/.cache").write_text("hidden")
    return tmp_path / "photos"


ODD = (
    b"caf\xe9.png",
    b"new\nline.png",
    b"-rf",
    b"a\\x41.png",
    b"two\xe2\x80\xa8lines.png",
    b"\xff\xfe.png",
    b"--help.png",
)


def odd_photos(tmp_path):
    """Write two classes of files with odd names, one class of which is no UTF-8 itself."""
    for number, name in enumerate(ODD):
        suffix = b"" if name.endswith(b".png") else b".png"
        for folder, label in ((b"-cat", b"1"), (b"d\xf6g", b"2")):
            image(
                tmp_path / "photos" / os.fsdecode(folder) / os.fsdecode(label + name + suffix),
                number + 10 * len(folder),
            )
            image(
                tmp_path / "photos" / os.fsdecode(folder) / os.fsdecode(name + suffix), 50 + number + 10 * len(folder)
            )
    return tmp_path / "photos"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("by", ["link", "copy", "symlink"])
def test_names_that_are_no_text_are_kept_and_undone(tmp_path, by):
    source = odd_photos(tmp_path)
    before = tree(source)
    audit, dataset = audited(tmp_path, source)
    changed = [name for name in dataset.sample_ids if name.startswith("-cat/1")]
    assert len(changed) == len(ODD)
    for name in changed:
        decide(audit, name, "d\\xf6g")
    applied = labelaudit.apply(audit, by=by)
    moved = {
        ("d\udcf6g/" + name.removeprefix("-cat/") if name.startswith("-cat/1") else name): data
        for name, data in before.items()
    }
    assert tree(applied.output) == moved
    assert tree(source) == before
    undone = labelaudit.undo(applied.output)
    assert (undone.removed, undone.kept) == (len(before), ())
    assert not applied.output.exists()
    assert tree(source) == before


@pytest.mark.parametrize("by", ["link", "copy", "symlink"])
def test_a_folder_is_made_anew_beside_the_old_one(tmp_path, by):
    source = photos(tmp_path)
    before = tree(source)
    audit, _ = audited(tmp_path, source)
    decide(audit, "train/cat/cat1.png", "dog")
    decide(audit, "train/dog/dog0.png", "elk")
    decide(audit, "train/cat/cat2.png")
    applied = labelaudit.apply(audit, by=by)
    out = applied.output
    assert out == tmp_path / "photos-corrected"
    expected = {name: data for name, data in before.items() if name not in (".cache", "train/cat/cat2.png")}
    expected["train/dog/cat1.png"] = expected.pop("train/cat/cat1.png")
    expected["train/elk/dog0.png"] = expected.pop("train/dog/dog0.png")
    assert tree(out) == expected
    assert tree(source) == before
    one = out / "test/dog/dog3.png"
    assert one.is_symlink() == (by == "symlink")
    assert one.samefile(source / "test/dog/dog3.png") == (by != "copy")
    again = read_dataset(out, DataSettings(follow_links=by == "symlink"))
    assert again.classes == ("cat", "dog", "elk")
    assert labelaudit.undo(out).removed == len(expected)
    assert not out.exists()
    assert tree(source) == before


def test_undo_leaves_what_somebody_added_or_changed_or_would_lose(tmp_path):
    source = photos(tmp_path)
    audit, _ = audited(tmp_path, source)
    decide(audit, "train/cat/cat1.png", "dog")
    out = labelaudit.apply(audit).output
    (out / "train/dog/new.png").write_bytes(b"new")
    (out / "train/cat/cat0.png").unlink()
    (out / "train/cat/cat0.png").write_bytes(b"edited")
    (source / "train/cat/cat3.png").unlink()  # its last name is in the new folder now
    with pytest.raises(ConfigError, match="apply writes over no folder"):
        labelaudit.apply(audit, data=source)
    undone = labelaudit.undo(out)
    assert undone.kept == ("train/cat/cat0.png", "train/cat/cat3.png", "train/dog/new.png")
    assert sorted(tree(out)) == list(undone.kept)


def test_a_name_that_is_taken_is_not_written_over(tmp_path):
    for label in ("cat", "dog"):
        for i in range(6):
            image(tmp_path / f"p/{label}/{i}.png", i + 10 * (label == "dog"))
    audit, _ = audited(tmp_path, tmp_path / "p")
    decide(audit, "cat/1.png", "dog")
    out = labelaudit.apply(audit).output
    assert len(tree(out)) == 12
    assert (out / "dog/1.from-cat.png").read_bytes() == (tmp_path / "p/cat/1.png").read_bytes()
    assert (out / "dog/1.png").read_bytes() == (tmp_path / "p/dog/1.png").read_bytes()


def test_the_test_split_of_a_folder_stays_unless_asked(tmp_path):
    source = photos(tmp_path)
    audit, _ = audited(tmp_path, source, split="all")
    decide(audit, "test/cat/cat1.png", "dog")
    decide(audit, "train/cat/cat1.png", "dog")
    applied = labelaudit.apply(audit, dry_run=True)
    assert [change.path for change in applied.difference.held_back] == ["test/cat/cat1.png"]
    assert applied.difference.splits == {"train": 1}
    assert labelaudit.apply(audit, test=True).difference.splits == {"test": 1, "train": 1}


@pytest.mark.parametrize("name", ["../elk", ".elk", "a/b", "..", " "])
def test_a_class_that_cannot_be_a_folder_is_refused_before_anything_is_written(tmp_path, name):
    source = photos(tmp_path)
    audit, _ = audited(tmp_path, source)
    decide(audit, "train/cat/cat1.png", name)
    with pytest.raises(ConfigError, match="cannot be the name of a folder"):
        labelaudit.apply(audit)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".labelaudit", "photos"]


def test_an_output_within_the_data_is_refused(tmp_path):
    source = photos(tmp_path)
    audit, _ = audited(tmp_path, source)
    decide(audit, "train/cat/cat1.png", "dog")
    with pytest.raises(ConfigError, match="which it is made from"):
        labelaudit.apply(audit, output=source / "new")


def test_a_folder_with_a_table_gets_another_table(tmp_path):
    images(tmp_path / "data/train", "{id}.png")
    rows = "".join(f"{key}.png,{key[:3]}\r\n" for key in IDS)
    (tmp_path / "data/train/metadata.csv").write_text("file_name,label\r\n" + rows, newline="")
    audit, _ = audited(tmp_path, tmp_path / "data")
    decide(audit, "cat1.png", "dog")
    out = labelaudit.apply(audit).output
    expected = tree(tmp_path / "data")
    table = expected["train/metadata.csv"]
    expected["train/metadata.csv"] = table.replace(b"cat1.png,cat\r\n", b"cat1.png,dog\r\n")
    assert tree(out) == expected
    assert labelaudit.undo(out).kept == ()


def test_a_zip_of_class_folders_keeps_its_members(tmp_path):
    images(tmp_path / "pets", "{label}/{id}.png")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path).as_posix())
        archive.writestr("pets/notes.txt", "kept")
    audit, _ = audited(tmp_path, tmp_path / "pets.zip")
    decide(audit, "cat/cat1.png", "dog")
    decide(audit, "cat/cat2.png")
    out = labelaudit.apply(audit).output
    with zipfile.ZipFile(tmp_path / "pets.zip") as old, zipfile.ZipFile(out) as new:
        names = [name.replace("cat/cat1", "dog/cat1") for name in old.namelist() if "cat2" not in name]
        assert new.namelist() == names
        assert new.read("pets/dog/cat1.png") == old.read("pets/cat/cat1.png")
        assert new.getinfo("pets/dog/dog1.png").compress_type == zipfile.ZIP_DEFLATED


def test_a_tar_of_class_folders_keeps_its_members(tmp_path):
    images(tmp_path / "pets", "{label}/{id}.png")
    with tarfile.open(tmp_path / "pets.tar", "w") as archive:
        archive.add(tmp_path / "pets", "pets")
    audit, _ = audited(tmp_path, tmp_path / "pets.tar")
    decide(audit, "cat/cat1.png", "dog")
    decide(audit, "cat/cat2.png")
    out = labelaudit.apply(audit).output
    with tarfile.open(tmp_path / "pets.tar") as old, tarfile.open(out) as new:
        names = [name.replace("cat/cat1", "dog/cat1") for name in old.getnames() if "cat2" not in name]
        assert new.getnames() == names
        assert all(
            new.extractfile(a).read() == old.extractfile(b).read()  # type: ignore[union-attr]
            for a, b in zip(names, [n for n in old.getnames() if "cat2" not in n], strict=True)
            if a.endswith(".png")
        )


def shard(path, keys, label_of, start=0):
    """Write a tar shard of images and labels."""
    with tarfile.open(path, "w") as archive:
        for number, key in enumerate(keys):
            pixels = np.random.default_rng(start + number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            for ending, data in (("png", buffer.getvalue()), label_of(key)):
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size, member.mtime = len(data), 7
                archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("kind", ["cls", "txt", "json"])
def test_the_truth_gives_the_clean_shards_back_byte_for_byte(tmp_path, kind):
    def label_of(label):
        if kind == "cls":
            return "cls", str(["cat", "dog"].index(label)).encode()
        if kind == "txt":
            return "txt", f"{label}\n".encode()
        return "json", json.dumps({"id": 7, "label": label, "more": [1, 2]}, indent=1).encode()

    for folder, wrong in (("noisy", "cat1"), ("clean", "")):
        (tmp_path / folder).mkdir()
        for number, keys in enumerate((IDS[::2], IDS[1::2])):
            shard(
                tmp_path / folder / f"train-{number}.tar",
                keys,
                lambda key, wrong=wrong: label_of("dog" if key == wrong else key[:3]),
                10 * number,
            )
    audit, dataset = audited(tmp_path, tmp_path / "noisy")
    decide(audit, "train-1.tar/cat1.png", dataset.classes[0])
    out = labelaudit.apply(audit).output
    assert tree(out) == tree(tmp_path / "clean")
    assert (out / "train-0.tar").samefile(tmp_path / "noisy/train-0.tar")
    decide(audit, "train-1.tar/dog1.png")
    labelaudit.undo(out)
    with tarfile.open(labelaudit.apply(audit).output / "train-1.tar") as archive:
        assert [name for name in archive.getnames() if name.startswith("dog1")] == []
        assert len(archive.getnames()) == 10
    one, _ = audited(tmp_path, tmp_path / "noisy/train-1.tar")
    decide(one, "train-1.tar/cat1.png", dataset.classes[0])
    assert labelaudit.apply(one).output.read_bytes() == (tmp_path / "clean/train-1.tar").read_bytes()


def parquet(path, keys, wrong=""):
    """Write a Parquet file of images as the Hugging Face hub has it."""
    rows = []
    for number, key in enumerate(keys):
        buffer = io.BytesIO()
        Image.fromarray(np.full((8, 8, 3), 20 * number, dtype=np.uint8)).save(buffer, "PNG")
        label = "dog" if key == wrong else key[:3]
        rows.append({"image": {"bytes": buffer.getvalue(), "path": f"{key}.png"}, "label": ["cat", "dog"].index(label)})
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    facts = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.Table.from_pylist(rows).replace_schema_metadata(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=4)


def test_shards_of_parquet_with_images_keep_their_schema(tmp_path):
    for folder, wrong in (("noisy", "cat1"), ("clean", "")):
        parquet(tmp_path / folder / "train-0.parquet", IDS[::2], wrong)
        parquet(tmp_path / folder / "train-1.parquet", IDS[1::2], wrong)
        parquet(tmp_path / folder / "test-0.parquet", IDS[:4])
    audit, dataset = audited(tmp_path, tmp_path / "noisy")
    row = [i for i, name in enumerate(dataset.sample_ids) if "cat1" in name]
    decide(audit, dataset.sample_ids[row[0]], "cat")
    out = labelaudit.apply(audit).output
    for name in ("train-0", "train-1", "test-0"):
        got, wanted = (pq.read_table(root / f"{name}.parquet") for root in (out, tmp_path / "clean"))
        assert got.equals(wanted)
        assert got.schema.equals(wanted.schema, check_metadata=True)
    assert labelaudit.undo(out).kept == ()


def test_a_single_parquet_file_with_images_keeps_its_schema(tmp_path):
    parquet(tmp_path / "noisy.parquet", IDS, "cat1")
    parquet(tmp_path / "clean.parquet", IDS)
    audit, dataset = audited(tmp_path, tmp_path / "noisy.parquet")
    decide(audit, dataset.sample_ids[1], "cat")
    out = pq.read_table(labelaudit.apply(audit).output)
    assert out.equals(pq.read_table(tmp_path / "clean.parquet"))


def test_a_saved_hugging_face_dataset_loads_again(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the real library")

    def saved(wrong):
        words = ["dog" if key == wrong else key[:3] for key in IDS]
        names = datasets.ClassLabel(names=["cat", "dog"])
        features = datasets.Features({"text": datasets.Value("string"), "label": names})
        rows = {"text": [f"it was the {i}. film of all times" for i in range(12)], "label": words}
        one = datasets.Dataset.from_dict(rows, features=features)
        return datasets.DatasetDict({"train": one, "test": one})

    saved("cat1").save_to_disk(str(tmp_path / "noisy"), num_shards={"train": 2, "test": 1})
    audit, _ = audited(tmp_path, tmp_path / "noisy")
    decide(audit, "1", "cat")
    back = datasets.load_from_disk(str(labelaudit.apply(audit, by="copy").output))
    assert back["train"]["label"][:] == saved("")["train"]["label"][:]
    assert back["test"]["label"][:] == saved("cat1")["test"]["label"][:]
    assert back["train"].features == saved("")["train"].features


def test_the_arrow_files_of_a_saved_dataset_change_where_the_rows_are(tmp_path):
    labels = [key[:3] if key != "cat7" else "dog" for key in IDS]
    folder = tmp_path / "saved/train"
    folder.mkdir(parents=True)
    names = ["data-0.arrow", "data-1.arrow"]
    for number, name in enumerate(names):
        part = pa.table({"x": [float(i) for i in range(6)], "label": labels[6 * number : 6 * number + 6]})
        with pa.ipc.new_stream(str(folder / name), part.schema) as writer:
            writer.write_table(part)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text("{}")
    (tmp_path / "saved/dataset_dict.json").write_text('{"splits": ["train"]}')
    audit, _ = audited(tmp_path, tmp_path / "saved")
    decide(audit, "8", "cat")
    out = labelaudit.apply(audit).output
    changed = pa.ipc.open_stream(pa.OSFile(str(out / "train/data-1.arrow"))).read_all()
    assert changed["label"].to_pylist() == ["dog", "dog", "cat", "dog", "dog", "dog"]
    assert (out / "train/data-0.arrow").samefile(folder / "data-0.arrow")


@pytest.mark.parametrize("by", ["link", "copy"])
def test_a_link_that_leads_out_of_the_folder_stays_a_link_unless_it_was_followed(tmp_path, by):
    source = photos(tmp_path)
    (tmp_path / "secret").write_text("TOP SECRET")
    (source / "notes.txt").symlink_to("../secret")
    (source / "gone.txt").symlink_to("nowhere")
    (source / "train/again.md").symlink_to("../README.md")
    for follow_links in (False, True):
        audit, _ = audited(tmp_path, source, follow_links=follow_links)
        decide(audit, "train/cat/cat1.png", "dog")
        out = labelaudit.apply(audit, by=by).output
        assert [(out / name).is_symlink() for name in ("notes.txt", "gone.txt")] == [not follow_links, True]
        assert (out / "notes.txt").read_text() == "TOP SECRET"
        assert not (out / "train/again.md").is_symlink()
        assert labelaudit.undo(out).kept == ()
    assert (tmp_path / "secret").exists()


def test_a_table_behind_a_link_is_not_written_through_it(tmp_path):
    (tmp_path / "data/.store").mkdir(parents=True)
    rows = [f"{key}.png,{key[:3]}\n" for key in IDS]
    (tmp_path / "data/.store/labels.csv").write_text("".join(["file_name,label\n", *rows]))
    for number, key in enumerate(IDS):
        image(tmp_path / f"data/{key}.png", number)
    (tmp_path / "data/labels").symlink_to(".store")
    before = tree(tmp_path / "data")
    try:
        audit, dataset = audited(tmp_path, tmp_path / "data")
        decide(audit, dataset.sample_ids[0], "dog")
        labelaudit.apply(audit)
    except LabelAuditError:
        pass
    assert tree(tmp_path / "data") == before


def test_an_archive_with_a_path_from_the_root_is_not_guessed_at(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for number, name in enumerate(["cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png", "/etc/5.png"]):
            image(tmp_path / "one.png", 20 * number)
            archive.writestr(name, (tmp_path / "one.png").read_bytes())
    audit, dataset = audited(tmp_path, tmp_path / "p.zip")
    decide(audit, next(name for name in dataset.sample_ids if name.endswith("5.png")), "cat")
    with pytest.raises(ConfigError, match="no folder on the way to the images tells their labels"):
        labelaudit.apply(audit)
