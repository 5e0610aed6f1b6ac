"""A round trip for each layout that is read: its corrected data has the same form, and one label is another."""

from __future__ import annotations

from dataclasses import replace

import pytest

import labelaudit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import DataSettings
from labelaudit.gate.compare import content_hash_of
from labelaudit.sources.read import read_dataset
from tests.layouts import LAYOUTS
from tests.mended import audited, decide


def twins(layout):
    """Return how many samples there are of each: in folds the same images lie twice."""
    return 2 if "folds" in layout.name else 1


REFUSED = ("a partitioned table", "JSON from label to images")  # a label is where a row is, not what a cell holds
SEVERAL = [layout for layout in LAYOUTS if layout.labels]
ONE_LABEL = [layout for layout in LAYOUTS if not layout.labels and layout.name not in REFUSED]


@pytest.mark.parametrize("layout", ONE_LABEL, ids=[layout.name for layout in ONE_LABEL])
def test_a_layout_comes_back_with_one_other_label(tmp_path, layout):
    (tmp_path / "data").mkdir()
    source = layout.write(tmp_path / "data")
    audit, dataset = audited(tmp_path, source, **layout.settings)
    first = dataset.sample_ids[0]
    given = dataset.classes[int(dataset.given[0])]
    other = next(name for name in dataset.classes if name != given)
    decide(audit, first, other)
    applied = labelaudit.apply(audit)
    out = applied.output
    assert (out.is_dir(), out.suffix) == (source.is_dir(), source.suffix)
    settings = DataSettings(**layout.settings)
    if source.is_dir():
        settings = replace(settings, follow_links=False)  # what was linked is here now
    again = read_dataset(out, settings)
    assert (again.kind, again.classes, again.split) == (dataset.kind, dataset.classes, dataset.split)
    assert len(again) == len(dataset)
    before, after = (
        sorted((content_hash_of(each, i), each.classes[int(label)]) for i, label in enumerate(each.given))
        for each in (dataset, again)
    )
    if dataset.kind != "images" or content_hash_of(dataset, 0):
        assert len(set(before) - set(after)) == 1
        assert len(set(after) - set(before)) == 1
    place = applied.record.read_text() if applied.record else ""
    assert f'"before": "{given}", "after": "{other}"' in place
    counts = again.class_counts() - dataset.class_counts()
    assert sorted(counts.tolist()) == [-twins(layout), twins(layout)]


def test_every_layout_is_written_anew_without_the_sample_that_is_left_out(tmp_path):
    for number, layout in enumerate(ONE_LABEL):
        (tmp_path / f"{number}/data").mkdir(parents=True)
        source = layout.write(tmp_path / f"{number}/data")
        audit, dataset = audited(tmp_path / str(number), source, **layout.settings)
        decide(audit, dataset.sample_ids[0])
        out = labelaudit.apply(audit).output
        again = read_dataset(out, replace(DataSettings(**layout.settings), follow_links=False))
        assert (layout.name, len(again)) == (layout.name, len(dataset) - twins(layout))


@pytest.mark.parametrize("layout", SEVERAL, ids=[layout.name for layout in SEVERAL])
def test_a_layout_of_several_labels_comes_back_with_one_more_and_one_less(tmp_path, layout):
    (tmp_path / "data").mkdir()
    source = layout.write(tmp_path / "data")
    before = read_dataset(source, DataSettings(), several=True).samples
    assert before.several is not None
    has, names = before.several.has.copy(), before.several.names
    wrong = {f"{before.sample_ids[0]}#{names[1]}": names[1], f"{before.sample_ids[1]}#{names[0]}": f"not {names[0]}"}
    audit, _ = audited(tmp_path, source, wrong)
    (out,) = labelaudit.export(audit, "relabelled", output=tmp_path)
    again = read_dataset(out, DataSettings(image_root=str(source.parent)), several=True).samples
    has[0, 1], has[1, 0] = True, False
    assert again.several is not None
    assert (out.suffix, again.several.names) == (source.suffix, names)
    assert again.several.has.tolist() == has.tolist()
    assert [(use.name, use.use) for use in again.columns] == [(use.name, use.use) for use in before.columns]


@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_whose_labels_are_no_cells_is_refused_with_the_way_out(tmp_path, name):
    (layout,) = (layout for layout in LAYOUTS if layout.name == name)
    (tmp_path / "data").mkdir()
    source = layout.write(tmp_path / "data")
    audit, dataset = audited(tmp_path, source, **layout.settings)
    decide(audit, dataset.sample_ids[0], dataset.classes[1])
    with pytest.raises((ConfigError, DataError), match=r"labelaudit export --relabelled\.csv writes"):
        labelaudit.apply(audit)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".labelaudit", "data"]


@pytest.mark.slow
def test_layouts_are_inspected_scanned_exported_in_their_own_form_and_inspected_again(tmp_path):
    chosen = ("a folder per class", "ids of images in any folder", "decimal commas", "texts", "Parquet")
    for layout in (layout for layout in LAYOUTS if layout.name in chosen):
        root = tmp_path / layout.name
        (root / "data").mkdir(parents=True)
        source = layout.write(root / "data")
        before = labelaudit.inspect(source, estimate=False).to_dict()
        way = {"quick": True} if layout.kind == "texts" else {"method": "ce", "overrides": {"epochs": "1"}}
        audit = labelaudit.scan(source, root=root, **way)
        finding = audit.findings.iloc[0]
        other = next(name for name in layout.classes if name != finding["given_label"])
        for suspect in audit.suspects["sample_id"]:
            labelaudit.mark([suspect], verdict="ok", why="seen", audit=audit)
        labelaudit.mark([finding["sample_id"]], verdict="wrong", label=other, why="seen", audit=audit)
        (out,) = labelaudit.export(audit, "relabelled", output=root)
        folder = str(source.parent) if layout.name.startswith("ids") else None
        after = labelaudit.inspect(out, estimate=False, image_root=folder).to_dict()
        assert (after["kind"], out.suffix) == (before["kind"], source.suffix)
        names = [[(each["name"], each["use"]) for each in found["columns"]] for found in (before, after)]
        assert names[0] == names[1]
        moved = {name: after["classes"][name] - n for name, n in before["classes"].items()}
        assert moved == {finding["given_label"]: -1, other: 1}
