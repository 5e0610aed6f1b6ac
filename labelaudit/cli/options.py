"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, get_type_hints

import typer

from labelaudit.cli.complete import audit_names, encoder_names, method_names, one_of
from labelaudit.core.errors import ConfigError

Command = Callable[..., None]

_DATA, _RUN, _OUT = "What to read", "How to scan", "What to print"


Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder with one sub-folder per class, a table (CSV, TSV, Parquet, JSONL), shards, or a URL.",
        show_default=False,
    ),
]
# Settings that the command line asks for, by the names of their fields; their types and defaults are the fields'.
FIELDS: dict[str, Any] = {
    "split": typer.Option(
        help="Which of train/, val/, test/ (or of a split column) to read; all for every one.",
        autocompletion=one_of("train", "val", "test", "all"),
        rich_help_panel=_DATA,
    ),
    "path_column": typer.Option(
        help="Column of a table that names the image.", show_default=False, rich_help_panel=_DATA
    ),
    "label_column": typer.Option(
        help="Column of a table that holds the label; or columns of 0 and 1, with commas.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "id_column": typer.Option(
        help="Column of a table that identifies a row.", show_default=False, rich_help_panel=_DATA
    ),
    "image_root": typer.Option(
        help="Folder that a table's paths are relative to.", show_default="the table's", rich_help_panel=_DATA
    ),
    "path_template": typer.Option(
        help='How bare ids become paths: "images/{image}.jpg".', show_default=False, rich_help_panel=_DATA
    ),
    "annotator_column": typer.Option(
        help="Column that says who answered, in a table with one row an answer; their consensus is the label.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "annotator_columns": typer.Option(
        help="Columns of the people who answered, in a table with one column a person.",
        metavar="A,B,...",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "embeddings": typer.Option(
        help="(N, D) numbers for the rows of the table, .npy, Parquet or CSV: taken instead of images.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "probs": typer.Option(
        help="(N, C) out-of-sample probabilities for the rows of the table, .npy, Parquet or CSV: trains nothing.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "prob_columns": typer.Option(
        help="The class of each column of --probs, - for one that is none; or a file, one a line.",
        metavar="A,B,...",
        show_default="the names of the columns, else sorted",
        rich_help_panel=_DATA,
    ),
    "fold_labels": typer.Option(
        "--fold-labels", help='Read class names like "Cat" and "cat " as one.', rich_help_panel=_DATA
    ),
    "labels_as_written": typer.Option(
        "--labels-as-written",
        help='Take every label as it is: none means "missing", none is a list of labels.',
        rich_help_panel=_DATA,
    ),
    "label_separator": typer.Option(
        metavar="TEXT",
        help='What stands between several labels in a cell: "|", " and ".',
        show_default="the one that all labels tell",
        rich_help_panel=_DATA,
    ),
    "class_names": typer.Option(
        metavar="FILE",
        help="Names of numbered classes: a line each, or JSON. Also the order of the columns of --probs.",
        show_default="classes.txt and the like beside the data",
        rich_help_panel=_DATA,
    ),
    "replace_prefix": typer.Option(
        metavar="OLD=NEW",
        help="What the paths of a table begin with, and what they begin with here.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "no_images": typer.Option(
        "--no-images", help="No column of the table names or holds images.", rich_help_panel=_DATA
    ),
    "feature_columns": typer.Option(
        metavar="A,B,...", help="Columns of a table to learn from.", show_default="all", rich_help_panel=_DATA
    ),
    "text_column": typer.Option(
        metavar="A,B,...", help="Columns that hold texts.", show_default=False, rich_help_panel=_DATA
    ),
    "follow_links": typer.Option(
        "--follow-links",
        help="Follow symbolic links out of the folder, as DVC and the Hugging Face cache use them.",
        rich_help_panel=_DATA,
    ),
    "encoding": typer.Option(
        help="Of a text table: windows-1252, utf-16, ...", show_default="utf-8", rich_help_panel=_DATA
    ),
    "delimiter": typer.Option(
        help="Between the cells of a text table; tab and blank by name.",
        show_default="the one that fits",
        rich_help_panel=_DATA,
    ),
    "quoting": typer.Option(
        metavar="auto|standard|none",
        help="Whether quotation marks enclose cells, or mean nothing.",
        autocompletion=one_of("auto", "standard", "none"),
        rich_help_panel=_DATA,
    ),
    "no_header": typer.Option("--no-header", help="The first line of a text table is data.", rich_help_panel=_DATA),
    "trusted": typer.Option(
        help="Samples whose labels are right: a table of ids or paths, or a folder with one sub-folder per class.",
        metavar="PATH",
        show_default=False,
        rich_help_panel=_DATA,
    ),
    "trusted_per_class": typer.Option(
        min=1, help="Take at most so many of each class.", show_default="all", rich_help_panel=_DATA
    ),
    "image_size": typer.Option(
        help="Pixels: images are resized to this short side and cut to a square in the middle.",
        show_default="the median short side, at most 224",
        rich_help_panel=_DATA,
    ),
    "recipe": typer.Option(
        "--recipe",
        help="fast (minutes), paper (the published schedule: hours, a GPU), paper:ROW, or a TOML file.",
        autocompletion=one_of("fast", "paper"),
        show_default="fast",
        rich_help_panel=_RUN,
    ),
    "method": typer.Option(
        "--method",
        help="Who looks for the errors; `labelaudit methods` lists all.",
        show_default="two-stage; probe for embeddings and texts; drpl for --recipe paper",
        autocompletion=method_names,
        rich_help_panel=_RUN,
    ),
    "epochs_scale": typer.Option(
        help="Shorten the schedule for a quick look: 0.1 trains a tenth of the epochs. Marked in the audit.",
        rich_help_panel=_RUN,
    ),
    "backbone": typer.Option(
        help="Network: small, medium, preact-resnet18, cifar-resnet34, wrn-28-10, resnet29-v2, inception-resnet-v2,"
        " or a resnet, mobilenet, convnext or efficientnet of torchvision, such as resnet50.",
        autocompletion=one_of(
            "small",
            "medium",
            "preact-resnet18",
            "cifar-resnet34",
            "wrn-28-10",
            "resnet29-v2",
            "inception-resnet-v2",
            "resnet18",
            "resnet50",
        ),
        show_default="the recipe's",
        rich_help_panel=_RUN,
    ),
    "weights": typer.Option(
        help="Where the network starts: none, default (fetches torchvision's), or a file.",
        autocompletion=one_of("none", "default"),
        rich_help_panel=_RUN,
    ),
    "encoder": typer.Option(
        help="Whose vectors to look at first: efficientnet-lite0 (needs no network), torchvision:MODEL or timm:MODEL.",
        show_default="efficientnet-lite0",
        autocompletion=encoder_names,
        rich_help_panel=_RUN,
    ),
    "quick": typer.Option(
        "--quick", help="Look only, with a pretrained encoder; train no network: seconds.", rich_help_panel=_RUN
    ),
    "budget": typer.Option(
        help="Time for all of it: 90s, 5m, 1h or max. Network, image size and epochs are fitted to it.",
        show_default="the recipe's own time",
        rich_help_panel=_RUN,
    ),
    "device": typer.Option(
        help="auto, cpu, cuda, cuda:1 or mps.",
        autocompletion=one_of("auto", "cpu", "cuda", "mps"),
        rich_help_panel=_RUN,
    ),
    "seed": typer.Option(
        min=0, help="On a CPU, the same seed and number of threads give the same results.", rich_help_panel=_RUN
    ),
    "overrides": typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Any setting of the recipe or method, e.g. -o epochs=10 -o train.batch_size=64.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
}
EpochsScale = Annotated[float, FIELDS["epochs_scale"]]
Device = Annotated[str, FIELDS["device"]]
Seed = Annotated[int, FIELDS["seed"]]
Override = Annotated[list[str] | None, FIELDS["overrides"]]
StopAfter = Annotated[
    str | None,
    typer.Option(
        help="Stop at the end of an epoch after this time (9m, 1h); --resume goes on. Exit code 130.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
Root = Annotated[
    str, typer.Option("--output", metavar="DIR", help="Folder that gets (or has) .labelaudit/.", rich_help_panel=_OUT)
]
AuditPath = Annotated[
    str | None,
    typer.Option(
        "--audit",
        metavar="PATH",
        help="An audit, the data it is of, or a folder with .labelaudit/.",
        show_default="the latest",
        autocompletion=audit_names,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The dataset.", show_default="where the audit found it"),
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
QuietAnyway = Annotated[  # of commands that print their result and nothing else
    bool, typer.Option("--quiet", "-q", help="Changes nothing here: there are no notes.", rich_help_panel=_OUT)
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line for every epoch.", rich_help_panel=_OUT)]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour; NO_COLOR does the same.", rich_help_panel=_OUT)]


def options_of(kind: type, *, without: Collection[str] = (), **defaults: Any) -> Callable[[Command], Command]:
    """Give a command an option for every field of a settings dataclass, in place of its parameter `settings`.

    The command gets one dict by the fields' names. Fields that `FIELDS` does not have are left alone; those that are
    settings themselves are taken apart.

    Args:
        kind: the dataclass; the order of its fields is that of the options.
        without: fields that the command does not ask for.
        **defaults: other defaults than the fields'.
    """
    own = {each.name: each for each in _options(kind) if each.name not in without}
    own |= {name: own[name].replace(default=default) for name, default in defaults.items()}

    def decorated(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(**values: Any) -> None:
            settings = {name: values.pop(name) for name in own}
            if "overrides" in settings:
                settings["overrides"] = parse_overrides(settings["overrides"])
            command(settings=settings, **values)

        signature = inspect.signature(command, eval_str=True)
        options: list[inspect.Parameter] = []
        for name, parameter in signature.parameters.items():
            options += own.values() if name == "settings" else [parameter.replace(kind=parameter.KEYWORD_ONLY)]
        with_settings.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]  # what typer reads
        with_settings.__annotations__ = {each.name: each.annotation for each in options} | {"return": None}
        return with_settings

    return decorated


def _options(kind: type) -> Iterator[inspect.Parameter]:
    """Yield the option of every field that has one, as a parameter of a command."""
    hints = get_type_hints(kind)
    for each in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[each.name]):
            yield from _options(hints[each.name])
        elif each.name == "overrides":
            yield _option(each.name, list[str] | None, None)  # -o KEY=VALUE, as often as there are keys
        elif each.name in FIELDS:
            yield _option(each.name, hints[each.name], each.default)


def _option(name: str, kind: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, FIELDS[name]]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def once_called(**old: str) -> Callable[[Command], Command]:
    """Let options be given by the names that they once had, too, so that scripts go on; help does not show these.

    Args:
        **old: parameter -> the flag that it was, such as root="--root".
    """

    def decorated(command: Command) -> Command:
        @functools.wraps(command)
        def with_old_names(**values: Any) -> None:
            for name in old:
                given = values.pop(f"{_OLD}{name}")
                if given is not None:
                    values[name] = given
            command(**values)

        signature = inspect.signature(command, eval_str=True)
        own = [each.replace(kind=each.KEYWORD_ONLY) for each in signature.parameters.values()]
        parameters = [*own, *(_hidden(f"{_OLD}{name}", flag) for name, flag in old.items())]
        with_old_names.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what typer reads
        with_old_names.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
        return with_old_names

    return decorated


def _hidden(name: str, flag: str) -> inspect.Parameter:
    annotation = Annotated[str | None, typer.Option(flag, hidden=True)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


_OLD = "once_"  # before the names of parameters that stand for old flags


def parse_overrides(pairs: list[str] | None) -> dict[str, str]:
    """Return {key: value} of "key=value" texts; anything else raises ConfigError."""
    overrides: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-o {pair!r} is not KEY=VALUE.", hint="For example: -o epochs=10.")
        overrides[key.strip()] = value.strip()
    return overrides
