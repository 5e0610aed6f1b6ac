import csv
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from labelaudit.api.scan import scan
from labelaudit.core.dataset import SetAside
from labelaudit.core.errors import ConfigError
from labelaudit.gate.columns import read_columns
from labelaudit.gate.compare import find_data, match, read_data
from tests.cli.terminal import write_flowers
from tests.gate_audit import Row, write_pictures, write_rows
from tests.published_copies import write_cifar10

ROWS = [Row("cat/1.png", "cat"), Row("cat/2.png", "cat", 0.1, "dog"), Row("dog/3.png", "dog"), Row("dog/4.png", "dog")]


def audited(folder, rows=ROWS, **facts):
    """Write pictures and their audit; return what compares them anew."""
    written = write_pictures(folder / "photos", rows)
    audit = write_rows(folder, written, **facts)

    def again(**options):
        data = read_data(audit, folder / "photos")
        return match(read_columns(audit.findings_path), data.dataset, **options)

    return folder / "photos", again


def test_the_dataset_as_it_was_is_judged(tmp_path):
    _, again = audited(tmp_path)
    found = again(contents=True)
    assert (found.comparison.total, found.comparison.unjudged, found.comparison.gone) == (4, (), 0)
    assert not found.gone.any()


def test_a_new_file_is_new_and_a_deleted_one_is_gone(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "cat/2.png").unlink()
    (photos / "dog/9.png").write_bytes(b"another picture")
    found = again()
    assert (found.comparison.new, found.comparison.gone) == (("dog/9.png",), 1)
    assert found.gone.tolist() == [False, True, False, False]


def test_a_renamed_file_keeps_its_verdict(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "cat/2.png").rename(photos / "cat/two.png")
    found = again()
    assert (found.comparison.renamed, found.comparison.unjudged, found.comparison.gone) == (1, (), 0)
    assert not found.gone.any()


def test_a_file_in_another_class_folder_has_another_label_and_no_verdict(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "cat/2.png").rename(photos / "dog/2.png")
    found = again()
    assert (found.comparison.relabelled, found.comparison.gone) == (("dog/2.png",), 0)
    assert found.gone.tolist() == [False, True, False, False]


def test_changed_content_shows_where_contents_are_compared_or_git_names_the_file(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "cat/1.png").write_bytes((photos / "dog/3.png").read_bytes()[:-1] + b"x")
    assert again().comparison.unjudged == ()
    found = again(contents=True)
    assert found.comparison.altered == ("cat/1.png",)
    assert found.gone.tolist() == [True, False, False, False]
    by_git = np.array([True, False, False, False])
    assert again(suspicious=by_git).comparison.altered == ("cat/1.png",)


def test_a_copy_under_another_label_has_another_label(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "dog/copy.png").write_bytes((photos / "cat/1.png").read_bytes())
    assert again().comparison.relabelled == ("dog/copy.png",)


def test_a_new_class_is_new_samples(tmp_path):
    photos, again = audited(tmp_path)
    (photos / "elk").mkdir()
    (photos / "elk/1.png").write_bytes(b"no picture")
    assert again().comparison.new == ("elk/1.png",)


def test_a_file_that_could_not_be_read_needs_no_new_scan(tmp_path):
    photos = tmp_path / "photos"
    broken = SetAside("cat/5.png", "cat/5.png", "cat", "unreadable", "empty")
    _, again = audited(tmp_path, set_aside=[broken])
    (photos / "cat/5.png").write_bytes(b"")
    assert again(contents=True).comparison.unjudged == ()


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made")
def test_a_name_that_is_not_utf8_is_found_again(tmp_path):
    odd = os.fsdecode(b"cat/\xff.png")
    _, again = audited(tmp_path, [*ROWS, Row(odd, "cat")])
    assert again().comparison.unjudged == ()


def scanned_table(folder):
    table = write_flowers(folder, n=60)
    lines = table.read_text().splitlines()
    audit = scan(
        table,
        root=folder,
        label_column="species",
        id_column=None,
        device="cpu",
        overrides={"networks": "1", "epochs": "1"},
    )
    return table, lines, audit


def test_rows_of_a_table_are_compared_by_their_cells(tmp_path):
    table, lines, audit = scanned_table(tmp_path)

    def again(rows):
        table.write_text("\n".join(rows) + "\n")
        return match(read_columns(audit.findings_path), read_data(audit, table).dataset).comparison

    assert again(lines).unjudged == ()
    relabelled = [*lines[:5], lines[5].rsplit(",", 1)[0] + "," + ("setosa", "virginica")["setosa" in lines[5]]]
    assert len(again([*relabelled, *lines[6:]]).relabelled) == 1
    cells = next(csv.reader([lines[7]]))
    assert again([*lines[:7], ",".join([cells[0], "99.5", *cells[2:]]), *lines[8:]]).altered == (cells[0],)
    assert again([*lines, "r999,1.0,2.0,red,setosa"]).new == ("r999",)
    gone = again([lines[0], *lines[3:]])
    assert (gone.unjudged, gone.gone, gone.renamed) == ((), 2, 0)


QUICK = {"networks": "1", "epochs": "1"}


def test_a_folder_in_a_published_layout_is_compared_as_the_scan_read_it(tmp_path):
    write_cifar10(tmp_path / "cifar")
    scanned = scan(tmp_path / "cifar", root=tmp_path, device="cpu", overrides=QUICK)
    found = match(read_columns(scanned.findings_path), read_data(scanned, tmp_path / "cifar").dataset)
    assert (found.comparison.total, found.comparison.unjudged, found.comparison.gone) == (20, (), 0)


def test_what_a_trusted_folder_adds_and_corrects_is_judged_wherever_the_check_runs(tmp_path, monkeypatch):
    write_pictures(tmp_path / "photos", [Row(f"{pet}/{i}.png", pet) for pet in ("cat", "dog") for i in range(3)])
    (tmp_path / "checked/cat").mkdir(parents=True)
    shutil.copy(tmp_path / "photos/dog/0.png", tmp_path / "checked/cat/a dog it was.png")
    Image.new("RGB", (4, 4), "white").save(tmp_path / "checked/cat/another.png")
    monkeypatch.chdir(tmp_path)
    scanned = scan("photos", trusted="checked", device="cpu", overrides=QUICK)
    monkeypatch.chdir(tmp_path / "photos")
    again = read_data(scanned, tmp_path / "photos").dataset
    assert len(again) == 7
    assert again.classes[again.given[again.sample_ids.index("dog/0.png")]] == "cat"
    assert match(read_columns(scanned.findings_path), again, contents=True).comparison.unjudged == ()


def test_data_is_sought_here_then_beside_the_audit_and_above(tmp_path, monkeypatch):
    audit = write_rows(tmp_path / "work" / "out", ROWS, source="photos")
    monkeypatch.chdir(tmp_path)
    assert "photos is not there, so the audit was not compared" in str(find_data(audit, None))
    (tmp_path / "work" / "photos").mkdir()
    assert find_data(audit, None) == (tmp_path / "work" / "photos")
    (tmp_path / "photos").mkdir()
    assert str(find_data(audit, None)) == "photos"
    assert find_data(audit, str(tmp_path / "work" / "photos")) == tmp_path / "work" / "photos"
    with pytest.raises(ConfigError, match="data nowhere does not exist"):
        find_data(audit, "nowhere")


def test_remote_data_is_left_alone(tmp_path):
    audit = write_rows(tmp_path, ROWS, source="s3://bucket/photos")
    assert find_data(audit, None) == (
        "s3://bucket/photos is not on this machine, so the audit was not compared with it"
    )


def test_comparing_a_folder_imports_neither_torch_nor_scikit_learn_nor_pandas():
    code = "import labelaudit.api.check, sys; print([m for m in ('torch', 'sklearn', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
