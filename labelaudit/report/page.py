"""The page: facts and charts in one HTML file that loads nothing and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from scipy.special import expit

from labelaudit.core.wording import ends_of, headline, is_lost, percent, range_of
from labelaudit.report import charts
from labelaudit.report.cards import Card
from labelaudit.report.facts import Facts
from labelaudit.report.provenance import provenance_of, settings_of
from labelaudit.report.written import MARK

_HERE = Path(__file__).parent
_FILTERS = (("given", "Given label"), ("pair", "Given → suggested"), ("tier", "How sure"), ("kind", "Why"))
_PAIRS_SHOWN, _CLASSES_SHOWN = 100, 1000  # rows of tables


def render_page(facts: Facts) -> str:
    """Return the whole page as HTML."""
    style, script = (_own(_HERE / name) for name in ("page.css", "page.js"))
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "range_of": range_of, "with_code": with_code, "chance": chance}
    return environment.get_template("page.html.j2").render(
        mark=Markup(MARK),
        policy=policy_of(style, script),
        style=style,
        script=script,
        facts=facts,
        summary=facts.summary,
        noise=facts.summary["noise"],
        headline=headline(facts.summary),
        ends=ends_of(facts.summary),
        is_lost=is_lost(facts.summary),
        filters=filters_of(facts.cards),
        pictures=pictures_of(facts),
        legend=[] if facts.map is None else charts.legend_of_classes(facts.map.given),
        loss_rows=loss_rows(facts),
        classes=charts.noisiest(facts.summary["per_class"])[:_CLASSES_SHOWN],
        pairs=facts.flows.pairs[:_PAIRS_SHOWN],
        provenance=provenance_of(facts.name, facts.meta, facts.summary),
        settings=settings_of(facts.meta.get("recipe") or {}),
    )


def with_code(text: str) -> Markup:
    """Return a text as HTML; what stands between backticks is a command."""
    parts = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in parts)


def chance(prob: float) -> str:
    """Return a probability as "97 %"; never as certain."""
    return "> 99 %" if prob > 0.99 else "< 1 %" if prob < 0.01 else f"{prob:.0%}".replace("%", " %")


def policy_of(*inline: str) -> str:
    """Return a Content-Security-Policy under which these texts are the only style and script, and nothing is loaded."""
    style, script = (_hash(text) for text in inline)
    rules = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{style}'",
        "script-src": f"'sha256-{script}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {allowed}" for what, allowed in rules.items())


def filters_of(cards: Sequence[Card]) -> list[tuple[str, str, list[tuple[str, int]]]]:
    """Return (field, title, [(value, how many)]) of what the gallery can be filtered by, the most frequent first."""
    found = []
    for field, title in _FILTERS:
        counts: dict[str, int] = {}
        for card in cards:
            value = getattr(card, field)
            if value:
                counts[value] = counts.get(value, 0) + 1
        found.append((field, title, sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
    return found


def loss_rows(facts: Facts) -> list[tuple[str, str, int, int]]:
    """Return (least probability, largest, kept, suspects) of the cells of losses that hold a sample."""
    if facts.losses is None:
        return []
    ends = [f"{prob:.2%}".replace("%", " %") for prob in expit(-facts.losses.edges)]  # of the given label
    counts = zip(facts.losses.kept.tolist(), facts.losses.suspects.tolist(), strict=True)
    cells = zip(ends[1:], ends[:-1], counts, strict=True)
    return [(low, high, *both) for low, high, both in cells if any(both)]


def pictures_of(facts: Facts) -> Mapping[str, Any]:
    """Return the charts by name, None where there is nothing to draw."""
    witnesses = facts.summary["witnesses"]
    return {
        "losses": None if facts.losses is None else charts.loss_chart(facts.losses),
        "disputes": None if facts.disputes is None else charts.dispute_chart(facts.disputes),
        "classes": charts.class_chart(facts.summary["per_class"]),
        "flows": charts.flow_chart(facts.flows) if facts.flows.pairs else None,
        "map": None
        if facts.map is None
        else charts.plane_chart(
            facts.map.plane, facts.map.given, facts.map.suspect_rank, linked={card.rank for card in facts.cards}
        ),
        "looks": charts.looks_chart(facts.expected, facts.decided, facts.suspects),
        "witnesses": None if not witnesses else charts.witness_chart(witnesses["named"], witnesses["chance"]),
        "training": charts.epoch_chart(facts.training, name="Mean loss (nats)") if facts.training else None,
        "tested": charts.epoch_chart(facts.tested, name="Accuracy on held-out samples") if facts.tested else None,
    }


def _own(path: Path) -> Markup:
    return Markup(path.read_text("utf-8"))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
