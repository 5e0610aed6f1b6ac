"""Options that several commands share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings

_DATA, _RUN, _OUT = "What to read", "How to scan", "What to print"


def method_names(incomplete: str) -> list[str]:
    """Return the methods whose names begin so, for the completion of the shell."""
    from labelaudit.methods.registry import METHODS

    return [name for name in METHODS if name.startswith(incomplete)]


Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder with one sub-folder per class, a table (CSV, TSV, Parquet, JSONL), shards, or a URL.",
        show_default=False,
    ),
]
Split = Annotated[
    str,
    typer.Option(
        help="Which of train/, val/, test/ (or of a split column) to read; all for every one.", rich_help_panel=_DATA
    ),
]
PathColumn = Annotated[
    str | None, typer.Option(help="Column of a table that names the image.", show_default=False, rich_help_panel=_DATA)
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of a table that holds the label.", show_default=False, rich_help_panel=_DATA)
]
IdColumn = Annotated[
    str | None, typer.Option(help="Column of a table that identifies a row.", show_default=False, rich_help_panel=_DATA)
]
ImageRoot = Annotated[
    str | None,
    typer.Option(
        help="Folder that a table's paths are relative to.", show_default="the table's", rich_help_panel=_DATA
    ),
]
PathTemplate = Annotated[
    str | None,
    typer.Option(help='How bare ids become paths: "images/{image}.jpg".', show_default=False, rich_help_panel=_DATA),
]
Embeddings = Annotated[
    str | None,
    typer.Option(
        help="(N, D) numbers for the rows of the table, .npy or Parquet: trains on them instead of images.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
Probs = Annotated[
    str | None,
    typer.Option(
        help="(N, C) out-of-sample probabilities for the rows of the table, .npy or Parquet: trains nothing.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
FoldLabels = Annotated[
    bool, typer.Option("--fold-labels", help='Read class names like "Cat" and "cat " as one.', rich_help_panel=_DATA)
]
LabelsAsWritten = Annotated[
    bool,
    typer.Option(
        "--labels-as-written",
        help='Take every label as it is: none means "missing", none is a list of labels.',
        rich_help_panel=_DATA,
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Names of numbered classes: a line each, or JSON. Also the order of the columns of --probs.",
        show_default="classes.txt and the like beside the data",
        rich_help_panel=_DATA,
    ),
]
ReplacePrefix = Annotated[
    str | None,
    typer.Option(
        metavar="OLD=NEW",
        help="What the paths of a table begin with, and what they begin with here.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
NoImages = Annotated[
    bool, typer.Option("--no-images", help="No column of the table names or holds images.", rich_help_panel=_DATA)
]
FeatureColumns = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...", help="Columns of a table to learn from.", show_default="all", rich_help_panel=_DATA
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Columns that hold texts.", show_default=False, rich_help_panel=_DATA),
]
FollowLinks = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Follow symbolic links out of the folder, as DVC and the Hugging Face cache use them.",
        rich_help_panel=_DATA,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Of a text table: windows-1252, utf-16, ...", show_default="utf-8", rich_help_panel=_DATA),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        help="Between the cells of a text table; tab and blank by name.",
        show_default="the one that fits",
        rich_help_panel=_DATA,
    ),
]
Quoting = Annotated[
    str,
    typer.Option(
        metavar="auto|standard|none",
        help="Whether quotation marks enclose cells, or mean nothing.",
        rich_help_panel=_DATA,
    ),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line of a text table is data.", rich_help_panel=_DATA)
]
Trusted = Annotated[
    str | None,
    typer.Option(
        help="Samples whose labels are right: a table of ids or paths, or a folder with one sub-folder per class.",
        metavar="PATH",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
TrustedPerClass = Annotated[
    int | None,
    typer.Option(min=1, help="Take at most so many of each class.", show_default="all", rich_help_panel=_DATA),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        help="Pixels: images are resized to this short side and cut to a square in the middle.",
        show_default="the median short side, at most 224",
        rich_help_panel=_DATA,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="fast (minutes), paper (the published schedule: hours, a GPU), paper:ROW, or a TOML file.",
        show_default="fast",
        rich_help_panel=_RUN,
    ),
]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method",
        help="Who looks for the errors; `labelaudit methods` lists all.",
        show_default="panel, drpl for --recipe paper",
        autocompletion=method_names,
        rich_help_panel=_RUN,
    ),
]
EpochsScale = Annotated[
    float,
    typer.Option(
        help="Shorten the schedule for a quick look: 0.1 trains a tenth of the epochs. Marked in the audit.",
        rich_help_panel=_RUN,
    ),
]
StopAfter = Annotated[
    str | None,
    typer.Option(
        help="Stop at the end of an epoch after this time (9m, 1h); --resume goes on. Exit code 130.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
Backbone = Annotated[
    str,
    typer.Option(
        help="Network: small, medium, preact-resnet18, cifar-resnet34, or a resnet, mobilenet, convnext"
        " or efficientnet of torchvision, such as resnet50.",
        show_default="the recipe's",
        rich_help_panel=_RUN,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        help="Where the network starts: none, default (fetches torchvision's), or a file.", rich_help_panel=_RUN
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        help="Time for the scan: 90s, 5m, 1h or max. Network, image size and epochs are fitted to it.",
        show_default="the recipe's own time",
        rich_help_panel=_RUN,
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_RUN)]
Seed = Annotated[
    int,
    typer.Option(
        min=0, help="On a CPU, the same seed and number of threads give the same findings.", rich_help_panel=_RUN
    ),
]
Override = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Any setting of the recipe or method, e.g. -o epochs=10 -o train.batch_size=64.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
Root = Annotated[
    str, typer.Option("--root", metavar="DIR", help="Folder that gets (or has) .labelaudit/.", rich_help_panel=_OUT)
]
AuditPath = Annotated[
    str | None,
    typer.Option("--audit", metavar="PATH", help="An audit, or a folder with .labelaudit/.", show_default="the latest"),
]
Config = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="labelaudit.toml, or pyproject.toml with \\[tool.labelaudit].",
        show_default="the nearest here or above",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The file of known suspects.", show_default="labelaudit-baseline.tsv"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.", rich_help_panel=_OUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.", rich_help_panel=_OUT)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for every epoch.", rich_help_panel=_OUT)]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour; NO_COLOR does the same.", rich_help_panel=_OUT)]


def data_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a command's options that say how to read the data; their names are those of `DataSettings`."""
    return {field.name: options[field.name] for field in dataclasses.fields(DataSettings) if field.name in options}


def parse_overrides(pairs: list[str] | None) -> dict[str, str]:
    """Return {key: value} of "key=value" texts; anything else raises ConfigError."""
    overrides: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-o {pair!r} is not KEY=VALUE.", hint="For example: -o epochs=10.")
        overrides[key.strip()] = value.strip()
    return overrides
