"""Charts as plain SVG: elements whose texts are escaped, scales, ticks and axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from labelaudit.core.arrays import FloatN


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to places in the picture."""

    low: float
    high: float
    start: float  # place of `low`
    end: float  # place of `high`

    def __call__(self, value: float) -> float:
        """Return the place of a value; values outside stay at the ends."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def of(self, values: Iterable[float]) -> list[float]:
        """Return the places of several values."""
        return [self(float(value)) for value in values]


@dataclass(frozen=True, slots=True)
class Tick:
    """A marked value of an axis."""

    value: float
    label: str


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element, its texts and values escaped; `class_` is class, `_` in names a hyphen, None is left out."""
    kept = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    words = Markup("").join(Markup(' {}="{}"').format(key.replace("viewbox", "viewBox"), _text(v)) for key, v in kept)
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), words, inner)


def picture(width: float, height: float, *children: object, title: str, class_: str = "chart") -> Markup:
    """Return a whole picture that says what it shows to those who cannot see it."""
    named = element("title", title)
    return element(
        "svg",
        named,
        *children,
        class_=class_,
        viewbox=f"0 0 {_text(width)} {_text(height)}",
        role="img",
        aria_label=title,
    )


def label(x: float, y: float, text: str, *, anchor: str = "middle", class_: str = "tick") -> Markup:
    """Return a text at a place."""
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(x: float, y: float, width: float, height: float, *, class_: str, tip: str | None = None) -> Markup:
    """Return a rectangle; `tip` shows under the pointer."""
    tips = [] if tip is None else [element("title", tip)]
    return element("rect", *tips, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=class_)


def path(xs: Sequence[float], ys: Sequence[float], *, class_: str) -> Markup:
    """Return the polyline through some points."""
    points = " ".join(f"{_text(x)},{_text(y)}" for x, y in zip(xs, ys, strict=True))
    return element("polyline", points=points, class_=class_)


def axis_below(scale: Scale, ticks: Sequence[Tick], *, y: float, name: str) -> Markup:
    """Return a horizontal axis with its name."""
    marks = [line(scale(t.value), y, scale(t.value), y + 4, class_="axis") for t in ticks]
    texts = [label(scale(t.value), y + 16, t.label) for t in ticks]
    middle = (scale.start + scale.end) / 2
    return Markup("").join(
        [line(scale.start, y, scale.end, y, class_="axis"), *marks, *texts, label(middle, y + 33, name, class_="name")]
    )


def axis_left(scale: Scale, ticks: Sequence[Tick], *, x: float, to: float) -> Markup:
    """Return the ticks of a vertical axis and the lines that lead to the right from them."""
    lines = [line(x, scale(t.value), to, scale(t.value), class_="grid") for t in ticks]
    texts = [label(x - 6, scale(t.value) + 4, t.label, anchor="end") for t in ticks]
    return Markup("").join([*lines, *texts])


def round_ticks(high: float, *, most: int = 5) -> list[float]:
    """Return 0 and round numbers up to `high`, at most so many steps of 1, 2 or 5 times a power of ten."""
    if high <= 0:
        return [0.0]
    rough = high / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough * (1 - 1e-9)))
    return [step * k for k in range(int(np.floor(high / step + 1e-9)) + 1)]


def stairs(edges: FloatN, heights: FloatN) -> tuple[FloatN, FloatN]:
    """Return the corners of the steps over some cells: (2 B,) places and heights."""
    return np.repeat(edges, 2)[1:-1], np.repeat(heights, 2)


def _text(value: object) -> str:
    """Return a number with two decimals at most: a page of a thousand points need not be larger."""
    if not isinstance(value, float | np.floating):
        return str(value)
    text = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
