"""JSON text by the place of its values, so that all that is not changed stays byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labelaudit.mending.spans import Edit

_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
Key = str | int


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it is; members of an object by name, items of an array by position."""

    start: int
    end: int
    below: Mapping[Key, Node] = field(default_factory=dict)
    members: Sequence[tuple[int, int]] = ()  # where each member begins, its name included, and ends

    def at(self, path: Sequence[Key]) -> Node:
        """Return the value below; raises KeyError."""
        return self if not path else self.below[path[0]].at(path[1:])


def node_of(text: str, start: int = 0, *, depth: int) -> Node:
    """Return the value that begins somewhere in a text, and what it holds down to a depth of so many levels.

    Raises:
        json.JSONDecodeError: there is none.
    """
    start = _after_blanks(text, start)
    if depth == 0 or text[start : start + 1] not in ("{", "["):
        return Node(start, _DECODER.raw_decode(text, start)[1])
    is_object, at = text[start] == "{", _after_blanks(text, start + 1)
    below: dict[Key, Node] = {}
    members: list[tuple[int, int]] = []
    while text[at] not in "}]":
        begin, key = at, len(below)
        name: Key = key
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = _after_blanks(text, at) + 1  # the colon
        value = node_of(text, at, depth=depth - 1)
        below[name] = value
        members.append((begin, value.end))
        at = _after_blanks(text, value.end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return Node(start, at + 1, below, tuple(members))


def removals(node: Node, positions: Iterable[int]) -> list[Edit]:
    """Return the edits that remove members of an object or items of an array, each with one comma."""
    gone = frozenset(positions)
    edits = []
    kept_before = -1  # the last member that stays
    for place in range(len(node.members)):
        if place not in gone:
            kept_before = place
            continue
        if place + 1 < len(node.members):  # up to the next member: its comma goes, too
            edits.append(Edit(node.members[place][0], node.members[place + 1][0]))
        elif kept_before >= 0:  # the last one: the comma before it goes
            edits.append(Edit(node.members[kept_before][1], node.members[place][1]))
        else:
            edits.append(Edit(*node.members[place]))
    return edits


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None  # none is fine
    return found.end()
