"""A trained classifier as text on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labelaudit.cli.render_verdict import plain_table

if TYPE_CHECKING:
    from rich.console import Console


def print_trained(console: Console, facts: Mapping[str, Any], labels: str, *, out: str) -> None:
    """Print what was trained, how good it is, and the command that uses it."""
    console.print()
    console.print(str(facts["source"]), style="bold", markup=False)
    several = f" (the mean of {facts['networks']})" if facts["networks"] > 1 else ""
    parts = [f"{facts['samples']:,} samples", f"{len(facts['classes'])} classes", facts["method"]]
    console.print(" · ".join([*parts, f"{facts['backbone']}{several}"]), style="dim", markup=False)
    console.print(f"\nLabels  {labels}", markup=False)
    print_test(console, facts["metrics"])
    folder = shlex.quote(out)
    console.print(f"\nModel in {out}", markup=False, soft_wrap=True)
    steps = [
        (f"labelaudit predict {folder} DATA", "labels for images or rows, as CSV"),
        (f"labelaudit export-model {folder}", "a program for torch.export"),
    ]
    width = max(len(command) for command, _ in steps)
    for command, purpose in steps:
        console.print(f"  {command:<{width}}  ", markup=False, soft_wrap=True, end="")
        console.print(purpose, style="dim", soft_wrap=True)


def print_test(console: Console, metrics: Mapping[str, Any]) -> None:
    """Print the three accuracies and say which is which; nothing where nothing was tested."""
    test = metrics.get("test")
    if not test:
        return
    accuracy = test["accuracy"]
    console.print()
    table = plain_table(f"On {test['samples']:,} samples of {test['source']}", "figure", ("value", "right"))
    table.add_row("accuracy of the last epoch, which is kept", f"{accuracy['last']:.4f}")
    table.add_row(f"mean of the last {accuracy['averaged_epochs']} epochs", f"{accuracy['mean_of_last']:.4f}")
    table.add_row(
        f"best epoch ({accuracy['best_epoch']}), chosen by the test data: flatters", f"{accuracy['best']:.4f}"
    )
    table.add_row("expected calibration error of the last epoch", f"{test['calibration_error']:.4f}")
    console.print(table, markup=False)
    if test["confused"]:
        console.print()
        pairs = plain_table("Most confused", "true", "predicted", ("samples", "right"))
        for pair in test["confused"][:5]:
            pairs.add_row(pair["true"], pair["predicted"], f"{pair['count']:,}")
        console.print(pairs, markup=False)
