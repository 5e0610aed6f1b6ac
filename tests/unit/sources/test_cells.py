"""Cells of columns as texts."""

import random

import pyarrow as pa

from labelaudit.sources.cells import cell_texts
from labelaudit.sources.features import _without_gaps


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
