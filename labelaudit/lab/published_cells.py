"""Every cell of the published tables: the settings that reproduce it, or why none does, and what a run needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import Recipe
from labelaudit.lab.published_names import why_not
from labelaudit.lab.published_schedules import published_recipe
from labelaudit.lab.published_tables import FROM_ELSEWHERE, TABLES, Setting, read_table, settings, settings_of

# Sources: S0 = arXiv:2007.00151, S1 = arXiv:1910.00701, S2 = arXiv:1912.08741, S3 = S0's page, S4 = arXiv:1904.11238.
PAPERS = {
    "S2": ("drpl", "Ortego et al. 2020, DRPL"),
    "S0": ("elr", "Liu et al. 2020, ELR and ELR+"),
    "S3": ("cifarn", "results of ELR and ELR+ on CIFAR-N"),
    "S4": ("bmm", "Arazo et al. 2019, dynamic bootstrapping"),
    "S1": ("ieg", "Zhang et al. 2020, IEG"),
}
_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4"}
_RATED_ELSEWHERE = ("modern_synthetic_accuracy",)  # of none of the five
_DATA = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "cifar10n": "CIFAR-10, CIFAR-10N's labels",
    "cifar100n": "CIFAR-100, CIFAR-100N's labels",
    "imagenet32": "ImageNet32",
    "imagenet64": "ImageNet64",
    "tinyimagenet": "Tiny ImageNet",
    "webvision50": "WebVision, 50 classes",
    "webvision-mini": "WebVision, google, 50 classes",
    "webvision": "WebVision, all",
    "clothing1m": "Clothing1M, ImageNet's weights",
}
_IMAGES = {  # that are trained on, as published
    **dict.fromkeys(("cifar10", "cifar100", "cifar10n", "cifar100n"), 50_000),
    **dict.fromkeys(("imagenet32", "imagenet64"), 127_000),
    "tinyimagenet": 100_000,
    "webvision50": 137_000,
    "webvision-mini": 66_000,
    "webvision": 2_400_000,
    "clothing1m": 1_000_000,
}
_HELD_OUT = 0.9  # of the images, where a tenth chooses the epoch
# Multiplications and additions of a forward pass, in units of 1e9, at the published image size.
_ARITHMETIC = {
    "preact-resnet18": 1.11,
    "preact-resnet18 at 64": 4.46,
    "cifar-resnet34": 2.32,
    "wrn-28-10": 10.5,
    "resnet29-v2": 0.26,
    "resnet18": 3.64,
    "resnet50": 8.22,
    "inception-resnet-v2": 15.2,
}
# No card has been measured yet: a twentieth of the 990e12 operations a second that the data sheet of an H100 promises
# in bf16. To be replaced by what `tests/gpu/measure.py` finds (docs/benchmarks.md).
_OPERATIONS_A_SECOND = 5e13
_OF_A_STEP = 3  # forward passes that a forward and a backward pass are worth


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a published table."""

    table: str  # "drpl/4"
    row: Mapping[str, str]  # as it is shipped
    settings: tuple[str, ...]  # names, the closest reading first; empty where nothing reproduces it
    reason: str = ""  # why nothing does


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A published table as a whole."""

    name: str  # "drpl/4"
    paper: str
    cells: int
    runnable: int
    settings: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Of all its settings, one after the other on one H100; an estimate, and torch is imported for it."""
        return sum(hours(settings()[each]) for each in self.settings)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {**asdict(self), "hours": round(self.hours, 1)}


@cache
def cells() -> tuple[Cell, ...]:
    """Return all cells of the five sources, in the order of their tables."""
    return tuple(_cells())


def _cells() -> Iterator[Cell]:
    for file in TABLES:
        for row in read_table(file) if file not in _RATED_ELSEWHERE else ():
            table = table_name(row["source"])
            if table is not None:
                names = tuple(each.name for each in settings_of(row))
                yield Cell(table, row, names, "" if names else why_not(row["method"]))


def table_name(source: str) -> str | None:
    """Return "drpl/4" for "S2 Table IV = DRPL README"; None for sources beside the five."""
    if source.startswith("DRPL README"):
        source = "S2 Table IV"
    paper, _, rest = source.partition(" ")
    if paper not in PAPERS:
        return None
    words = rest.replace(";", " ").split()
    number = words[1] if words[:1] == ["Table"] else "text" if paper != "S3" else "1"
    return f"{PAPERS[paper][0]}/{_ROMAN.get(number, number)}"


@cache
def tables() -> dict[str, TableFacts]:
    """Return the tables by name, paper by paper."""
    of_paper = dict(PAPERS.values())
    order = list(of_paper)
    names = sorted({cell.table for cell in cells()}, key=lambda name: (order.index(name.split("/")[0]), name))
    found = {}
    for name in names:
        mine = [cell for cell in cells() if cell.table == name]
        chosen = tuple(dict.fromkeys(each for cell in mine for each in cell.settings))
        known = [settings()[each] for each in chosen]
        found[name] = TableFacts(
            name=name,
            paper=of_paper[name.split("/")[0]],
            cells=len(mine),
            runnable=sum(bool(cell.settings) for cell in mine),
            settings=chosen,
            needs=tuple(dict.fromkeys(need for each in known for need in needs(each))),
        )
    return found


def require_table(name: str) -> TableFacts:
    """Return the table of a name; an unknown one raises ConfigError with the closest known one."""
    if name in tables():
        return tables()[name]
    hint = did_you_mean(name, tables()) or f"Known: {', '.join(tables())}."
    raise ConfigError(f"there is no published table {name!r}.", hint=hint)


def needs(setting: Setting) -> tuple[str, ...]:
    """Return what a run needs beside this program: data, labels, weights, foreign or trusted images."""
    found = [_DATA[setting.dataset]]
    if setting.planted is None and setting.dataset not in ("cifar10n", "cifar100n"):
        found.append("labels of a weak classifier")
    if setting.noise in FROM_ELSEWHERE:
        found.append({"open-cifar100": "CIFAR-100", "open-imagenet": "ImageNet"}.get(setting.noise, "both of these"))
    if setting.dataset.startswith("webvision") and setting.trusted_per_class:
        found.append("some of ImageNet's training images")
    if any(figure.measure.startswith("other") for figure in setting.figures):
        found.append("ImageNet's validation images")
    return tuple(found)


def hours(setting: Setting) -> float:
    """Return the hours that a setting takes on one H100: an estimate by its arithmetic, no card has been measured."""
    from labelaudit.scanning.rates import training_passes  # with torch, which --list does not wait for

    recipe = _recipe(setting)
    images = _IMAGES[setting.dataset] * (_HELD_OUT if setting.holds_out else 1.0)
    network, size = recipe.model.backbone, recipe.data.image_size
    arithmetic = _ARITHMETIC.get(f"{network} at {size}") or _ARITHMETIC[network]
    return training_passes(recipe) * images * _OF_A_STEP * arithmetic * 1e9 / _OPERATIONS_A_SECOND / 3600


def _recipe(setting: Setting) -> Recipe:
    from labelaudit.scanning.recipes import Facts, recipe_for
    from labelaudit.scanning.request import Request, settle

    name, overrides = published_recipe(setting)
    asked = settle(Request("data", recipe=name, method=setting.method, overrides=overrides, for_classifier=True))
    return recipe_for(Facts("images", _IMAGES[setting.dataset], 10, 32), asked)[0]


def shown_values(mine: Sequence[Cell], results: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], str]:
    """Return the text of each cell by (line, column): what was published, and what was found here.

    "92.92" was not run here; "92.92 -" nothing here can run; "92.92 | 93.10" was run as published; "92.92 | ~11.20" at
    another scale or with changes, not to be compared.
    """
    latest = {row["name"]: row for row in results}  # the last row of a name counts
    whole = {row["name"]: row for row in results if _is_whole(row)}
    found = {}
    for cell in mine:
        names = [name for name in cell.settings if name in latest]
        text = cell.row["value"]
        if not cell.settings:
            text += " -"
        elif names:
            row = whole.get(names[0], latest[names[0]])
            here = _here(row, settings()[names[0]], cell)
            text += "" if here is None else f" | {'' if _is_whole(row) else '~'}{here}"
        found[line_of(cell), column_of(cell)] = text
    return found


def _is_whole(row: Mapping[str, str]) -> bool:
    return row["epochs_scale"] == "1" and not row.get("changes")


def _here(row: Mapping[str, str], setting: Setting, cell: Cell) -> str | None:
    """Return what a run found for a cell, in the units of its table; None where it found nothing for it."""
    mine = [each for each in setting.figures if (each.method, each.source) == (cell.row["method"], cell.row["source"])]
    measured = dict(part.rsplit(" ", 1) for part in (row.get("here") or "").split("; ") if part)
    for each in settings_of(cell.row):
        wanted = each.figures[0]
        if each.name == setting.name and wanted in mine and wanted.measure in measured:
            percent = float(measured[wanted.measure])
            return f"{percent / 100:.2f}" if "detect" in cell.row["metric"] else f"{percent:.2f}"
    return None


def columns_of(mine: Sequence[Cell]) -> list[str]:
    """Return the columns of a table: its noises, in the order in which they stand."""
    return list(dict.fromkeys(column_of(cell) for cell in mine))


def column_of(cell: Cell) -> str:
    """Return the column of a cell: its noise and rate, as the table has them."""
    noise, rate = cell.row["noise_type"], cell.row["noise_rate"]
    return noise if noise in ("real", "human") or not rate else f"{noise} {rate}"


def line_of(cell: Cell) -> str:
    """Return the line of a cell: its dataset, method, and which accuracy it is."""
    metric = cell.row["metric"]
    plain = metric in ("test_acc", "val_acc", "test_acc_mean", "top1")
    return " | ".join([cell.row["dataset"], cell.row["method"], *([] if plain else [metric])])
