"""The names of planted noises, and what a text such as "asym:0.3" means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labelaudit.noise.matrices import (
    BLOCK,
    CIFAR10_CLASSES,
    CIFAR100_CLASSES,
    flips_of,
    require_blocks,
    require_classes,
    require_rate,
)

# name -> what it does, in the words of --help and the documents
NOISES = {
    "none": "nothing: what is flagged in clean data",
    "sym_excl": "any other class, all alike",
    "sym_incl": "any class, the true one included",
    "asym_c10": "CIFAR-10: truck>automobile, bird>airplane, deer>horse, cat>dog, dog>cat",
    "asym_c10_paper": "the same without dog>cat",
    "asym_c10_chained": "the same one after the other: cats that have become dogs may become cats again",
    "asym_c100_super": "CIFAR-100: the next class of the superclass",
    "pair": "the next class, the last to the first",
    "block5": "the next class of a block of five",
    "map": "the classes that a map names: map:0.3:cat>dog,dog>cat",
    "confusion": "another class by a confusion matrix, of a small classifier or a file; the same share of every class",
    "confusion_whole": "the same, a share of the dataset and not of every class",
    "semantic": "labels by a classifier that has seen this share of the data",
    "instance": "by the sample: what lies where a random projection of its features points",
    "ambiguous": "the samples that a small classifier is least sure of, to its second choice",
    "open_set": "the last classes are left out; their samples replace others, which keep their labels",
    "open_confusion": "the same, by what the label's class is taken for; the same share of every class",
    "open_confusion_code": "by what is taken for the label's class, a share of the dataset and not of every class",
}
ALIASES = {"sym": "sym_excl", "asym_c100_block5": "block5"}
_CIFAR_SIZES = {"asym_c10": 10, "asym_c10_paper": 10, "asym_c10_chained": 10, "asym_c100_super": 100}
_CONFUSED, _OPEN_CONFUSED = ("confusion", "confusion_whole"), ("open_confusion", "open_confusion_code")
_OPEN = ("open_set", *_OPEN_CONFUSED)
_OPTIONS = {"map": "a map such as cat>dog"} | dict.fromkeys(_CONFUSED, "a file")
_OPTIONS |= dict.fromkeys(_OPEN, "a number of classes")

Need = Literal["nothing", "probs", "features", "confusion"]
_NEEDS: dict[str, Need] = {
    "semantic": "probs",
    "ambiguous": "probs",
    "instance": "features",
}
_NEEDS |= dict.fromkeys((*_CONFUSED, *_OPEN_CONFUSED), "confusion")


@dataclass(frozen=True, slots=True)
class NoiseSpec:
    """One kind of planted noise.

    Args:
        name: a key of `NOISES`.
        rate: probability, in [0, 1], that a sample (of a class that flips at all) gets a new label; for "semantic"
            the share of the data that the classifier has seen.
        n_classes: C, at least 2.
        flips: (true, given) pairs of classes, of "map".
        left_out: classes that are left out, of the open sets.
        file: a confusion matrix, of "confusion" and "confusion_whole"; empty = that of a small classifier.
    """

    name: str
    rate: float
    n_classes: int
    flips: tuple[tuple[int, int], ...] = ()
    left_out: int = 0
    file: str = ""

    def __post_init__(self) -> None:
        if self.name not in NOISES:
            raise ValueError(_unknown(self.name))
        require_rate(self.rate)
        require_classes(self.n_classes)
        size = _CIFAR_SIZES.get(self.name, self.n_classes)
        if self.n_classes != size:
            raise ValueError(
                f"{self.name} is a map of the {size} CIFAR-{size} classes; this dataset has {self.n_classes}."
            )
        if self.name == "block5":
            require_blocks(self.n_classes, BLOCK)
        if self.is_open and not 1 <= self.left_out <= self.n_classes - 2:
            raise ValueError(
                f"{self.name} leaves out 1 to {self.n_classes - 2} of {self.n_classes} classes, not {self.left_out}."
            )

    @property
    def is_open(self) -> bool:
        """Whether it replaces what a sample shows, and leaves its label."""
        return self.name in _OPEN

    @property
    def needs(self) -> Need:
        """What `plant` must be given as evidence."""
        return _NEEDS.get(self.name, "nothing")


def parse_noise(text: str, n_classes: int, classes: Sequence[str] = ()) -> NoiseSpec:
    """Return the noise that a text such as "sym:0.2" names.

    "asym" is "map" with a map and "confusion" with a file; else "asym_c10" or "asym_c100_super" where `classes` are
    those of CIFAR, in order and in any case, and "pair" everywhere else.

    Args:
        text: "<name>:<rate>" or "<name>:<rate>:<option>"; a name of `NOISES` or `ALIASES`, or "asym"; "none" alone.
        n_classes: C.
        classes: (C,) class names; "asym" and maps read them.

    Raises:
        ValueError: for an unknown name, a rate that is not a number in [0, 1], an option that is not understood, or a
            noise that C classes cannot have.
    """
    name, colon, rest = (part.strip() for part in text.partition(":"))
    rate_text, _, option = (part.strip() for part in rest.partition(":"))
    name = ALIASES.get(name, name)
    if name == "asym":
        name = _asym_name(option, classes)
    if name not in NOISES:
        raise ValueError(_unknown(name))
    if name == "none" and not colon:
        return NoiseSpec("none", 0.0, n_classes)
    try:
        rate = float(rate_text)
    except ValueError as error:
        given = repr(rate_text) if colon else "nothing"
        raise ValueError(f"noise {text!r} needs a rate after a colon, such as '{name}:0.2', not {given}.") from error
    if option and name not in _OPTIONS:
        raise ValueError(f"{name} takes no option after its rate, and {option!r} is one.")
    if name == "map":
        if not option:
            raise ValueError(f"noise {text!r} needs a map after its rate, such as 'map:0.3:cat>dog,dog>cat'.")
        names = classes or [str(number) for number in range(n_classes)]
        return NoiseSpec(name, rate, n_classes, flips=tuple(flips_of(option, names).items()))
    if name in _CONFUSED:
        return NoiseSpec(name, rate, n_classes, file=option)
    if name in _OPEN:
        return NoiseSpec(name, rate, n_classes, left_out=_left_out(option, n_classes))
    return NoiseSpec(name, rate, n_classes)


def _asym_name(option: str, classes: Sequence[str]) -> str:
    """Return the noise that "asym" stands for."""
    if option:
        return "map" if ">" in option else "confusion"
    names = tuple(name.casefold() for name in classes)
    return {CIFAR10_CLASSES: "asym_c10", CIFAR100_CLASSES: "asym_c100_super"}.get(names, "pair")


def _left_out(option: str, n_classes: int) -> int:
    """Return how many classes an open set leaves out; without an option a fifth of them, at least one."""
    if not option:
        return max(1, n_classes // 5)
    if not option.isdecimal():
        raise ValueError(f"the option after the rate is the number of classes to leave out, not {option!r}.")
    return int(option)


def _unknown(name: str) -> str:
    return f"unknown noise {name!r}; known: {', '.join([*NOISES, *ALIASES, 'asym'])}."
