"""`labelaudit predict` and `labelaudit export-model`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import one_of
from labelaudit.cli.console import make_console, reports_errors
from labelaudit.cli.imports import importing
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.errors import count
from labelaudit.core.recipe import DataSettings

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A model.safetensors of train or scan, or the folder that has it.", show_default=False
    ),
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="A folder of images at any depth, or a table; no labels needed.", show_default=False
    ),
]
Out = Annotated[str, typer.Option("--output", metavar="FILE", help="The CSV to write; - for stdout.")]
Top = Annotated[int, typer.Option(min=1, help="How many labels to give for each sample.")]
Raw = Annotated[bool, typer.Option("--raw", help="Leave cells as they are that a spreadsheet would run as a formula.")]
ModelFormat = Annotated[
    str,
    typer.Option(
        "--format", metavar="NAME", help="torch (torch.export, .pt2) or onnx.", autocompletion=one_of("torch", "onnx")
    ),
]
ModelOut = Annotated[
    str | None,
    typer.Option("--output", metavar="FILE", help="Where to write.", show_default="beside the model"),
]


@reports_errors
@opt.once_called(out="--out")
@opt.options_of(
    DataSettings,
    without=(
        "label_column",
        "annotator_column",
        "annotator_columns",
        "probs",
        "prob_columns",
        "fold_labels",
        "image_size",
        "trusted",
        "trusted_per_class",
    ),
    split="all",
)
def predict(
    *,
    model: Model,
    data: Data,
    out: Out = "predictions.csv",
    top: Top = 5,
    raw: Raw = False,
    settings: dict[str, Any],
    device: opt.Device = "auto",
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Classify a folder of images or the rows of a table with a trained model, and write a CSV.

    One row for each sample: sample_id, label, prob, then the next labels with theirs, and error. A broken image is a
    row with an error and no label.

    Examples:

      labelaudit predict model/ photos/

      labelaudit predict model/model.safetensors new.csv --output - --top 1 | head
    """
    with importing():
        from labelaudit.api.predict import predict as run

    with ScanProgress(quiet=quiet, verbose=False, no_color=no_color) as progress:
        found = run(
            model,
            data,
            out=None if out == "-" else out,
            top=top,
            raw=raw,
            device=device,
            on_event=progress,
            **settings,
        )
    if found.path is None:
        sys.stdout.buffer.write(found.text.encode("utf-8", "backslashreplace"))
        return
    without = f"; {found.broken:,} could not be classified" if found.broken else ""
    console = make_console(stderr=True, no_color=no_color)
    console.print(f"wrote {found.path}: {count(found.samples, 'sample')}{without}", markup=False, soft_wrap=True)


@reports_errors
@opt.once_called(out="--out")
def export_model(
    model: Model,
    format: ModelFormat = "torch",  # noqa: A002 - the name of the option
    out: ModelOut = None,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Write a trained model for programs that know nothing of labelaudit.

    The file takes images as (B, 3, S, S) RGB numbers from 0 to 1, or rows of encoded numbers (B, D), and gives (B, C)
    probabilities; normalising, mirror images and the mean over networks are inside.

    Examples:

      labelaudit export-model model/

      labelaudit export-model model/ --format onnx --output pets.onnx
    """
    with importing():
        from labelaudit.api.export_model import export_model as run

    path = run(model, format=format, out=out)
    if not quiet:
        make_console(stderr=True, no_color=no_color).print(f"wrote {path}", markup=False, soft_wrap=True)
