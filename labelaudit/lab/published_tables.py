"""Published settings by name, and the figures that papers give for them; the tables are in lab/published/."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from labelaudit.core.errors import ConfigError, did_you_mean

Measure = Literal["last", "best", "held-out", "unstated"]

MEASURES: dict[Measure, str] = {
    "last": "last epoch",
    "best": "best by test",
    "held-out": "best by held-out labels",
    "unstated": "not stated",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One published accuracy."""

    value: float  # percent
    std: float | None  # over the paper's runs
    measure: Measure  # of which epoch
    method: str  # as the table calls it
    source: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What was trained on what."""

    name: str  # METHOD/DATASET/NOISE-RATE[/VARIANT]
    method: str  # of the registry
    dataset: str
    noise: str  # sym-excl, asym, clean, real, worst, ...
    rate: float  # nominal; 0 where nothing is planted
    options: Mapping[str, str]  # of the method
    trusted_per_class: int  # samples whose labels the method may trust
    variant: str
    figures: tuple[Figure, ...]

    @property
    def planted(self) -> str | None:
        """The noise as `parse_noise` reads it; None where the labels are those of a file, or noisy already."""
        if self.noise in _NOISE_TEXTS:
            return _NOISE_TEXTS[self.noise].format(rate=self.rate)
        return None

    @property
    def is_exact(self) -> bool:
        """Whether the paper's code flipped an exact number of labels, and not each with a probability."""
        if self.method == "drpl":
            return not self.noise.startswith("asym")
        return self.method not in _BY_CHANCE


@dataclass(frozen=True, slots=True)
class _Name:
    """What a table's name of a method is here."""

    name: str  # first part of a setting's name
    method: str
    options: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""


def _bootstrap(name: str) -> _Name:
    return _Name(name, "bootstrap", {"variant": name})


_METHODS = {
    "DRPL": _Name("drpl", "drpl"),
    "ELR": _Name("elr", "elr"),
    "ELR*cosine": _Name("elr", "elr", {"schedule": "cosine", "epochs": "150"}, variant="cosine"),
    "ELR+": _Name("elr+", "elr+"),
    "ELR+*best-epoch": _Name("elr+", "elr+"),
    "DivideMix": _Name("dividemix", "dividemix"),
    **{name: _bootstrap(name.lower()) for name in ("DY-S", "DY-H", "M-DYR-S", "M-DYR-H", "MD-DYR-H", "MD-DYR-SH")},
    "ST-S": _bootstrap("static-soft"),
    "ST-H": _bootstrap("static-hard"),
    **{
        name: _Name("ieg", "ieg")
        for name in ("IEG (0.1k probe, WRN28-10)", "IEG (0.1k probe)", "IEG", "IEG @0.8 uniform", "IEG-5 full")
    },
    "IEG (0.5k probe)": _Name("ieg", "ieg"),
    "IEG (1k probe)": _Name("ieg", "ieg"),
    "CE": _Name("ce", "ce"),
    "mixup": _Name("mixup", "mixup"),
    "M": _Name("mixup", "mixup"),
}
_DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "TinyImageNet": "tinyimagenet",
    "ImageNet32-100": "imagenet32",
    "ImageNet64-100": "imagenet64",
    "WebVision-50 (all sources, 137K, ResNet-18)": "webvision50",
    "mini-WebVision val": "webvision-mini",
    "Clothing1M": "clothing1m",
    "CIFAR-100N": "cifar100n",
    **{f"CIFAR-10N-{name.title()}": "cifar10n" for name in ("aggregate", "random1", "random2", "random3", "worst")},
}
# What the methods have a published schedule for.
_DATASETS_OF = {
    "drpl": ("cifar10", "cifar100", "imagenet32", "imagenet64", "webvision50"),
    "elr": ("cifar10", "cifar100", "cifar10n", "cifar100n"),
    "elr+": ("cifar10", "cifar100", "cifar10n", "cifar100n", "clothing1m", "webvision-mini"),
    "dividemix": ("cifar10", "cifar100", "cifar10n", "cifar100n"),
    "bootstrap": ("cifar10", "cifar100", "tinyimagenet"),
    "ieg": ("cifar10", "cifar100"),
    "ce": ("cifar10", "cifar100"),
    "mixup": ("cifar10", "cifar100"),
}
_NOISES = {
    "sym_with_true": "sym-incl",
    "uniform_with_true": "sym-incl",
    "sym_without_true": "sym-excl",
    "U": "sym-excl",
    "NU": "asym",
    "asym": "asym",
    "asym_block5": "asym-block5",
    "U-ID": "sym-excl",
    "NU-ID": "confusion",
    "U-OOD": "open-set",
    "NU-OOD": "open-confusion",
    "none": "clean",
    "real": "real",
    "semantic(VGG13 on 5%)": "semantic",
    "semantic(VGG13 on 20%)": "semantic",
}
_NOISE_TEXTS = {
    "clean": "none",
    "real": "none",
    "sym-excl": "sym_excl:{rate:g}",
    "sym-incl": "sym_incl:{rate:g}",
    "asym": "asym_c10:{rate:g}",
    "asym-super": "asym_c100_super:{rate:g}",
    "asym-block5": "block5:{rate:g}",
    "confusion": "confusion:{rate:g}",
    "open-set": "open_set:{rate:g}:900",  # classes beside the 100 that are trained on
    "open-confusion": "open_confusion:{rate:g}:900",
}
# How the tables call an accuracy -> which epoch it is of. S1 takes the model where the learning rate is lowest.
_METRICS: dict[str, Measure] = {
    "test_acc_best": "best",
    "val_acc_best": "best",
    "val_acc_last": "last",
    "test_acc_at_best_noisy_val": "held-out",
    "test_acc": "unstated",
    "test_acc_mean": "unstated",
    "val_acc": "unstated",
    "top1": "unstated",
}
_BY_CHANCE = ("bootstrap", "ieg")  # their codes flip each label with a probability
_TABLES = (
    *("drpl_table4_cifar", "drpl_table2_imagenet32_64", "drpl_table3_webvision", "elr_table1", "elr_tables2to5"),
    *("arazo_tables", "ieg_tables", "cifarn_accuracy", "modern_synthetic_accuracy"),
)


@cache
def settings() -> dict[str, Setting]:
    """Return the settings that can be run, by name, in the order of the tables."""
    found: dict[str, Setting] = {}
    for table in _TABLES:
        for row in read_table(table):
            setting = _setting(row)
            if setting is not None:
                before = found[setting.name].figures if setting.name in found else ()
                found[setting.name] = _with_figures(setting, before + setting.figures)
    return dict(sorted(found.items(), key=lambda item: list(_DATASETS_OF).index(item[1].method)))


def require_setting(name: str) -> Setting:
    """Return the setting of a name; an unknown one raises ConfigError with the closest known one."""
    known = settings()
    if name in known:
        return known[name]
    hint = did_you_mean(name, known) or "labelaudit reproduce --list names them all."
    raise ConfigError(f"there is no published setting {name!r}.", hint=hint)


def read_table(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a shipped table."""
    text = (files("labelaudit") / "lab" / "published" / f"{name}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def imagenet_classes() -> tuple[int, ...]:
    """Return the 100 classes of ImageNet32 and ImageNet64 that S2 trains on, counted from 0 in the files' order."""
    return tuple(int(row["imagenet32_class_index_map_clsloc_minus1"]) for row in read_table("drpl_imagenet_id_classes"))


def _setting(row: Mapping[str, str]) -> Setting | None:
    """Return the setting of a table's row, None where it cannot be run here."""
    known, dataset, measure = _METHODS.get(row["method"]), _DATASETS.get(row["dataset"]), _METRICS.get(row["metric"])
    if known is None or dataset is None or measure is None or dataset not in _DATASETS_OF[known.method]:
        return None
    noise, rate = _noise(row, dataset)
    if noise is None:
        return None
    trusted, variant = _trusted(row, known, dataset)
    label = f"{noise}-{rate:g}" if noise in _NOISE_TEXTS and noise not in ("clean", "real") else noise
    parts = [known.name, dataset, label, *([variant] if variant else [])]
    figure = Figure(
        value=float(row["value"]),
        std=float(row["std"]) if row["std"] else None,
        measure=_measure(row, measure),
        method=row["method"],
        source=row["source"],
    )
    return Setting("/".join(parts), known.method, dataset, noise, rate, known.options, trusted, variant, (figure,))


def _noise(row: Mapping[str, str], dataset: str) -> tuple[str | None, float]:
    """Return the kind of noise and its nominal rate."""
    if dataset == "cifar10n":
        return row["dataset"].rpartition("-")[2].lower(), 0.0
    if dataset == "cifar100n":
        return "noisy", 0.0
    noise = _NOISES.get(row["noise_type"])
    if noise in ("real", "semantic", None):
        return noise, 0.0
    rate = float(row["noise_rate"])
    if rate == 0.0:
        return "clean", 0.0
    if noise == "asym" and dataset == "cifar100":  # S2 goes round the superclasses, S0's code round blocks of five
        return ("asym-super" if row["noise_type"] == "NU" else "asym-block5"), rate
    return noise, rate


def _trusted(row: Mapping[str, str], known: _Name, dataset: str) -> tuple[int, str]:
    """Return the trusted samples per class, and the variant that a setting's name ends with."""
    if known.method != "ieg":
        return 0, known.variant
    if dataset == "cifar10":
        return 10, ""
    per_class = {"IEG (0.1k probe)": 1, "IEG (0.5k probe)": 5}.get(row["method"], 10)
    return per_class, f"trusted-{per_class}"


def _measure(row: Mapping[str, str], measure: Measure) -> Measure:
    if row["source"].startswith("S0 Table 1"):
        return "held-out"
    return "last" if row["source"].startswith("S1") else measure


def _with_figures(setting: Setting, figures: tuple[Figure, ...]) -> Setting:
    values: dict[str, Any] = {name: getattr(setting, name) for name in Setting.__slots__}
    return Setting(**{**values, "figures": figures})
