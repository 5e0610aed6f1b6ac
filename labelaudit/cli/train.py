"""`labelaudit train`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import method_names, one_of
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.imports import importing
from labelaudit.cli.progress import ScanProgress
from labelaudit.cli.render_model import print_trained
from labelaudit.scanning.request import Request

if TYPE_CHECKING:
    from labelaudit.classifier.train import Trained

_LEARN, _RUN = "What to learn", "How to scan"

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="[AUDIT|DATA]", help="An audit, or a dataset: then its newest audit.", show_default="the latest audit"
    ),
]
Out = Annotated[str, typer.Option("--output", metavar="DIR", help="Folder for model.safetensors and MODEL.md.")]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="given; suggested (confident suggestions applied); soft (the audit's probabilities); split (labels that"
        " the audit keeps, and the network's own predictions elsewhere). Decisions of people go first.",
        show_default="suggested with an audit, else given",
        autocompletion=one_of("given", "suggested", "soft", "split"),
        rich_help_panel=_LEARN,
    ),
]
Test = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Labelled data to test on after every epoch: its split called test where there is one, else all of it.",
        show_default=False,
        rich_help_panel=_LEARN,
    ),
]
TestEmbeddings = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Embeddings of the rows of --test.", show_default=False, rich_help_panel=_LEARN),
]
TrainMethod = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        show_default="elr+",
        help="See `labelaudit methods`.",
        autocompletion=method_names,
    ),
]
Root = Annotated[str, typer.Option("--root", metavar="DIR", help="Folder that has .labelaudit/ with the audits.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the model that DIR has.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the stopped training of DIR, with its settings.", rich_help_panel=_RUN),
]


@reports_errors
@opt.once_called(out="--out")
@opt.options_of(Request, without=("method", "probs", "prob_columns", "quick", "encoder"))
def train(
    *,
    source: Source = None,
    out: Out = "model",
    labels: Labels = None,
    method: TrainMethod = None,
    test: Test = None,
    test_embeddings: TestEmbeddings = None,
    settings: dict[str, Any],
    overwrite: Overwrite = False,
    resume: Resume = False,
    stop_after: opt.StopAfter = None,
    root: Root = ".",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Train the classifier to go home with, on labels that an audit and people have mended.

    Writes model.safetensors and a model card; `labelaudit predict` uses it. The labels on disk are never touched.

    Examples:

      labelaudit train

      labelaudit train photos/ --test photos/ --output pets

      labelaudit train --labels split --backbone resnet18 --weights default
    """
    with importing():
        from labelaudit.api.train import train as run
        from labelaudit.training.ranks import launched_ranks

    is_main = launched_ranks().is_main
    with (
        _resumable(out),
        ScanProgress(quiet=quiet or not is_main, verbose=verbose, no_color=no_color) as progress,
    ):
        trained: Trained = run(
            source,
            out=out,
            labels=labels,
            method=method,
            test=test,
            test_embeddings=test_embeddings,
            root=root,
            overwrite=overwrite,
            resume=resume,
            stop_after=stop_after,
            on_event=progress,
            **settings,
        )
    if not is_main:
        return
    if json:
        print_json(trained.to_dict())
    else:
        print_trained(make_console(no_color=no_color), trained.facts.to_dict(), trained.labels, out=out)


@contextmanager
def _resumable(out: str) -> Iterator[None]:
    """Say how to go on when the training is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        place = "" if out == "model" else f" --output {shlex.quote(out)}"
        raise KeyboardInterrupt(f"labelaudit train{place} --resume goes on.") from None
