"""What a value read from a file must look like: small checks that fit into each other, and name the key that does not.

A check is a function of a value and its key; it raises Misfit. Keys that a record does not know are let through: a
newer version may have written them. Why not a library: docs/adr/0028.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Shape = Callable[[Any, str], None]


class Misfit(ValueError):  # noqa: N818 - not an error of the program
    """A value that is not what it must be; says the key, the value and what was expected."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        shown = repr(value)
        super().__init__(f"{key or 'it'} is {shown[:60]}{'...' if len(shown) > 60 else ''}, expected {expected}")


def anything(value: Any, key: str) -> None:
    """Let every value through."""
    del value, key


def text(value: Any, key: str) -> None:
    """Expect text without zero bytes: no path may have them."""
    if not isinstance(value, str) or "\0" in value:
        raise Misfit(key, value, "text")


def truth(value: Any, key: str) -> None:
    """Expect true or false."""
    if not isinstance(value, bool):
        raise Misfit(key, value, "true or false")


def instant(value: Any, key: str) -> None:
    """Expect a time with its zone, in ISO 8601."""
    text(value, key)
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise Misfit(key, value, "a time in ISO 8601")


def number(low: float = -1e300, high: float = 1e300) -> Shape:
    """Expect a finite number in a range."""

    def check(value: Any, key: str) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and low <= value <= high and math.isfinite(value)):
            raise Misfit(key, value, "a number" if low < -1e299 else f"a number from {low:g} to {high:g}")

    return check


def whole(low: int = 0, high: int = 2**53) -> Shape:
    """Expect a whole number in a range."""

    def check(value: Any, key: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Misfit(key, value, f"a whole number from {low:,}")

    return check


share = number(0.0, 1.0)


def one_of(*words: str) -> Shape:
    """Expect one of some words."""

    def check(value: Any, key: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise Misfit(key, value, f"one of {', '.join(words)}")

    return check


def maybe(inner: Shape) -> Shape:
    """Expect null or what fits."""

    def check(value: Any, key: str) -> None:
        if value is not None:
            inner(value, key)

    return check


def list_of(inner: Shape, length: int | None = None) -> Shape:
    """Expect a list whose items all fit."""

    def check(value: Any, key: str) -> None:
        if not isinstance(value, list) or length not in (None, len(value)):
            raise Misfit(key, value, "a list" if length is None else f"a list of {length}")
        for place, item in enumerate(value):
            inner(item, f"{key}[{place}]")

    return check


def map_of(inner: Shape) -> Shape:
    """Expect an object whose values all fit."""

    def check(value: Any, key: str) -> None:
        if not isinstance(value, Mapping):
            raise Misfit(key, value, "an object")
        for name, item in value.items():
            inner(item, _below(key, name))

    return check


def record(required: Mapping[str, Shape] | None = None, /, **optional: Shape) -> Shape:
    """Expect an object with some keys, and what fits where it has others of those named."""
    needed = dict(required or {})

    def check(value: Any, key: str) -> None:
        if not isinstance(value, Mapping):
            raise Misfit(key, value, "an object")
        for name in needed:
            if name not in value:
                raise Misfit(_below(key, name), None, "a value")
        for name, inner in (needed | optional).items():
            if name in value:
                inner(value[name], _below(key, name))

    return check


def _below(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)
