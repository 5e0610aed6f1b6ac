"""`labelaudit reproduce`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.imports import importing
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from labelaudit.lab.reproduction_folder import Reproduction

_OUT = ".labelaudit/reproduce"


def _complete(incomplete: str) -> list[str]:
    from labelaudit.lab.published_tables import settings

    return [name for name in settings() if name.startswith(incomplete)]


Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="METHOD/DATASET/NOISE-RATE, such as drpl/cifar10/sym-excl-0.4; none lists the tables.",
        show_default=False,
        autocompletion=_complete,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Your copy of the dataset, as it is published or as class folders below train/ and test/.",
        show_default=False,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="FILE[:COLUMN]", help="Noisy labels made by people, such as CIFAR-N's.", show_default=False),
]
Confusion = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Confusion matrix (.npy, Parquet) for noise that follows one.",
        show_default="a classifier's",
    ),
]
Others = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIR", help="Foreign images, for open sets from elsewhere; twice for two.", show_default=False
    ),
]
Trusted = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Class folders of images whose labels are right, where the data has none.",
        show_default=False,
    ),
]
ImageNetVal = Annotated[
    str | None,
    typer.Option(
        "--imagenet-val",
        metavar="DIR",
        help="ImageNet's validation images in class folders: tested on as well.",
        show_default=False,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="Where networks start: none, default (fetches torchvision's), or a file.", show_default="as published"
    ),
]
Backbone = Annotated[str | None, typer.Option(help="Another network; the row says so.", show_default="as published")]
Table = Annotated[
    str | None,
    typer.Option(
        metavar="TABLE",
        help="Print a published table, such as drpl/4, beside what was done here; with --data, run its settings first.",
        show_default=False,
    ),
]
Probes = Annotated[bool, typer.Option("--probes", help="Fit linear probes to the last network, level by level.")]
List = Annotated[bool, typer.Option("--list", help="List the published settings; with NAME those that contain it.")]
Out = Annotated[str, typer.Option("--output", metavar="DIR", help="Gets results.csv and what an unfinished run needs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run of this name, seed and scale.")]


@reports_errors
@opt.once_called(out="--out")
def reproduce(
    name: Name = None,
    data: Data = None,
    table: Table = None,
    labels: Labels = None,
    confusion: Confusion = None,
    others: Others = None,
    trusted: Trusted = None,
    imagenet_val: ImageNetVal = None,
    weights: Weights = None,
    backbone: Backbone = None,
    override: opt.Override = None,
    epochs_scale: opt.EpochsScale = 1.0,
    stop_after: opt.StopAfter = None,
    resume: Resume = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    probes: Probes = False,
    out: Out = _OUT,
    list_: List = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    no_color: opt.NoColor = False,
) -> None:
    """Run a published setting, and print its accuracy beside the published one.

    Plants the noise of the paper, trains with its schedule, tests after every epoch, and adds a row to
    OUT/results.csv. The data is yours: only --weights default downloads anything. Without NAME the published tables
    are listed.

    Examples:

      labelaudit reproduce

      labelaudit reproduce --table drpl/4

      labelaudit reproduce drpl/cifar10/sym-excl-0.4 --data cifar-10-batches-py --epochs-scale 0.02

      labelaudit reproduce elr+/cifar10n/worst --data cifar-10-batches-py --labels CIFAR-10_human.pt --stop-after 9m
    """
    console = make_console(no_color=no_color)
    if list_:
        _print_list(console, name or "", json=json)
        return
    if name is None and table is None:
        from labelaudit.cli.render_reproduce import print_tables

        print_tables(console, out, json=json)
        return
    words: dict[str, Any] = {
        "labels": labels,
        "confusion": confusion,
        "others": tuple(others or ()),
        "trusted": trusted,
        "imagenet_val": imagenet_val,
        "weights": weights,
        "backbone": backbone,
        "overrides": opt.parse_overrides(override),
        "epochs_scale": epochs_scale,
        "seed": seed,
        "device": device,
        "probes": probes,
        "out": out,
        "stop_after": stop_after,
    }
    if table is not None:
        _run_table(table, name or "", data, words, quiet=quiet, verbose=verbose, no_color=no_color, json=json)
        return
    from labelaudit.lab.published_tables import require_setting

    require_setting(str(name))  # a mistyped name must not wait for torch
    if data is None:
        raise ConfigError(f"{name}: no data.", hint="Name the folder of your copy with --data DIR.")
    with importing():
        from labelaudit.api.reproduce import reproduce as run
    with (
        _resumable(str(name), data=data, labels=labels, epochs_scale=epochs_scale, seed=seed, out=out),
        ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress,
    ):
        found = run(str(name), data, resume=resume, on_event=progress, **words)
    if json:
        print_json(found.to_dict())
    else:
        _print_result(console, found)


def _run_table(
    table: str,
    part: str,
    data: str | None,
    words: dict[str, Any],
    *,
    quiet: bool,
    verbose: bool,
    no_color: bool,
    json: bool,
) -> None:
    """Run what is asked for of a table, then print it."""
    from labelaudit.cli.render_reproduce import print_table
    from labelaudit.lab.published_cells import require_table

    require_table(table)
    if data is not None:
        with importing():
            from labelaudit.api.reproduce import reproduce_table
        with ScanProgress(quiet=quiet, verbose=verbose, no_color=no_color) as progress:
            reproduce_table(table, data, part=part, on_event=progress, **words)
    print_table(make_console(no_color=no_color), table, part, str(words["out"]), json=json)


def _print_list(console: Console, part: str, *, json: bool) -> None:
    """Print the settings that can be run, with what was published."""
    from labelaudit.lab.published_tables import settings

    chosen = [each for each in settings().values() if part in each.name]
    if json:
        rows = [{"name": each.name, "published": [figure.value for figure in each.figures]} for each in chosen]
        print_json({"schema": 1, "settings": rows})
        return
    for each in chosen:
        values = ", ".join(dict.fromkeys(f"{figure.value:g}" for figure in each.figures))
        console.print(f"{each.name}  {values}".rstrip(), markup=False, soft_wrap=True)


def _print_result(console: Console, found: Reproduction) -> None:
    """Print what was found, then each published figure with ours of the same epoch."""
    from rich import box
    from rich.table import Table

    from labelaudit.lab.published_tables import MEASURES

    scaled = "" if found.epochs_scale == 1 else f", schedule scaled to {found.epochs_scale:g}: not to be compared"
    scaled += f", changed: {found.changes}" if found.changes else ""
    wrong = "" if found.wrong is None else f", {100 * found.wrong:.1f} % of their labels wrong"
    accuracy = found.accuracy
    console.print(f"{found.setting.name}, seed {found.seed}{scaled}", markup=False, style="bold", soft_wrap=True)
    console.print(f"trained on {found.train_samples:,} images{wrong}; {found.test_samples:,} test images", markup=False)
    console.print(f"schedule: {found.schedule}", markup=False, soft_wrap=True)
    ours = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("accuracy here", "%"):
        ours.add_column(column, justify="right" if column == "%" else "left")
    ours.add_row("last epoch", f"{100 * accuracy.last:.2f}")
    ours.add_row(f"mean of the last {min(10, accuracy.epochs)}", f"{100 * accuracy.mean_of_last:.2f}")
    ours.add_row(f"best epoch ({accuracy.best_epoch}), chosen by the test set", f"{100 * accuracy.best:.2f}")
    if accuracy.held_out is not None:
        ours.add_row(
            f"epoch {accuracy.held_out_epoch}, best on held-out noisy labels", f"{100 * accuracy.held_out:.2f}"
        )
    console.print(ours)
    theirs = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("published", "source", "what", "here", "difference"):
        theirs.add_column(column, justify="right" if column in ("here", "difference") else "left", overflow="fold")
    for figure, value, difference in found.differences():
        spread = "" if figure.std is None else f" ± {figure.std:g}"
        here, off = ("", "") if value is None or difference is None else (f"{value:.2f}", f"{difference:+.2f}")
        what = MEASURES[figure.measure] + (f" ({figure.note})" if figure.note else "")
        theirs.add_row(f"{figure.value:g}{spread}", figure.source, what, here, off)
    if found.setting.figures:
        console.print(theirs)
    for level, share in found.levels:
        console.print(f"probe of {level}: {100 * share:.2f} %", markup=False)
    console.print(f"added to {found.results}", markup=False, soft_wrap=True)


@contextmanager
def _resumable(name: str, *, data: str, labels: str | None, epochs_scale: float, seed: int, out: str) -> Iterator[None]:
    """Say how to go on when the run is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        words = ["labelaudit", "reproduce", name, "--data", data]
        words += [] if labels is None else ["--labels", labels]
        words += [] if epochs_scale == 1 else ["--epochs-scale", f"{epochs_scale:g}"]
        words += [] if seed == 0 else ["--seed", str(seed)]
        words += [] if out == _OUT else ["--output", out]
        raise KeyboardInterrupt(f"{shlex.join(words)} --resume goes on.") from None
