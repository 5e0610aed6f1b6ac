"""Cells of columns as texts."""

import random

import pyarrow as pa
import pytest

from labelaudit.sources.cells import cell_texts
from labelaudit.sources.features import _without_gaps
from labelaudit.sources.list_cells import items_of


def test_parts_of_a_column_have_the_texts_of_the_whole():
    """Before pyarrow 24, its if_else has bytes of other cells in the parts of a column."""
    for seed in range(100):
        draw = random.Random(seed)
        texts = [draw.choice([None, "", " ", "NA", "ab", "abc", "é"]) for _ in range(2 + draw.randrange(60))]
        at = draw.randrange(len(texts))
        whole = pa.array(texts, pa.string())
        parts = pa.chunked_array([whole.slice(at), whole.slice(0, at)])
        expected = [text if (text or "").strip() else None for text in texts[at:] + texts[:at]]
        assert cell_texts(parts) == expected
        assert _without_gaps(parts).to_pylist() == ["\0" if text is None else text for text in expected]


@pytest.mark.parametrize("text", ["{a\rb}", "[" + "1" * 5000 + "]", "[" + "1" * 5000 + " 2]", "(" * 5000 + ")" * 5000])
def test_a_cell_that_looks_like_a_list_and_is_none_is_text(text):
    assert items_of(text) is None
