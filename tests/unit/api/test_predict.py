"""Predictions of stored classifiers: labels, broken rows, and the same answers from exported programs."""

from __future__ import annotations

import csv
import importlib.util
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from labelaudit.api.export_model import export_model
from labelaudit.api.predict import predict
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.training.exported import Exported, example_inputs
from labelaudit.training.model_file import read_model
from tests.cli.terminal import write_flowers, write_photos, write_truncated_jpeg
from tests.trained import flower_model, photo_model


def rows(text):
    return {row["sample_id"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_folder_of_images_is_classified_whatever_its_depth(tmp_path):
    photos = write_photos(tmp_path)
    (photos / "deep" / "er").mkdir(parents=True)
    (photos / "cat" / "000.png").rename(photos / "deep" / "er" / "x.png")
    (photos / "dog" / "001.png").rename(photos / "loose.png")
    photo_model(tmp_path / "model", networks=2)
    found = predict(tmp_path / "model", photos, out=tmp_path / "p.csv")
    assert (found.samples, found.broken) == (24, 0)
    by_id = rows((tmp_path / "p.csv").read_text())
    assert (by_id["deep/er/x.png"]["label"], by_id["loose.png"]["label"]) == ("cat", "dog")
    assert all(row["label"] == name.split("/")[0] for name, row in by_id.items() if name.startswith(("cat/", "dog/")))
    assert all(float(row["prob"]) + float(row["prob_2"]) == pytest.approx(1, abs=1e-5) for row in by_id.values())


def test_the_latest_audit_is_a_link_that_the_user_names(tmp_path):
    photos = write_photos(tmp_path, n=4)
    home = tmp_path / ".labelaudit"
    photo_model(home / "audits" / "one")
    (home / "latest").symlink_to("audits/one")
    assert predict(home / "latest", photos, out=None).samples == 4
    (home / "audits" / "one" / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (home / "audits" / "one" / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(DataError, match="link"):
        predict(home / "latest", photos, out=None)


def test_a_broken_image_is_a_row_with_an_error(tmp_path):
    photos = write_photos(tmp_path, n=6)
    write_truncated_jpeg(photos / "cat" / "torn.jpg")
    photo_model(tmp_path / "model")
    by_id = rows(predict(tmp_path / "model", photos, out=None).text)
    assert (by_id["cat/torn.jpg"]["label"], by_id["cat/torn.jpg"]["prob_2"]) == ("", "")
    assert "JPEG" in by_id["cat/torn.jpg"]["error"] or "cut off" in by_id["cat/torn.jpg"]["error"]
    assert by_id["dog/001.png"]["error"] == ""


def test_nothing_but_broken_images_is_an_error_with_the_first(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no image")
    photo_model(tmp_path / "model")
    with pytest.raises(DataError, match=r"not one of 1 samples can be classified; the first: "):
        predict(tmp_path / "model", tmp_path / "photos", out=None)


def test_a_table_needs_no_labels_and_words_among_numbers_are_errors(tmp_path):
    table = write_flowers(tmp_path)
    flower_model(table, tmp_path / "model")
    lines = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]
    lines[3] = lines[3].replace(lines[3].split(",")[1], "wide")
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    by_id = rows(predict(tmp_path / "model", tmp_path / "new.csv", out=None, top=2).text)
    assert list(by_id["r000"]) == ["sample_id", "label", "prob", "label_2", "prob_2", "error"]
    kinds = ("setosa", "versicolor", "virginica")
    right = [by_id[f"r{i:03d}"]["label"] == kinds[i % 3] for i in range(120) if i != 2]
    assert np.mean(right) > 0.9
    assert by_id["r002"]["error"] == "column 'length': 'wide' is no number"


def test_a_row_is_encoded_by_the_training_data_and_not_by_its_neighbours(tmp_path):
    table = write_flowers(tmp_path)
    flower_model(table, tmp_path / "model")
    header, *lines = table.read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join([header, *lines[5:9]]) + "\n")
    few, whole = (rows(predict(tmp_path / "model", source, out=None).text) for source in (tmp_path / "few.csv", table))
    assert all(few[name] == whole[name] for name in few)


def test_a_table_that_lacks_a_column_names_it(tmp_path):
    table = write_flowers(tmp_path)
    flower_model(table, tmp_path / "model")
    (tmp_path / "new.csv").write_text(table.read_text().replace("width", "widht", 1))
    with pytest.raises(DataError, match=r"columns that the model learnt from are missing: 'width'.\nDid you.*'widht'"):
        predict(tmp_path / "model", tmp_path / "new.csv", out=None)


def test_data_of_another_kind_is_refused(tmp_path):
    photos = write_photos(tmp_path, n=4)
    table = write_flowers(tmp_path)
    flower_model(table, tmp_path / "flowers")
    photo_model(tmp_path / "pets")
    with pytest.raises(ConfigError, match=r"the model sees rows of a table; .*photos is no table"):
        predict(tmp_path / "flowers", photos, out=None)
    table.write_text(table.read_text().replace("id,", "row,", 1))
    with pytest.raises(ConfigError, match=r"no column names images, and the model sees images; columns: row, length"):
        predict(tmp_path / "pets", table, out=None)


def test_a_table_of_paths_is_classified(tmp_path):
    write_photos(tmp_path, n=4)
    (tmp_path / "list.csv").write_text("file\nphotos/cat/000.png\nphotos/dog/001.png\nphotos/dog/gone.png\n")
    photo_model(tmp_path / "model")
    by_id = rows(predict(tmp_path / "model", tmp_path / "list.csv", out=None).text)
    assert [by_id[name]["label"] for name in ("photos/cat/000.png", "photos/dog/001.png")] == ["cat", "dog"]
    assert "there is no file" in by_id["photos/dog/gone.png"]["error"]


def test_cells_that_a_spreadsheet_would_run_are_made_harmless(tmp_path):
    photos = write_photos(tmp_path, n=2)
    (photos / "cat" / "000.png").rename(photos / "=1+1.png")
    photo_model(tmp_path / "model")
    assert "\n'=1+1.png,cat," in predict(tmp_path / "model", photos, out=None).text
    assert "\n=1+1.png,cat," in predict(tmp_path / "model", photos, out=None, raw=True).text


def test_an_exported_program_gives_the_probabilities_of_predict(tmp_path):
    photos = write_photos(tmp_path, n=6)
    photo_model(tmp_path / "model", networks=2)
    path = export_model(tmp_path / "model")
    assert path == tmp_path / "model" / "model.pt2"
    extra = {"labelaudit.json": ""}
    program = torch.export.load(path, extra_files=extra).module()
    assert json.loads(extra["labelaudit.json"])["classes"] == ["cat", "dog"]
    files = sorted(photos.glob("*/*.png"))
    images = torch.stack([torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255 for file in files])
    probs = program(images)
    assert probs.shape == (6, 2)  # the example had another batch size
    by_id = rows(predict(tmp_path / "model", photos, out=None).text)
    expected = [float(by_id[f"{file.parent.name}/{file.name}"]["prob"]) for file in files]
    assert probs.max(dim=1).values.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_program_for_rows_takes_encoded_numbers(tmp_path):
    model = flower_model(write_flowers(tmp_path), tmp_path / "model")
    inputs = example_inputs(model, 5)
    program = torch.export.load(export_model(tmp_path / "model", out=tmp_path / "p.pt2")).module()
    assert torch.allclose(program(inputs), Exported(read_model(tmp_path / "model")).eval()(inputs), atol=1e-6)


def test_an_unknown_format_names_the_closest(tmp_path):
    with pytest.raises(ConfigError, match=r"--format 'onx' is not known.\nDid you mean 'onnx'\?"):
        export_model(tmp_path, format="onx")


@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is not None, reason="the extra is installed")
def test_onnx_without_its_extra_says_what_to_install(tmp_path):
    photo_model(tmp_path / "model")
    with pytest.raises(ConfigError, match=r"needs onnx and onnxscript.\npip install '\S+\[onnx\]'"):
        export_model(tmp_path / "model", format="onnx")
    assert not (tmp_path / "model" / "model.onnx").exists()


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnx, onnxscript and onnxruntime")
def test_an_onnx_file_gives_the_same_probabilities(tmp_path):
    import onnxruntime

    model = photo_model(tmp_path / "model", networks=2)
    session = onnxruntime.InferenceSession(str(export_model(tmp_path / "model", format="onnx")))
    inputs = example_inputs(model, 5)
    (probs,) = session.run(None, {"inputs": inputs.numpy()})
    assert torch.from_numpy(probs).numpy() == pytest.approx(Exported(model).eval()(inputs).detach().numpy(), abs=1e-4)
