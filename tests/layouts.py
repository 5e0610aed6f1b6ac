"""Every layout of labelled data that is read, as made-up inputs: for the tests, and for docs/reference/inputs.md."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

IDS = tuple(f"{label}{i}" for label in ("cat", "dog") for i in range(6))


@dataclass(frozen=True)
class Layout:
    """One layout."""

    group: str
    name: str  # what it is, in a few words
    example: str  # a picture of it: files, or the first lines
    write: Callable[[Path], Path]  # makes it below a folder, and returns what to scan
    kind: str = "images"
    settings: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ("cat", "dog")


def image(path: Path, number: int = 0) -> None:
    """Write a small image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def images(root: Path, pattern: str) -> None:
    """Write an image for every id; "{label}" and "{id}" are filled in."""
    for number, name in enumerate(IDS):
        image(root / pattern.format(label=name[:3], id=name), number)


def folder(*patterns: str) -> Callable[[Path], Path]:
    """Return what writes images by patterns."""

    def write(root: Path) -> Path:
        for pattern in patterns:
            images(root, pattern)
        return root

    return write


def table(name: str, header: str, row: str, pattern: str = "", **how: Any) -> Callable[[Path], Path]:
    """Return what writes a text table with a row for every id, and images."""

    def write(root: Path) -> Path:
        if pattern:
            images(root, pattern)
        lines = [header] if header else []
        for number, key in enumerate(IDS):
            one = key.startswith("cat")
            lines.append(row.format(id=key, label=key[:3], n=number, cat=int(one), dog=int(not one)))
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(f"{line}\n" for line in lines).encode(how.get("encoding", "utf-8")))
        return path if how.get("scan_table", True) else root

    return write


def saved(name: str, save: Callable[[pd.DataFrame, Path], object]) -> Callable[[Path], Path]:
    """Return what writes a table of numbers in a binary file."""

    def write(root: Path) -> Path:
        frame = pd.DataFrame({"x": np.arange(12.0) % 5, "y": np.arange(12.0) % 7, "label": [key[:3] for key in IDS]})
        save(frame, root / name)
        return root / name

    return write


def zipped(root: Path) -> Path:
    """Write a .zip of class folders."""
    images(root / "pets", "{label}/{id}.png")
    with zipfile.ZipFile(root / "pets.zip", "w") as archive:
        for path in sorted((root / "pets").rglob("*.png")):
            archive.write(path, path.relative_to(root).as_posix())
    return root / "pets.zip"


def linked(root: Path) -> Path:
    """Write class folders of links into a store outside."""
    for number, key in enumerate(IDS):
        image(root / f"store/{number:02d}.png", number)
        link = root / f"data/{key[:3]}/{key}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(root / f"store/{number:02d}.png")
    return root / "data"


def fiftyone(root: Path) -> Path:
    """Write data/ and labels.json."""
    images(root, "data/{id}.png")
    labels = {key: int(key.startswith("dog")) for key in IDS}
    (root / "labels.json").write_text(json.dumps({"classes": ["cat", "dog"], "labels": labels}))
    return root


def npz(root: Path) -> Path:
    """Write arrays of images and labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    numbers = np.array([int(key.startswith("dog")) for key in IDS])
    np.savez(root / "pets.npz", x_train=pixels, y_train=numbers, x_test=pixels[:4], y_test=numbers[:4])
    return root / "pets.npz"


def named(root: Path) -> Path:
    """Write a list of paths and numbers, and the names of the numbers."""
    (root / "classes.txt").write_text("cat\ndog\n")
    return table("train.txt", "", "img/{id}.png {dog}", "img/{id}.png")(root)


def pixels(root: Path) -> Path:
    """Write a table of pixel values."""
    rows = [
        f"{int(key.startswith('dog'))},{' '.join(str((n * 7 + k) % 256) for k in range(64))},Training"
        for n, key in enumerate(IDS)
    ]
    (root / "faces.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return root / "faces.csv"


FOLDERS, TABLES, NUMBERS, FILES = "Folders of images", "Tables of images", "Tables of numbers and texts", "Files"
LAYOUTS = (
    Layout(FOLDERS, "a folder per class", "cat/1.png dog/1.png", folder("{label}/{id}.png")),
    Layout(
        FOLDERS,
        "splits above the classes",
        "train/cat/1.png test/cat/9.png",
        folder("train/{label}/{id}.png", "test/{label}/{id}.png"),
    ),
    Layout(
        FOLDERS,
        "splits under any name",
        "seg_train/seg_train/cat/1.png seg_test/...",
        folder("seg_train/seg_train/{label}/{id}.png", "seg_test/seg_test/{label}/{id}.png"),
    ),
    Layout(
        FOLDERS,
        "folds, read together",
        "fold1/cat/1.png fold2/cat/9.png",
        folder("fold1/{label}/{id}.png", "fold2/{label}/{id}.png"),
    ),
    Layout(
        FOLDERS,
        "links into a store (DVC, the hub's cache): --follow-links",
        "cat/1.png -> ../../store/0f",
        linked,
        settings={"follow_links": True},
    ),
    Layout(
        FOLDERS,
        "metadata.csv or .jsonl in each split",
        "train/1.png train/metadata.csv: file_name,label",
        table("train/metadata.csv", "file_name,label", "{id}.png,{label}", "train/{id}.png", scan_table=False),
    ),
    Layout(
        FOLDERS, "labels.json beside data/", 'data/1.png labels.json: {"classes": [...], "labels": {"1": 0}}', fiftyone
    ),
    Layout(FOLDERS, "a .zip or .tar of class folders", "pets.zip: pets/cat/1.png", zipped),
    Layout(
        TABLES,
        "paths and labels",
        "path,label / img/1.png,cat",
        table("t.csv", "path,label", "img/{id}.png,{label}", "img/{id}.png"),
    ),
    Layout(
        TABLES,
        "ids of images in any folder",
        "id,age,label / 17,3,cat",
        table("t.csv", "id,age,label", "{id},{n},{label}", "deep/img/{id}.png"),
    ),
    Layout(
        TABLES,
        "paths of another machine",
        "path,label / C:\\me\\img\\1.png,cat",
        table("t.csv", "path,label", "C:\\me\\img\\{id}.png,{label}", "img/{id}.png"),
    ),
    Layout(
        TABLES,
        "a column per class (one-hot)",
        "filename, bat, cat, dog / 1.png, 0, 1, 0",
        table("t.csv", "filename, bat, cat, dog", "{id}.png, 0, {cat}, {dog}", "{id}.png"),
    ),
    Layout(TABLES, "a list without a header, and classes.txt", "img/1.png 0", named),
    Layout(
        TABLES,
        "AutoML's split, path and label",
        "TRAIN,img/1.png,cat",
        table("t.csv", "", "TRAIN,img/{id}.png,{label}", "img/{id}.png"),
    ),
    Layout(
        TABLES,
        "is_valid of fastai",
        "name,label,is_valid / 1.png,cat,False",
        table("t.csv", "name,label,is_valid", "{id}.png,{label},False", "{id}.png"),
    ),
    Layout(
        TABLES, "rows of pixel values", "emotion,pixels,Usage / 0,70 80 82 ...,Training", pixels, classes=("0", "1")
    ),
    Layout(
        NUMBERS,
        "columns of numbers and categories",
        "x,colour,label / 1.5,red,cat",
        table("t.csv", "x,colour,label", "{n}.5,red{cat},{label}"),
        "features",
    ),
    Layout(NUMBERS, "decimal commas", "x;label / 1,5;cat", table("t.csv", "x;label", "{n},5;{label}"), "features"),
    Layout(
        NUMBERS,
        "names of recordings beside features",
        "filename,x,label / 1.wav,0.5,cat",
        table("t.csv", "filename,x,label", "{id}.wav,{n}.5,{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "Excel's Unicode text",
        "UTF-16 with tabs",
        table("t.csv", "x\ty\tlabel", "{n}\t{cat}.5\t{label}", encoding="utf-16"),
        "features",
    ),
    Layout(
        NUMBERS,
        "texts",
        "text,label / it was the best film of all,cat",
        table("t.csv", "text,label", "it was the {n}. film of all times,{label}"),
        "texts",
    ),
    Layout(
        FILES, "Parquet", ".parquet .pq", saved("t.parquet", lambda frame, path: frame.to_parquet(path)), "features"
    ),
    Layout(
        FILES,
        "Arrow and Feather",
        ".arrow .feather .ipc",
        saved("t.feather", lambda frame, path: frame.to_feather(path)),
        "features",
    ),
    Layout(
        FILES,
        "JSON lines",
        ".jsonl .ndjson",
        saved("t.jsonl", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
        "features",
    ),
    Layout(
        FILES,
        "JSON: rows, columns, or by id",
        ".json",
        saved("t.json", lambda frame, path: frame.to_json(path)),
        "features",
    ),
    Layout(FILES, "arrays", ".npz: x_train, y_train, ...", npz, classes=("0", "1")),
)
