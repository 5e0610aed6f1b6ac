"""Draw docs/images/rooms.svg, the rooms of the package and who imports whom: `python docs/make_rooms_picture.py`.

A test compares the file with a fresh one. Rooms and layers come from the layers of import-linter in pyproject.toml, the
words from each room's docstring, the dots from the import graph. Imports for types alone do not count.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "images" / "rooms.svg"
_ROW, _TOP, _MARGIN = 30, 96, 14  # pixels
_BOX, _WORDS, _COLUMN = 104, 520, 26  # widths in pixels
_LETTERS = 78  # that fit beside a box
_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .room { fill: #ddf4ff; stroke: #0969da } .name { font-weight: 600 } .words { fill: #59636e }
  .line { stroke: #d1d9e0 } .dot { fill: #0969da } .up { fill: #cf222e } .own { fill: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .room { fill: #121d2f; stroke: #4493f8 } .words { fill: #9198a1 }
    .line { stroke: #3d444d } .dot { fill: #4493f8 } .up { fill: #f85149 } .own { fill: #3d444d }
  }
</style>"""


def render() -> str:
    """Return the picture as SVG: a row and a column for each room, from the top layer to the bottom one."""
    layers = read_layers()
    rooms = [room for layer in layers for room in layer]
    used = imports_between(rooms)
    left = _MARGIN + _BOX + _WORDS
    width, height = left + _COLUMN * len(rooms) + 3 * _MARGIN, _TOP + _ROW * len(rooms) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<title>The rooms of labelaudit: a dot says that the room of the row imports the room of the column</title>",
        _STYLE,
        f'<text x="{_MARGIN}" y="{_TOP - 30}" class="words">each room may import only what is below its layer</text>',
        f'<text x="{_MARGIN}" y="{_TOP - 12}" class="words">dot: the room of the row imports that of the column</text>',
    ]
    for place, room in enumerate(rooms):
        x, y = left + _COLUMN * place + _COLUMN // 2, _TOP + _ROW * place
        parts.append(f'<text transform="translate({x + 4} {_TOP - 10}) rotate(-60)">{room}</text>')
        parts.append(f'<rect class="room" x="{_MARGIN}" y="{y + 3}" width="{_BOX}" height="{_ROW - 6}" rx="5"/>')
        parts.append(f'<text class="name" x="{_MARGIN + 9}" y="{y + 20}">{room}</text>')
        parts.append(f'<text class="words" x="{_MARGIN + _BOX + 9}" y="{y + 20}">{escape(words_of(room))}</text>')
        parts += [_dot(left, place, column, room, other, used) for column, other in enumerate(rooms)]
    borders, end = 0, left + _COLUMN * len(rooms)
    for layer in layers:
        y = _TOP + _ROW * borders
        parts.append(f'<line class="line" x1="{_MARGIN}" y1="{y}" x2="{end}" y2="{y}"/>')
        borders += len(layer)
    return "\n".join([*(part for part in parts if part), "</svg>", ""])


def read_layers() -> list[list[str]]:
    """Return the rooms of each layer, from top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    return [[name.strip().removeprefix("labelaudit.") for name in re.split(r"[|:]", layer)] for layer in layers]


def imports_between(rooms: list[str]) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second, however late."""
    graph = grimp.build_graph("labelaudit", exclude_type_checking_imports=True, cache_dir=None)
    pairs = {
        (module.split(".")[1], other.split(".")[1])
        for module in graph.modules - {"labelaudit"}
        for other in graph.find_modules_directly_imported_by(module) - {"labelaudit"}
    }
    return {(room, other) for room, other in pairs if room != other and {room, other} <= {*rooms}}


def words_of(room: str) -> str:
    """Return the docstring of a room, as much of it as fits."""
    text = ast.get_docstring(ast.parse((ROOT / "labelaudit" / room / "__init__.py").read_text("utf-8"))) or ""
    return textwrap.shorten(text.rstrip(".").replace("`", ""), _LETTERS, placeholder=" …")


def _dot(left: int, row: int, column: int, room: str, other: str, used: set[tuple[str, str]]) -> str:
    kind = "own" if room == other else "" if (room, other) not in used else "dot" if column > row else "up"
    x, y = left + _COLUMN * column + _COLUMN // 2, _TOP + _ROW * row + _ROW // 2
    return kind and f'<circle class="{kind}" cx="{x}" cy="{y}" r="{3 if kind == "own" else 6}"/>'


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
