"""`labelaudit scan` and `labelaudit inspect`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import method_names
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.imports import importing
from labelaudit.cli.last_door import began
from labelaudit.cli.progress import ScanProgress
from labelaudit.cli.render import print_inspection, print_summary
from labelaudit.scanning.request import Request

Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the last unfinished scan of DATA, with its settings.",
        rich_help_panel="How to scan",
    ),
]

Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help="Judge only what is new since the last scan of DATA, with its networks and settings; trains nothing.",
        rich_help_panel="How to scan",
    ),
]
Finish = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD",
        help="Then train a classifier on what the scan suggests, e.g. with elr+; -o finish.KEY=VALUE sets it.",
        show_default=False,
        autocompletion=method_names,
        rich_help_panel="How to scan",
    ),
]


@reports_errors
@opt.once_called(root="--root")
@opt.options_of(Request)
def scan(
    data: opt.Source,
    settings: dict[str, Any],
    finish: Finish = None,
    update: Update = False,
    resume: Resume = False,
    stop_after: opt.StopAfter = None,
    root: opt.Root = ".",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Find the labels that are probably wrong, and what they should be.

    Trains a detector on the data as it is: no predicted probabilities, no configuration. Writes an audit below
    .labelaudit/ and prints a summary; the labels themselves are never touched.

    Examples:

      labelaudit scan photos/

      labelaudit scan labels.csv --image-root photos/ --label-column species

      labelaudit scan labels.csv --probs out_of_sample.npy

      labelaudit scan photos/ --budget 5m

      labelaudit scan photos/ --method gce --epochs-scale 0.1

      labelaudit scan photos/ --method ieg --trusted checked/ --trusted-per-class 10

      labelaudit scan photos/ --backbone resnet18 --weights default

      labelaudit scan photos/ --finish elr+

      labelaudit scan photos/ --update
    """
    if update:
        _update(data, device=settings["device"], root=root, json=json, quiet=quiet, no_color=no_color)
        return
    with importing():
        from labelaudit.api.scan import scan as run
        from labelaudit.training.ranks import launched_ranks

    is_main = launched_ranks().is_main
    with (
        _resumable(data, root),
        ScanProgress(quiet=quiet or not is_main, verbose=verbose, no_color=no_color) as progress,
    ):
        audit = run(
            data,
            finish=finish,
            root=root,
            resume=resume,
            stop_after=stop_after,
            began=began(),
            on_event=progress,
            **settings,
        )
    if not is_main:
        return
    if json:
        print_json(audit.summary)
    else:
        print_summary(make_console(no_color=no_color), audit.summary, root=root)


@reports_errors
@opt.options_of(Request)
def inspect(
    data: opt.Source,
    settings: dict[str, Any],
    json: opt.Json = False,
    quiet: opt.QuietAnyway = False,
    no_color: opt.NoColor = False,
) -> None:
    """Show what a scan would do: samples, classes, problems, recipe, time. Trains nothing.

    Examples:

      labelaudit inspect photos/

      labelaudit inspect labels.csv --label-column species --json
    """
    from labelaudit.api.inspect import inspect as run

    del quiet  # what it prints is all that it is for
    found = run(data, **settings).to_dict()
    if json:
        print_json(found)
    else:
        print_inspection(make_console(no_color=no_color), found, scan_command=_scan_command(data, settings))


def _update(data: str, *, device: str, root: str, json: bool, quiet: bool, no_color: bool) -> None:
    """Update the last audit of a dataset and print the new one."""
    with importing():
        from labelaudit.api.update import update as run

    with ScanProgress(quiet=quiet, verbose=False, no_color=no_color) as progress:
        updated = run(data, root=root, device=device, on_event=progress)
    if not quiet:
        make_console(stderr=True, no_color=no_color).print(updated.describe(), markup=False, soft_wrap=True)
    if json:
        print_json(updated.audit.summary)
    else:
        print_summary(make_console(no_color=no_color), updated.audit.summary, root=root)


@contextmanager
def _resumable(data: str, root: str) -> Iterator[None]:
    """Say how to go on when the scan is interrupted, once there is something to go on with."""
    try:
        yield
    except KeyboardInterrupt:
        from labelaudit.scanning.scan import stopped_audit

        if stopped_audit(root, data) is None:
            raise
        place = "" if root == "." else f" --output {shlex.quote(root)}"
        raise KeyboardInterrupt(f"labelaudit scan {shlex.quote(data)}{place} --resume goes on.") from None


def _scan_command(data: str, settings: dict[str, Any]) -> str:
    """Return the command line that scans what was inspected, with the same options."""
    words = ["labelaudit", "scan", data]
    for name, value in settings.items():
        if name == "overrides":
            words += [word for key, text in value.items() for word in ("--option", f"{key}={text}")]
        elif value != signature(scan).parameters[name].default:
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)
