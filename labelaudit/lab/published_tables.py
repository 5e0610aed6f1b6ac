"""Published settings by name, and the figures that papers give for them; the tables are in lab/published/."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.lab.published_names import KNOWN_METHODS, Name, named_methods

Measure = Literal["last", "best", "held-out", "unstated", "top5", "other", "other-top5", "tpr", "fpr", "noisy"]

MEASURES: dict[Measure, str] = {
    "last": "last epoch",
    "best": "best by test",
    "held-out": "best by held-out labels",
    "unstated": "not stated",
    "top5": "top 5, not stated",
    "other": "ImageNet's validation, not stated",
    "other-top5": "ImageNet's validation, top 5",
    "tpr": "right labels that are kept",
    "fpr": "wrong labels that are kept",
    "noisy": "labels that are called wrong",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One published number."""

    value: float  # percent
    std: float | None  # over the paper's runs
    measure: Measure  # of which epoch or test set, or what else it is
    method: str  # as the table calls it
    source: str
    note: str = ""  # why it can be compared with reservations only


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
    schedule: str = ""  # of lab/published_schedules; empty: that of the method's own paper

    @property
    def planted(self) -> str | None:
        """The noise as `parse_noise` reads it; None where the labels are those of a file, or noisy already."""
        if self.noise in _NOISE_TEXTS:
            return _NOISE_TEXTS[self.noise].format(rate=self.rate)
        return None

    @property
    def holds_out(self) -> bool:
        """Whether a tenth of the training samples chooses the epoch, as in S0 on CIFAR."""
        of_s0 = self.method in ("elr", "elr+") or self.schedule.startswith("resnet34")
        return of_s0 and self.dataset in ("cifar10", "cifar100")

    @property
    def comparable(self) -> Figure | None:
        """The figure that a run is to be held beside: of a stated epoch and without reservations, if there is one."""
        stated = [each for each in self.figures if each.measure in ("last", "best", "held-out")]
        clear = [each for each in (*stated, *self.figures) if not each.note]
        return next(iter((*clear, *stated, *self.figures)), None)

    @property
    def is_exact(self) -> bool:
        """Whether the paper's code flipped an exact number of labels, and not each with a probability."""
        if self.method == "drpl":
            return not self.noise.startswith("asym")
        return self.method not in _BY_CHANCE


_DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "TinyImageNet": "tinyimagenet",
    "ImageNet32": "imagenet32",
    "ImageNet32-100": "imagenet32",
    "ImageNet64-100": "imagenet64",
    "WebVision-50": "webvision50",
    "WebVision-50 (all sources, 137K, ResNet-18)": "webvision50",
    "mini-WebVision (InceptionResNetV2)": "webvision-mini",
    "mini-WebVision val": "webvision-mini",
    "ILSVRC12 val (mini-WebVision trained)": "webvision-mini",
    "mini-WebVision->ImageNet val": "webvision-mini",
    "full WebVision->ImageNet val": "webvision",
    "Clothing1M": "clothing1m",
    "CIFAR-100N": "cifar100n",
    **{f"CIFAR-10N-{name.title()}": "cifar10n" for name in ("aggregate", "random1", "random2", "random3", "worst")},
}
_OTHER_TEST = ("ILSVRC12 val (mini-WebVision trained)", "mini-WebVision->ImageNet val", "full WebVision->ImageNet val")
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
    "open-set from CIFAR100": "open-cifar100",
    "open-set from ImageNet": "open-imagenet",
    "open-set from CIFAR100+ImageNet": "open-both",
}
FROM_ELSEWHERE = ("open-cifar100", "open-imagenet", "open-both")  # whose foreign images come from another folder
_NOISE_TEXTS = {
    "clean": "none",
    "real": "none",
    "sym-excl": "sym_excl:{rate:g}",
    "sym-incl": "sym_incl:{rate:g}",
    "asym": "asym_c10:{rate:g}",
    "asym-chained": "asym_c10_chained:{rate:g}",
    "asym-super": "asym_c100_super:{rate:g}",
    "asym-block5": "block5:{rate:g}",
    "confusion": "confusion:{rate:g}",
    "confusion-code": "confusion_whole:{rate:g}",
    "open-set": "open_set:{rate:g}:900",  # classes beside the 100 that are trained on
    "open-confusion": "open_confusion:{rate:g}:900",
    "open-confusion-code": "open_confusion_code:{rate:g}:900",
    **dict.fromkeys(FROM_ELSEWHERE, "open_set:{rate:g}:1"),  # one class for all that is foreign
}
_RATE_OF_ROG = 0.6  # S1 does not say how much of CIFAR-10 is replaced; the data's own paper replaces 60 %, from memory
# The text of a paper and its published code plant differently, and the figures may be of the code: both by name.
_TWINS = {"confusion": "confusion-code", "open-confusion": "open-confusion-code"}
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
    "top5": "top5",
    "detection_TPR": "tpr",
    "detection_FPR": "fpr",
    "detected_noisy_fraction": "noisy",
}
_SHARES: tuple[Measure, ...] = ("tpr", "fpr", "noisy")  # written as shares in the tables
_BY_CHANCE = ("bootstrap", "ieg")  # their codes flip each label with a probability
TABLES = (
    *("drpl_table4_cifar", "drpl_table2_imagenet32_64", "drpl_table3_webvision", "drpl_table1_detection_imagenet32"),
    *("elr_table1", "elr_tables2to5", "arazo_tables", "ieg_tables", "cifarn_accuracy", "modern_synthetic_accuracy"),
)
# What the papers describe without a number in a table: it is run, and stands alone.
_WITHOUT_FIGURES = (
    *(
        (f"elr/cifar10/sym-incl-{rate:g}/{variant}", "elr", rate, {"term": term})
        for rate in (0.4, 0.8)
        for variant, term in (("kl", "kl"), ("no-term", "none"))
    ),
    *(
        (f"m-dyr-h/cifar10/sym-incl-{rate:g}/gmm", "bootstrap", rate, {"variant": "m-dyr-h", "mixture": "gaussian"})
        for rate in (0.2, 0.5, 0.8)
    ),
)


@cache
def settings() -> dict[str, Setting]:
    """Return the settings that can be run, by name, in the order of the methods and of the tables."""
    found: dict[str, Setting] = {}
    for table in TABLES:
        for row in read_table(table):
            for setting in settings_of(row):
                before = found[setting.name].figures if setting.name in found else ()
                found[setting.name] = _with_figures(setting, before + setting.figures)
    for name, method, rate, options in _WITHOUT_FIGURES:
        variant = name.rpartition("/")[2]
        found[name] = Setting(name, method, "cifar10", "sym-incl", rate, options, 0, variant, ())
    order = list(dict.fromkeys(each.method for each in KNOWN_METHODS))
    return dict(sorted(found.items(), key=lambda item: order.index(item[1].method)))


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


def settings_of(row: Mapping[str, str]) -> tuple[Setting, ...]:
    """Return the settings that reproduce a row: none where it cannot be run here, several by several readings."""
    dataset, measure = _DATASETS.get(row["dataset"]), _METRICS.get(row["metric"])
    if dataset is None or measure is None:
        return ()
    made = []
    for known in named_methods(row["method"], row["source"]):
        noise, rate = _noise(row, dataset)
        if noise is not None:
            figure = _figure(row, measure, known)
            twin = "asym-chained" if noise == "asym" and row["source"].startswith("S0") else _TWINS.get(noise)
            made += [_made(known, dataset, each, rate, figure) for each in (noise, twin) if each is not None]
    return tuple(made)


def _made(known: Name, dataset: str, noise: str, rate: float, figure: Figure) -> Setting:
    trusted = known.trusted.get(dataset, 0)
    label = f"{noise}-{rate:g}" if noise in _NOISE_TEXTS and noise not in ("clean", "real", *FROM_ELSEWHERE) else noise
    tagged = known.method == "ieg" and dataset == "cifar100"  # S1 trusts 1, 5 or 10 samples of each class
    tags = [f"trusted-{trusted}"] * tagged + [known.variant] * bool(known.variant)
    variant = "-".join(tags)
    name = "/".join([known.name, dataset, label, *([variant] if variant else [])])
    options = dict(known.options)
    return Setting(
        name, known.method, dataset, noise, rate, options, trusted, variant, (figure,), known.schedule_on(dataset)
    )


def _figure(row: Mapping[str, str], measure: Measure, known: Name) -> Figure:
    text = row["value"]
    value = float(text.lstrip(">"))
    notes = [known.note] * bool(known.note) + ["a lower bound"] * text.startswith(">")
    notes += ["how much is replaced is not stated"] * row["noise_type"].startswith("open-set from")
    return Figure(
        value=round(100 * value, 6) if measure in _SHARES else value,
        std=float(row["std"]) if row["std"] else None,
        measure=_measure(row, measure),
        method=row["method"],
        source=row["source"],
        note="; ".join(notes),
    )


def _noise(row: Mapping[str, str], dataset: str) -> tuple[str | None, float]:
    """Return the kind of noise and its nominal rate."""
    if dataset == "cifar10n":
        return row["dataset"].rpartition("-")[2].lower(), 0.0
    if dataset == "cifar100n":
        return "noisy", 0.0
    noise = _NOISES.get(row["noise_type"])
    if noise in ("real", "semantic", None):
        return noise, 0.0
    if noise in FROM_ELSEWHERE:
        return noise, _RATE_OF_ROG
    rate = float(row["noise_rate"])
    if rate == 0.0:
        return "clean", 0.0
    if noise == "asym" and dataset == "cifar100":  # S2 goes round the superclasses, S0's code round blocks of five
        return ("asym-super" if row["noise_type"] == "NU" else "asym-block5"), rate
    return noise, rate


def _measure(row: Mapping[str, str], measure: Measure) -> Measure:
    if row["dataset"] in _OTHER_TEST:
        return "other-top5" if measure == "top5" else "other"
    if row["source"].startswith("S0 Table 1"):
        return "held-out"
    if row["source"].startswith("S1") and row["method"].startswith("IEG") and measure == "unstated":
        return "last"
    return measure


def _with_figures(setting: Setting, figures: tuple[Figure, ...]) -> Setting:
    values: dict[str, Any] = {name: getattr(setting, name) for name in Setting.__slots__}
    return Setting(**{**values, "figures": figures})
