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
