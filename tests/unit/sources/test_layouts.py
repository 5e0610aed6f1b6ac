"""Every layout of docs/reference/inputs.md is read as meant, and the page is up to date."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from labelaudit.core.recipe import DataSettings
from labelaudit.sources.preview import first_samples
from labelaudit.sources.probe import check_dataset
from labelaudit.sources.read import read_dataset
from tests.layouts import LAYOUTS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout.name for layout in LAYOUTS])
def test_a_layout_is_read_as_meant(tmp_path, layout):
    dataset = check_dataset(read_dataset(layout.write(tmp_path), DataSettings(**layout.settings), several=True))
    if layout.labels:
        several = dataset.samples.several
        assert several is not None
        assert (dataset.kind, several.names, len(dataset)) == (layout.kind, layout.labels, 12 * len(layout.labels))
        assert several.has[:, 0].tolist() == [True] * 6 + [False] * 6
        assert several.has.sum(axis=1).max() > 1
        return
    assert (dataset.kind, dataset.classes) == (layout.kind, layout.classes)
    assert len(dataset) == 12 * (2 if "folds" in layout.name else 1)
    assert dataset.class_counts().tolist() == [len(dataset) // 2] * 2
    assert dataset.set_aside == ()
    assert "cannot be read" not in str(first_samples(dataset))


def test_the_page_of_layouts_is_up_to_date():
    page = runpy.run_path(str(DOCS / "make_inputs_reference.py"))["render"]()
    assert (DOCS / "reference" / "inputs.md").read_text(encoding="utf-8") == page
