"""The page of a method names for each of its steps the function that does it."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from labelaudit.methods.registry import METHODS, require_method

PAGES = Path(__file__).parents[2] / "docs" / "methods"
_WITH_STEPS = [name for name, place in METHODS.items() if ":" not in place]  # those of one file differ in their loss


@pytest.mark.parametrize("name", _WITH_STEPS)
def test_every_step_of_a_page_names_a_function_of_the_method(name):
    text = (PAGES / f"{name.replace('+', '-plus')}.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d\. .*", text, re.MULTILINE)
    named = [re.match(r"\d\. \*\*[^*]+\*\* \(`(\w+)`(?: in `([\w/]+)\.py`)?", step) for step in steps]
    assert [step for step, function in zip(steps, named, strict=True) if function is None] == []
    functions = [(function[1], function[2]) for function in named if function is not None]
    assert len(functions) >= 2
    assert [function for function, file in functions if not hasattr(_module(name, file), function)] == []


def _module(name, file):
    return require_method(name) if file is None else import_module(f"labelaudit.{file.replace('/', '.')}")


# Methods of a paper, whose pages say in one table how paper, published code and this program differ.
_OF_PAPERS = ("baselines", "bootstrap", "dividemix", "drpl", "elr", "elr-plus", "forward", "ieg", "joint")
_DIFFERENCES = "| subject | paper | published code | here | why |"


@pytest.mark.parametrize("page", _OF_PAPERS)
def test_a_page_of_a_paper_has_one_table_of_what_differs_and_fills_every_cell_that_must_be(page):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    assert text.count(_DIFFERENCES) == 1
    body = text.split(_DIFFERENCES)[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body]
    assert len(rows) >= 4
    assert all(len(row) == 5 for row in rows)
    assert [row[0] for row in rows if not (row[1] and row[2] and row[3])] == []  # a dash where nothing is said
