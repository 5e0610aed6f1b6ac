"""How published settings were trained: the schedule of a method's own paper, or that of the table a rival stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import PublishedSchedule
from labelaudit.lab.published_tables import Setting
from labelaudit.methods.registry import require_method
from labelaudit.scanning.paper import published_schedules


@dataclass(frozen=True, slots=True)
class Plain:
    """One training of a network along milestones: what rivals without a schedule of their own are trained with."""

    title: str  # where it stands
    epochs: int
    rate: float
    at: tuple[int, ...]  # epochs from which the rate is a tenth; one that is named twice makes it a hundredth
    training: Mapping[str, str] = field(default_factory=dict)  # `key=value` settings on top of the dataset's


# S4 = arXiv:1904.11238, S0 = arXiv:2007.00151, S1 = arXiv:1910.00701.
PLAIN = {
    "300": Plain("S4 Table 2: 300 epochs of PreAct ResNet-18", 300, 0.1, (100, 250)),
    "120-epochs": Plain("S4 Table 1: 120 epochs of PreAct ResNet-18", 120, 0.1, (30, 80, 110)),
    "resnet34": Plain(
        "S0 Table 1: ELR's own schedule without its term, 120 epochs of ResNet-34",
        120,
        0.02,
        (41, 41, 81, 81),
        {"train.weight_decay": "1e-3", "model.backbone": "cifar-resnet34"},
    ),
    "resnet34-150": Plain(
        "S0 Table 1: ELR's own schedule without its term, 150 epochs of ResNet-34",
        150,
        0.02,
        (81, 81, 121, 121),
        {"train.weight_decay": "1e-3", "model.backbone": "cifar-resnet34"},
    ),
    "clothing1m": Plain(
        "S0 Table 3: 10 epochs of ResNet-50 from ImageNet's weights (from memory of its supplement)",
        10,
        0.001,
        (6,),
        {"train.weight_decay": "1e-3", "train.batch_size": "64"},
    ),
    "webvision": Plain("S2 Table III gives none: 150 epochs of ResNet-18", 150, 0.1, (100, 125)),
    "resnet50": Plain("S1 Table 5 gives none: 100 epochs of ResNet-50", 100, 0.1, (51, 81)),
    "wrn-28-10": Plain(
        "S1 Table A1 gives none: 200 epochs of WRN-28-10",
        200,
        0.1,
        (61, 121, 161),
        {"model.backbone": "wrn-28-10", "train.weight_decay": "5e-4"},
    ),
    "resnet29": Plain(
        "S1 Table A1 gives none: 200 epochs of ResNet-29",
        200,
        0.1,
        (81, 121, 161),
        {"model.backbone": "resnet29-v2"},
    ),
}
# How the images of a dataset are looked at, and by which network where a schedule does not say.
_SMALL = {"data.image_size": "32", "train.crop_padding": "4", "model.backbone": "preact-resnet18"}
_CIFAR10 = {**_SMALL, "train.normalise": "cifar10"}
_CIFAR100 = {**_SMALL, "train.normalise": "cifar100"}
_IMAGENET64 = {**_SMALL, "data.image_size": "64", "train.crop_padding": "8", "train.normalise": "imagenet"}
_PHOTOGRAPHS = {
    "data.image_size": "224",
    "train.crop_padding": "0",
    "train.crop_margin": "32",
    "train.framing": "whole",
    "train.normalise": "imagenet",
}
IMAGES = {
    "cifar10": _CIFAR10,
    "cifar10n": _CIFAR10,
    "cifar100": _CIFAR100,
    "cifar100n": _CIFAR100,
    "imagenet32": {**_SMALL, "train.normalise": "imagenet"},
    "imagenet64": _IMAGENET64,
    "tinyimagenet": {**_IMAGENET64, "train.crop_padding": "4"},
    "webvision50": {**_PHOTOGRAPHS, "model.backbone": "resnet18"},
    "webvision-mini": {
        **_PHOTOGRAPHS,
        "data.image_size": "227",
        "train.crop_margin": "29",
        "model.backbone": "inception-resnet-v2",
        "train.batch_size": "32",
    },
    "webvision": {**_PHOTOGRAPHS, "model.backbone": "resnet50"},
    "clothing1m": {
        **_PHOTOGRAPHS,
        "train.normalise": "clothing1m",
        "model.backbone": "resnet50",
        "train.batch_size": "64",
    },
}
_BASE = {
    "schedule": "milestones",
    "train.batch_size": "128",
    "train.weight_decay": "1e-4",
    "train.nesterov": "false",
    "train.flip": "true",
}
_ROWS = {  # of the published schedules; the others are called as their dataset
    "cifar10n": "cifar10",
    "cifar100n": "cifar100",
    "tinyimagenet": "imagenet64",
    "webvision50": "webvision",
    "webvision-mini": "webvision",
}
_TEN = ("cifar10", "cifar10n", "clothing1m")  # datasets of about ten classes
_UNMIXED = ("static-soft", "static-hard", "dy-s", "dy-h")  # variants of bootstrapping with a schedule of their own
# What a method takes on top of its row: DRPL's other network of S2's text, and DivideMix's settings from memory.
_OWN = MappingProxyType(
    {
        ("drpl", "webvision-mini"): {
            "model.backbone": "inception-resnet-v2",
            "data.image_size": "227",
            "train.crop_margin": "29",
        },
        ("dividemix", "clothing1m"): {"epochs": "80", "milestones": "41", "peak_lr": "0.002", "warmup_epochs": "1"},
        ("dividemix", "webvision-mini"): {"epochs": "100", "milestones": "51", "peak_lr": "0.01", "warmup_epochs": "1"},
        ("dividemix", "webvision50"): {"epochs": "100", "milestones": "51", "peak_lr": "0.01", "warmup_epochs": "1"},
    }
)


def published_recipe(setting: Setting) -> tuple[str, dict[str, str]]:
    """Return the recipe of a setting as `settle` takes it: its name, and settings on top.

    Raises:
        ConfigError: the method has no published schedule for such data.
    """
    if setting.schedule:
        return "fast", _plain(setting) | dict(setting.options)
    row, is_own = _row(setting)
    images = {} if is_own else IMAGES[setting.dataset]
    return f"paper:{row}", images | _OWN.get((setting.method, setting.dataset), {}) | dict(setting.options)


def schedule_title(setting: Setting) -> str:
    """Return where the schedule of a setting stands."""
    if setting.schedule:
        return PLAIN[setting.schedule].title
    row, is_own = _row(setting)
    return f"{setting.method}'s own, {row}" + ("" if is_own else f", on the images of {setting.dataset}")


def starts_from_weights(setting: Setting) -> bool:
    """Whether the paper started from ImageNet's weights."""
    return setting.dataset == "clothing1m"


def _plain(setting: Setting) -> dict[str, str]:
    """Return the settings of a rival: of its table's schedule, on the images of its dataset."""
    plain = PLAIN[setting.schedule]
    names = require_method(setting.method).Options.__dataclass_fields__
    at = ",".join(map(str, plain.at))
    schedule = {"peak_lr": f"{plain.rate:g}"}
    for stage in ("", "stage1_", "stage2_"):
        if f"{stage}epochs" in names:
            schedule |= {f"{stage}epochs": str(plain.epochs), f"{stage}milestones": at}
    if setting.method == "bootstrap":
        schedule |= {"warmup_epochs": "1"}
    if setting.method == "sce" and setting.dataset not in _TEN:
        schedule |= {"alpha": "6", "beta": "0.1"}  # arXiv:1908.06112, for CIFAR-100
    if "record" in names:
        schedule |= {"record": "0"}
    return {**_BASE, **IMAGES[setting.dataset], **schedule, **plain.training}


def _row(setting: Setting) -> tuple[str, bool]:
    """Return the row of the method's published schedules, and whether it is of such data."""
    rows: Mapping[str, PublishedSchedule] = published_schedules(setting.method)
    own = _ROWS.get(setting.dataset, setting.dataset)
    others = "cifar10" if setting.dataset in _TEN else "cifar100"
    kinds = ["-asym"] * setting.noise.startswith("asym")
    kinds += ["-unmixed"] * (setting.options.get("variant") in _UNMIXED)
    for base, is_own in ((own, True), (others, False), ("cifar10", False)):
        for kind in (*kinds, ""):
            if base + kind in rows:
                return base + kind, is_own
    raise ConfigError(
        f"{setting.name}: {setting.method} has no published schedule for {own}.",
        hint=f"It has some for {', '.join(rows) or 'nothing'}.",
    )
