"""The charts of the page; every one has a table or a list behind it, and a title that says what it shows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from labelaudit.core.wording import percent, range_of
from labelaudit.report.curves import Line
from labelaudit.report.flows import Flows
from labelaudit.report.histogram import Histogram, odds_of
from labelaudit.report.plane import Plane
from labelaudit.report.svg import (
    Scale,
    Tick,
    axis_below,
    axis_left,
    box,
    element,
    label,
    line,
    path,
    picture,
    round_ticks,
    stairs,
)

_WIDTH, _HEIGHT = 560.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 16.0, 44.0  # margins
_BAR = 22.0  # height of a row with a bar
_CLASSES, _COLOURS = 20, 8
_PROBABILITIES = (0.999, 0.99, 0.9, 0.5, 0.1, 0.01, 0.001)  # of the given label, marked on the axis of losses
_LONGEST_NAME = 18  # characters


def loss_chart(histogram: Histogram) -> Markup:
    """Return how probable the given labels are to the model: kept ones, suspects, and the mixture of two."""
    ticks = [Tick(odds_of(prob), _as_percent(prob)) for prob in _PROBABILITIES]
    title = (
        f"Histogram of {histogram.samples:,} losses: kept labels and {int(histogram.suspects.sum()):,} suspects"
        " by the probability that the model gives the given label"
    )
    return _histogram(
        histogram, ticks, name="model's probability of the given label (loss rises to the right)", title=title
    )


def dispute_chart(histogram: Histogram) -> Markup:
    """Return how clearly the witnesses dispute the given labels."""
    ticks = [Tick(value, f"{value:g}".replace("-", "−")) for value in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    title = (
        f"Histogram of {histogram.samples:,} labels by how clearly the witnesses dispute them:"
        f" {int(histogram.suspects.sum()):,} are suspects"
    )
    name = "dispute, in units of their certainty elsewhere (above 0: another label)"
    return _histogram(histogram, ticks, name=name, title=title)


def class_chart(per_class: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the noise of the noisiest classes, with intervals."""
    rows = noisiest(per_class)[:_CLASSES]
    ends = [row["interval"][1] for row in rows if row["interval"]] + [row["share"] for row in rows]
    scale = Scale(0.0, max(max(ends, default=0.0), 0.01), 150.0, _WIDTH - 60.0)
    drawn: list[Markup] = []
    for at, row in enumerate(rows):
        y = _TOP + at * _BAR
        tip = f"{row['label']}: {percent(row['share'])} of {row['samples']:,}"
        drawn += [
            label(142.0, y + 14, short(row["label"]), anchor="end", class_="row"),
            box(scale.start, y + 4, scale(row["share"]) - scale.start, _BAR - 8, class_="suspects", tip=tip),
        ]
        if row["interval"]:
            low, high = scale.of(row["interval"])
            drawn += [line(low, y + 11, high, y + 11, class_="whisker")]
            drawn += [line(end, y + 7, end, y + 15, class_="whisker") for end in (low, high)]
        drawn.append(label(_WIDTH - 6, y + 15, percent(row["share"]), anchor="end", class_="value"))
    bottom = _TOP + len(rows) * _BAR + 4
    ticks = [Tick(value, percent(value).replace(".0", "")) for value in round_ticks(scale.high, most=4)]
    axis = axis_below(scale, ticks, y=bottom, name="share of wrong labels")
    first = rows[0] if rows else None
    most = f"; most in {first['label']}: {percent(first['share'])} ({range_of(first['interval'])})" if first else ""
    return picture(_WIDTH, bottom + 40, *drawn, axis, title=f"Noise of {len(rows)} classes{most}")


def noisiest(per_class: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the classes that have samples, the noisiest first."""
    return sorted((row for row in per_class if row["samples"]), key=lambda row: (-row["share"], row["label"]))


def flow_chart(flows: Flows) -> Markup:
    """Return the matrix of suspects: given label by suggested one."""
    size, m = 30.0, len(flows.classes)
    left, top = 150.0, 40.0 + 6.0 * max((len(short(name)) for name in flows.classes), default=0)  # slanted names
    width = max(left + m * size + 12, _WIDTH)
    most = max(int(flows.counts.max()) if m else 0, 1)
    drawn: list[Markup] = [
        label(left + m * size / 2, 12, "suggested label", class_="name"),
        label(8, top - 8, "given label", anchor="start", class_="name"),
    ]
    for at, name in enumerate(flows.classes):
        x = left + at * size + size / 2
        drawn.append(
            element("text", short(name), transform=f"translate({x + 4:.0f} {top - 6:.0f}) rotate(-60)", class_="row")
        )
        drawn.append(label(left - 8, top + at * size + size / 2 + 4, short(name), anchor="end", class_="row"))
    for given in range(m):
        for suggested in range(m):
            n = int(flows.counts[given, suggested])
            x, y = left + suggested * size, top + given * size
            tip = f"{flows.classes[given]} → {flows.classes[suggested]}: {n:,}"
            drawn.append(box(x + 1, y + 1, size - 2, size - 2, class_="cell"))
            if n:
                share = 0.15 + 0.85 * math.sqrt(n / most)
                heat = element(
                    "rect", element("title", tip), x=x + 1, y=y + 1, width=size - 2, height=size - 2,
                    class_="heat", fill_opacity=f"{share:.2f}",
                )  # fmt: skip
                drawn += [
                    heat,
                    label(x + size / 2, y + size / 2 + 4, f"{n:,}", class_="hot" if share > 0.6 else "cold"),
                ]
    n = int(flows.counts.sum())
    title = f"Matrix of {n:,} suspects by given and suggested label; the pairs are in the table behind it"
    return picture(width, top + m * size + 12, *drawn, title=title, class_="chart matrix")


def plane_chart(
    plane: Plane, given: Sequence[str], suspect_rank: Sequence[int], *, linked: Collection[int] = ()
) -> Markup:
    """Return the samples as points, coloured by given label; suspects are large and have a rim.

    Args:
        plane: M points.
        given: (M,) labels.
        suspect_rank: (M,) rank of suspects, 0 = no suspect.
        linked: ranks that have a card, to which their points lead.
    """
    side = 460.0
    across, up = Scale(0.0, 1.0, 10.0, _WIDTH - 10.0), Scale(0.0, 1.0, side - 10.0, 10.0)
    colour = {name: at for at, name in enumerate(largest(given, _COLOURS))}
    order = np.argsort(np.array(suspect_rank) > 0, kind="stable")  # suspects last: on top
    points = []
    for at in order.tolist():
        is_suspect = suspect_rank[at] > 0
        tip = f"{given[at]}, suspect {suspect_rank[at]:,}" if is_suspect else given[at]
        kind = f"dot c{colour.get(given[at], _COLOURS)}{' doubtful' if is_suspect else ''}"
        x, y = across(plane.x[at]), up(plane.y[at])
        point = element("circle", element("title", tip), cx=x, cy=y, r=4.5 if is_suspect else 2.5, class_=kind)
        is_linked = suspect_rank[at] in linked
        points.append(element("a", point, href=f"#s{suspect_rank[at]}", tabindex=-1) if is_linked else point)
    n = sum(rank > 0 for rank in suspect_rank)
    title = f"Map of {len(given):,} samples in two dimensions, {n:,} suspects among them; colours are given labels"
    return picture(_WIDTH, side, *points, title=title)


def legend_of_classes(given: Sequence[str]) -> list[tuple[str, int]]:
    """Return the classes that have a colour on the map, with its number, and what has the last one."""
    named = largest(given, _COLOURS)
    rest = len(set(given)) - len(named)
    return [*((name, at) for at, name in enumerate(named)), *([(f"{rest:,} other classes", _COLOURS)] if rest else [])]


def looks_chart(expected: Line, decided: Line, suspects: int) -> Markup:
    """Return the errors found against the samples looked at: as expected, by lot, and as people decided."""
    across = Scale(0.0, max(_worth_showing(expected, suspects), decided.x[-1], 1.0), _LEFT, _WIDTH - _RIGHT)
    up = Scale(0.0, max(expected.y[-1], decided.y[-1], 1.0), _HEIGHT - _BOTTOM, _TOP)
    by_lot = expected.y[-1] / max(expected.x[-1], 1.0)
    end = across.high
    drawn = [
        axis_left(up, [Tick(v, f"{v:,.0f}") for v in round_ticks(up.high)], x=_LEFT, to=_WIDTH - _RIGHT),
        axis_below(across, [Tick(v, f"{v:,.0f}") for v in round_ticks(end)], y=up.start, name="samples looked at"),
        path(across.of([0.0, end]), up.of([0.0, by_lot * end]), class_="line by-lot"),
        path(*_cut(expected, across, up), class_="line expected"),
    ]
    if len(decided.x) > 1:
        drawn.append(path(across.of(decided.x), up.of(decided.y), class_="line decided"))
    title = (
        f"Errors found against samples looked at: about {expected.y[-1]:,.0f} are expected in all;"
        f" {decided.y[-1]:,.0f} were found in {decided.x[-1]:,.0f} decisions"
    )
    return picture(_WIDTH, _HEIGHT, *drawn, title=title)


def witness_chart(named: Mapping[str, Mapping[str, Any]], chance: float) -> Markup:
    """Return how many of the given labels each witness would give, beside guessing."""
    scale = Scale(0.0, 1.0, 150.0, _WIDTH - 60.0)
    drawn: list[Markup] = []
    for at, (name, facts) in enumerate(named.items()):
        y = _TOP + at * _BAR
        drawn += [
            label(142.0, y + 14, short(name), anchor="end", class_="row"),
            box(scale.start, y + 4, scale(facts["agreement"]) - scale.start, _BAR - 8, class_="kept"),
            label(_WIDTH - 6, y + 15, percent(facts["agreement"]), anchor="end", class_="value"),
        ]
    bottom = _TOP + len(named) * _BAR + 4
    drawn.append(line(scale(chance), _TOP, scale(chance), bottom, class_="threshold"))
    ticks = [Tick(value, f"{value:.0%}".replace("%", " %")) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    axis = axis_below(scale, ticks, y=bottom, name="share of the given labels that it would give, too; line: guessing")
    shares = ", ".join(f"{name} {percent(facts['agreement'])}" for name, facts in named.items())
    return picture(
        _WIDTH, bottom + 40, *drawn, axis, title=f"Accuracy of the witnesses: {shares}; guessing {percent(chance)}"
    )


def epoch_chart(lines: Sequence[Line], *, name: str) -> Markup:
    """Return lines over epochs, coloured in their order."""
    low = min(min(each.y) for each in lines)
    high = max(max(each.y) for each in lines)
    across = Scale(1.0, max(max(each.x) for each in lines), _LEFT, _WIDTH - _RIGHT)
    up = Scale(min(low, 0.0), high if high > low else low + 1.0, _HEIGHT - _BOTTOM, _TOP)
    drawn = [
        axis_left(up, [Tick(v, f"{v:.3g}") for v in round_ticks(up.high)], x=_LEFT, to=_WIDTH - _RIGHT),
        axis_below(across, [Tick(v, f"{v:.0f}") for v in round_ticks(across.high) if v >= 1], y=up.start, name="epoch"),
    ]
    for at, each in enumerate(lines):
        xs, ys = across.of(each.x), up.of(each.y)
        kind = f"c{at % _COLOURS}"
        drawn.append(path(xs, ys, class_=f"line {kind}"))
        drawn += [element("circle", cx=x, cy=y, r=2.5, class_=f"dot {kind}") for x, y in zip(xs, ys, strict=True)]
    ends = ", ".join(f"{each.name} {each.y[-1]:.3g}" for each in lines)
    return picture(_WIDTH, _HEIGHT, *drawn, title=f"{name} over the epochs; at the end {ends}")


def largest(labels: Sequence[str], most: int) -> list[str]:
    """Return the most frequent labels."""
    names, sizes = np.unique(np.array(labels, dtype=object).astype(str), return_counts=True)
    return [str(name) for name in names[np.argsort(-sizes, kind="stable")][:most]]


def short(name: str) -> str:
    """Return a name that fits beside a chart."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _histogram(histogram: Histogram, ticks: Sequence[Tick], *, name: str, title: str) -> Markup:
    edges = histogram.edges
    whole = histogram.kept + histogram.suspects
    heights = [float(whole.max())]
    curves = histogram.curves
    if curves is not None:
        heights.append(float((curves.clean + curves.noisy).max()))
    # by the square root: a tenth of the labels is what this is about, and would be a line at the bottom
    up = Scale(0.0, math.sqrt(max(*heights, 1.0)), _HEIGHT - _BOTTOM, _TOP)
    across = Scale(float(edges[0]), float(edges[-1]), _LEFT, _WIDTH - _RIGHT)
    marks = [Tick(math.sqrt(v), f"{v:,.0f}") for v in _square_ticks(max(heights))]
    drawn = [axis_left(up, marks, x=_LEFT, to=_WIDTH - _RIGHT), axis_below(across, ticks, y=up.start, name=name)]
    for at in range(len(whole)):
        x, width = across(edges[at]), across(edges[at + 1]) - across(edges[at]) - 1
        top, middle = up(math.sqrt(whole[at])), up(math.sqrt(histogram.kept[at]))
        drawn.append(box(x, middle, width, up.start - middle, class_="kept", tip=f"{histogram.kept[at]:,} kept"))
        drawn.append(box(x, top, width, middle - top, class_="suspects", tip=f"{histogram.suspects[at]:,} suspects"))
    if curves is not None:
        for heights_of, kind in ((curves.clean, "clean"), (curves.noisy, "noisy")):
            xs, ys = stairs(edges, np.sqrt(heights_of))
            drawn.append(path(across.of(xs), up.of(ys), class_=f"line {kind}"))
    if histogram.threshold is not None and edges[0] < histogram.threshold < edges[-1]:
        x = across(histogram.threshold)
        drawn.append(line(x, _TOP, x, up.start, class_="threshold"))
    return picture(_WIDTH, _HEIGHT, *drawn, title=title)


def _square_ticks(high: float) -> list[float]:
    """Return 0, the largest power of ten, and what lies between on an axis by the square root."""
    power = 10.0 ** math.floor(math.log10(max(high, 1.0)))
    return sorted({0.0, *(v for v in (power / 100, power / 10, power, 2 * power, 5 * power) if 1 <= v <= high)})


def _worth_showing(expected: Line, suspects: int) -> float:
    """Return how many looks the chart shows: three times the suspects, or those that catch 95 % of the errors."""
    enough = next((x for x, y in zip(expected.x, expected.y, strict=True) if y >= 0.95 * expected.y[-1]), 0.0)
    return min(max(3.0 * suspects, 100.0, min(enough, 10.0 * max(suspects, 10))), expected.x[-1])


def _cut(each: Line, across: Scale, up: Scale) -> tuple[list[float], list[float]]:
    kept = [(x, y) for x, y in zip(each.x, each.y, strict=True) if x <= across.high]
    return across.of(x for x, _ in kept), up.of(y for _, y in kept)


def _as_percent(prob: float) -> str:
    return f"{prob * 100:g} %"
