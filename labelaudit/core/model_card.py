"""The model card: what a classifier is, what it learnt from, and how well it did, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelaudit.core.errors import shorten
from labelaudit.core.model_facts import ModelFacts
from labelaudit.core.shown import in_markdown

_INPUTS = {"images": "images", "features": "rows of a table", "embeddings": "embeddings"}


def render_card(facts: ModelFacts) -> str:
    """Return the model card as Markdown."""
    rows = {
        "classes": f"{len(facts.classes)}: {shorten(facts.classes, show=20)}",
        "sees": _what_it_sees(facts),
        "network": _network(facts),
        "method": facts.method,
        "labels": facts.labels,
        "learnt from": f"{facts.samples:,} samples of {facts.source}",
        "dataset fingerprint": facts.fingerprint,
        "recipe": f"{facts.recipe.get('name', '')}, seed {facts.recipe.get('seed', '')}, {facts.precision}",
        "made": f"{facts.made} by labelaudit {facts.labelaudit}",
    }
    lines = ["# Model card", "", "A classifier trained by labelaudit, in `model.safetensors` beside this page.", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {in_markdown(text)} |" for name, text in rows.items()), ""]
    lines += [*_metric_lines(facts.metrics), "## Use it", "", "```console"]
    lines += ["$ labelaudit predict model.safetensors DATA --output predictions.csv"]
    lines += ["$ labelaudit export-model model.safetensors --format torch", "```", ""]
    lines += _limits(facts)
    return "\n".join(lines) + "\n"


def _what_it_sees(facts: ModelFacts) -> str:
    if facts.images is not None:
        mirrored = ", and their mirror images" if facts.images.flip else ""
        return f"images of {facts.images.size}x{facts.images.size} pixels{mirrored}"
    if facts.columns:
        return f"the columns {shorten((column.name for column in facts.columns), show=10)}"
    return f"{_INPUTS[facts.kind]} of {facts.n_inputs} numbers"


def _network(facts: ModelFacts) -> str:
    head = "perceptron on frozen features of " if facts.frozen else ""
    several = f"; the mean of {facts.networks} networks" if facts.networks > 1 else ""
    return f"{head}{facts.backbone}{several}"


def _metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    test = metrics.get("test")
    if not test:
        return ["## How good it is", "", "No test data was given, so nobody knows.", ""]
    accuracy = test["accuracy"]
    lines = [
        "## How good it is",
        "",
        f"On {test['samples']:,} samples of {in_markdown(test['source'])}:",
        "",
        "| figure | value |",
        "|---|---|",
        f"| accuracy of the last epoch, which this file holds | {accuracy['last']:.4f} |",
        f"| mean of the last {accuracy['averaged_epochs']} epochs | {accuracy['mean_of_last']:.4f} |",
        f"| best epoch ({accuracy['best_epoch']}) | {accuracy['best']:.4f} |",
        f"| expected calibration error of the last epoch | {test['calibration_error']:.4f} |",
        "",
        "The best epoch was chosen by looking at the test data, which flatters: compare the last epoch.",
        "",
    ]
    return lines + _confusion_lines(test.get("confused") or [])


def _confusion_lines(pairs: list[Mapping[str, Any]]) -> list[str]:
    if not pairs:
        return []
    rows = [f"| {in_markdown(pair['true'])} | {in_markdown(pair['predicted'])} | {pair['count']:,} |" for pair in pairs]
    return ["Most confused:", "", "| true | predicted | samples |", "|---|---|---|", *rows, ""]


def _limits(facts: ModelFacts) -> list[str]:
    return [
        "## Limits",
        "",
        "It knows the classes above and no other: whatever it is shown, it answers with one of them.",
        f"It learnt from the labels called {in_markdown(facts.labels)}; what is wrong in them, it has learnt as well.",
    ]
