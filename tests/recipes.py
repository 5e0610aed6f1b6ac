"""The recipe that a command would choose, without data: what tests of recipes and their costs start from."""

from __future__ import annotations

from typing import Any

from labelaudit.core.recipe import Recipe
from labelaudit.methods.registry import METHODS
from labelaudit.scanning.recipes import Facts, recipe_for, with_epochs
from labelaudit.scanning.request import Request, settle

LEARNERS = [name for name in METHODS if with_epochs(name, 1)]  # the others train no network


def choose_recipe(facts: Facts, **asked: Any) -> tuple[Recipe, str]:
    """Return the resolved recipe and the sentence that says why; `asked` is what a `Request` takes."""
    return recipe_for(facts, settle(Request("photos", **asked)))
