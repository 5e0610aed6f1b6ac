"""The page of all published tables is made from them."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_the_published_tables_is_fresh():
    fresh = runpy.run_path(str(DOCS / "make_reproduction.py"))["text"]()
    assert (DOCS / "reproduction.md").read_text(encoding="utf-8") == fresh, "run python docs/make_reproduction.py"
