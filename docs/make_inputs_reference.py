"""Write docs/reference/inputs.md from the inputs of the tests: `python docs/make_inputs_reference.py`.

A test compares the file with a fresh one, and reads every layout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "reference" / "inputs.md"
_INTRO = """# What is read

Generated from the inputs of the tests by `docs/make_inputs_reference.py`; do not edit.

`labelaudit inspect DATA` shows how an input will be read: what each column was taken for and why, what is left out, and
the first samples. Every guess is a line of its output; nothing that looks like the data is left out without one.
"""
_OUTRO = """
## Where a guess is wrong

| what | option |
|---|---|
| a column | `--label-column`, `--path-column`, `--id-column`, `--text-column`, `--feature-columns` |
| where images are | `--image-root`, `--path-template`, `--replace-prefix OLD=NEW`, `--follow-links`, `--no-images` |
| how text is written | `--encoding`, `--delimiter`, `--quoting`, `--no-header` |
| what labels mean | `--labels-as-written`, `--label-separator TEXT`, `--class-names FILE`, `--fold-labels` |
| which part | `--split` |

Read by extras: `.xlsx`, `.xls` and `.ods` with `labelaudit[sheets]`, `.heic` with `labelaudit[heif]`.

Refused, each with the way out: boxes of objects in images, splits without classes, several tables of which none is
called like a split, columns of `--probs` in an order that cannot be right, quotation marks that can be read in two
ways, DICOM, pickles and databases.
"""


def render() -> str:
    """Return the page."""
    return _INTRO + "".join(_tables()) + _OUTRO


def _tables() -> Iterator[str]:
    from tests.layouts import LAYOUTS

    for group in dict.fromkeys(layout.group for layout in LAYOUTS):
        yield f"\n## {group}\n\n| layout | example |\n|---|---|\n"
        for layout in LAYOUTS:
            if layout.group == group:
                yield f"| {_cell(layout.name)} | `{_cell(layout.example)}` |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    TARGET.write_text(render(), encoding="utf-8")
