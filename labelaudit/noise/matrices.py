"""Transition matrices of class-dependent noise: P(given = column | true = row)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import IntN, Table

FloatND = NDArray[np.floating[Any]]  # (N, D) features, (N, C) probabilities or a (C, C) confusion, in any precision

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog. S2, arXiv:1912.08741: the text leaves dog -> cat
# out (`asym_c10_paper`), the published code (followed by `asym_c10`) has it.
CIFAR10_FLIPS = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
# In the order of the published code of ELR (Liu et al. 2020, arXiv:2007.00151), which works on labels flipped so far.
CIFAR10_CHAIN = ((9, 1), (2, 0), (3, 5), (5, 3), (4, 7))
CIFAR10_PAPER_FLIPS = {true: given for true, given in CIFAR10_FLIPS.items() if true != 5}
BLOCK = 5  # classes per block of block5

# The 20 superclasses of CIFAR-100, five fine classes each: Krizhevsky 2009, "Learning multiple layers of features from
# tiny images". The fine classes in alphabetical order are their ids.
CIFAR100_SUPERCLASSES = (
    ("beaver", "dolphin", "otter", "seal", "whale"),
    ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    ("orchid", "poppy", "rose", "sunflower", "tulip"),
    ("bottle", "bowl", "can", "cup", "plate"),
    ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    ("clock", "keyboard", "lamp", "telephone", "television"),
    ("bed", "chair", "couch", "table", "wardrobe"),
    ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    ("bear", "leopard", "lion", "tiger", "wolf"),
    ("bridge", "castle", "house", "road", "skyscraper"),
    ("cloud", "forest", "mountain", "plain", "sea"),
    ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    ("fox", "porcupine", "possum", "raccoon", "skunk"),
    ("crab", "lobster", "snail", "spider", "worm"),
    ("baby", "boy", "girl", "man", "woman"),
    ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
)
CIFAR100_CLASSES = tuple(sorted(name for group in CIFAR100_SUPERCLASSES for name in group))


def map_matrix(n_classes: int, flips: Mapping[int, int], rate: float) -> Table:
    """Return the (C, C) matrix that moves a share `rate` of the classes in a map to where the map says."""
    require_classes(n_classes)
    return _flip_matrix(np.array([flips.get(c, c) for c in range(n_classes)]), rate)


def pair_flip_matrix(n_classes: int, rate: float) -> Table:
    """Return the (C, C) matrix that moves a share `rate` of each class to the next class, the last to the first."""
    require_classes(n_classes)
    return _flip_matrix((np.arange(n_classes) + 1) % n_classes, rate)


def block_matrix(n_classes: int, block: int, rate: float) -> Table:
    """Return the (C, C) matrix that moves a share `rate` of each class to the next one of its block, in a circle.

    Blocks are `block` consecutive classes; a last block may be shorter, but not of one class (ValueError).

    Source:
        The published code of ELR (Liu et al. 2020, arXiv:2007.00151) for CIFAR-100, block = 5: alphabetical neighbours,
        not the semantic superclasses.
    """
    require_classes(n_classes)
    require_blocks(n_classes, block)
    classes = np.arange(n_classes)
    start = classes - classes % block
    size = np.minimum(block, n_classes - start)
    return _flip_matrix(start + (classes - start + 1) % size, rate)


def cifar10_asym_matrix(rate: float) -> Table:
    """Return the (10, 10) matrix of the similar-class flips of CIFAR-10; rate / 2 of all labels become wrong.

    Source:
        S2, arXiv:1912.08741, published code: truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog.
    """
    return map_matrix(len(CIFAR10_CLASSES), CIFAR10_FLIPS, rate)


def cifar100_super_matrix(rate: float) -> Table:
    """Return the (100, 100) matrix that moves each class to the next of its superclass, by ascending id, in a circle.

    Source:
        S2, arXiv:1912.08741, published code.
    """
    flips: dict[int, int] = {}
    for group in CIFAR100_SUPERCLASSES:
        ids = sorted(CIFAR100_CLASSES.index(name) for name in group)
        flips |= dict(zip(ids, [*ids[1:], ids[0]], strict=True))
    return map_matrix(len(CIFAR100_CLASSES), flips, rate)


def confusion_matrix(probs: FloatND, labels: IntN) -> Table:
    """Return the (C, C) mean probabilities of each class's samples; a class without samples has a uniform row."""
    n_classes = probs.shape[1]
    sums = np.zeros((n_classes, n_classes))
    np.add.at(sums, labels, probs)
    counts = np.bincount(labels, minlength=n_classes)[:, None]
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), 1.0 / n_classes), dtype=np.float64)


def flips_of(text: str, classes: Sequence[str]) -> dict[int, int]:
    """Return the map that a text such as "cat>dog, dog>cat" names.

    Raises:
        ValueError: a part without ">", a class that is not known or that moves twice, or one that stays itself.
    """
    position = {name: number for number, name in enumerate(classes)}
    flips: dict[int, int] = {}
    for part in text.split(","):
        true, arrow, given = (name.strip() for name in part.partition(">"))
        if not arrow:
            raise ValueError(f"flip {part.strip()!r} has no '>': write 'cat>dog,dog>cat'.")
        for name in (true, given):
            if name not in position:
                raise ValueError(f"flip {part.strip()!r}: no class {name!r}; classes: {', '.join(classes)}.")
        if true == given or position[true] in flips:
            raise ValueError(f"flip {part.strip()!r}: class {true!r} stays itself or moves twice.")
        flips[position[true]] = position[given]
    return flips


def require_transition(transition: Table) -> Table:
    """Return the matrix as float64; ValueError unless it is square and its rows are probabilities."""
    matrix = np.asarray(transition, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a transition matrix has shape (C, C), not {matrix.shape}.")
    if not (matrix >= 0).all() or not np.allclose(matrix.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("the rows of a transition matrix are probabilities that sum to 1.")
    return matrix


def require_rate(rate: float) -> None:
    """Raise ValueError unless the rate lies in [0, 1]."""
    if not 0.0 <= rate <= 1.0:  # also false for NaN
        raise ValueError(f"the noise rate lies in [0, 1], not at {rate}.")


def require_classes(n_classes: int) -> None:
    """Raise ValueError for less than two classes."""
    if n_classes < 2:
        raise ValueError(f"noise needs at least 2 classes, not {n_classes}.")


def require_blocks(n_classes: int, block: int) -> None:
    """Raise ValueError where a block would have a single class."""
    if block < 2 or n_classes % block == 1:
        raise ValueError(f"{n_classes} classes in blocks of {block} leave a class with no other to flip to.")


def _flip_matrix(target: IntN, rate: float) -> Table:
    """Return (1 - rate) I + rate P, where P moves class c to target[c]."""
    require_rate(rate)
    identity = np.eye(len(target))
    return np.asarray((1.0 - rate) * identity + rate * identity[target], dtype=np.float64)
