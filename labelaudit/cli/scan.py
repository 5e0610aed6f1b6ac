"""`labelaudit scan` and `labelaudit inspect`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.imports import importing
from labelaudit.cli.progress import ScanProgress
from labelaudit.cli.render import print_inspection, print_summary

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
        autocompletion=opt.method_names,
        rich_help_panel="How to scan",
    ),
]


@reports_errors
def scan(
    data: opt.Source,
    split: opt.Split = "train",
    path_column: opt.PathColumn = None,
    label_column: opt.LabelColumn = None,
    id_column: opt.IdColumn = None,
    image_root: opt.ImageRoot = None,
    path_template: opt.PathTemplate = None,
    embeddings: opt.Embeddings = None,
    probs: opt.Probs = None,
    fold_labels: opt.FoldLabels = False,
    labels_as_written: opt.LabelsAsWritten = False,
    class_names: opt.ClassNames = None,
    replace_prefix: opt.ReplacePrefix = None,
    no_images: opt.NoImages = False,
    feature_columns: opt.FeatureColumns = None,
    text_column: opt.TextColumn = None,
    follow_links: opt.FollowLinks = False,
    encoding: opt.Encoding = None,
    delimiter: opt.Delimiter = None,
    quoting: opt.Quoting = "auto",
    no_header: opt.NoHeader = False,
    image_size: opt.ImageSize = None,
    trusted: opt.Trusted = None,
    trusted_per_class: opt.TrustedPerClass = None,
    method: opt.MethodName = None,
    recipe: opt.RecipeName = None,
    epochs_scale: opt.EpochsScale = 1.0,
    backbone: opt.Backbone = "auto",
    weights: opt.Weights = "none",
    budget: opt.Budget = None,
    finish: Finish = None,
    option: opt.Override = None,
    device: opt.Device = "auto",
    seed: opt.Seed = 0,
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
    reading = opt.data_settings(locals())
    if update:
        _update(data, device=device, root=root, json=json, quiet=quiet, no_color=no_color)
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
            method=method,
            recipe=recipe,
            epochs_scale=epochs_scale,
            backbone=backbone,
            weights=weights,
            seed=seed,
            device=device,
            budget=budget,
            finish=finish,
            overrides=opt.parse_overrides(option),
            root=root,
            resume=resume,
            stop_after=stop_after,
            on_event=progress,
            **reading,
        )
    if not is_main:
        return
    if json:
        print_json(audit.summary)
    else:
        print_summary(make_console(no_color=no_color), audit.summary, root=root)


@reports_errors
def inspect(
    data: opt.Source,
    split: opt.Split = "train",
    path_column: opt.PathColumn = None,
    label_column: opt.LabelColumn = None,
    id_column: opt.IdColumn = None,
    image_root: opt.ImageRoot = None,
    path_template: opt.PathTemplate = None,
    embeddings: opt.Embeddings = None,
    probs: opt.Probs = None,
    fold_labels: opt.FoldLabels = False,
    labels_as_written: opt.LabelsAsWritten = False,
    class_names: opt.ClassNames = None,
    replace_prefix: opt.ReplacePrefix = None,
    no_images: opt.NoImages = False,
    feature_columns: opt.FeatureColumns = None,
    text_column: opt.TextColumn = None,
    follow_links: opt.FollowLinks = False,
    encoding: opt.Encoding = None,
    delimiter: opt.Delimiter = None,
    quoting: opt.Quoting = "auto",
    no_header: opt.NoHeader = False,
    image_size: opt.ImageSize = None,
    trusted: opt.Trusted = None,
    trusted_per_class: opt.TrustedPerClass = None,
    method: opt.MethodName = None,
    recipe: opt.RecipeName = None,
    epochs_scale: opt.EpochsScale = 1.0,
    backbone: opt.Backbone = "auto",
    weights: opt.Weights = "none",
    budget: opt.Budget = None,
    option: opt.Override = None,
    device: opt.Device = "auto",
    seed: opt.Seed = 0,
    json: opt.Json = False,
    no_color: opt.NoColor = False,
) -> None:
    """Show what a scan would do: samples, classes, problems, recipe, time. Trains nothing.

    Examples:

      labelaudit inspect photos/

      labelaudit inspect labels.csv --label-column species --json
    """
    from labelaudit.api.inspect import inspect as run

    asked = opt.data_settings(locals()) | {
        "method": method,
        "recipe": recipe,
        "epochs_scale": epochs_scale,
        "backbone": backbone,
        "weights": weights,
        "budget": budget,
        "device": device,
        "seed": seed,
    }
    found = run(data, overrides=opt.parse_overrides(option), **asked).to_dict()
    if json:
        print_json(found)
    else:
        command = _scan_command(data, asked | {"option": option})
        print_inspection(make_console(no_color=no_color), found, scan_command=command)


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
        from labelaudit.api.scan import stopped_audit

        if stopped_audit(root, data) is None:
            raise
        place = "" if root == "." else f" --root {shlex.quote(root)}"
        raise KeyboardInterrupt(f"labelaudit scan {shlex.quote(data)}{place} --resume goes on.") from None


def _scan_command(data: str, asked: dict[str, Any]) -> str:
    """Return the command line that scans what was inspected, with the same options."""
    words = ["labelaudit", "scan", data]
    for name, value in asked.items():
        if value == signature(scan).parameters[name].default:
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list):
            words += [word for item in value for word in (flag, item)]
        else:
            words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)
