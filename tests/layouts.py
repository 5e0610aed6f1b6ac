"""Every layout of labelled data that is read, as made-up inputs: for the tests, and for docs/reference/inputs.md."""

from __future__ import annotations

import gzip
import io
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
    labels: tuple[str, ...] = ()  # where samples have several


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
            lines.append(
                row.format(
                    id=key,
                    label=key[:3],
                    n=number,
                    cat=int(one),
                    dog=int(not one),
                    odd=number % 2,
                    emu="|emu" if number % 2 else "",
                )
            )
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


def both(*writers: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """Return what writes several things and scans the folder."""

    def write(root: Path) -> Path:
        for writer in writers:
            writer(root)
        return root

    return write


def beside(name: str, text: str, label: str = "{dog}") -> Callable[[Path], Path]:
    """Return what writes a table of numbered labels and a file with their names."""

    def write(root: Path) -> Path:
        (root / name).write_text(text)
        return table("t.csv", "path,label", "img/{id}.png," + label, "img/{id}.png")(root)

    return write


def jsonl(row: Callable[[str, int], object], pattern: str = "") -> Callable[[Path], Path]:
    """Return what writes a JSON value a line, and images."""

    def write(root: Path) -> Path:
        if pattern:
            images(root, pattern)
        lines = [json.dumps(row(key, number)) for number, key in enumerate(IDS)]
        (root / "t.jsonl").write_text("\n".join(lines))
        return root / "t.jsonl"

    return write


def as_json(value: object, pattern: str = "", name: str = "t.json") -> Callable[[Path], Path]:
    """Return what writes one JSON value, and images."""

    def write(root: Path) -> Path:
        if pattern:
            images(root, pattern)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return path

    return write


def crosses(root: Path) -> Path:
    """Write a table with a cross in one of three columns."""
    images(root, "{id}.png")
    rows = [f"{key}.png,{'x,,' if key.startswith('cat') else ',x,'}" for key in IDS]
    (root / "t.csv").write_text("\n".join(["filename,cat,dog,emu", *rows]))
    return root / "t.csv"


def packed(root: Path) -> Path:
    """Write a table and pack it."""
    text = table("t.csv", "x,label", "{n}.5,{label}")(root).read_bytes()
    (root / "t.csv.gz").write_bytes(gzip.compress(text))
    return root / "t.csv.gz"


def zipped_table(root: Path) -> Path:
    """Write a .zip that holds one table."""
    path = table("t.csv", "x,label", "{n}.5,{label}")(root)
    with zipfile.ZipFile(root / "t.zip", "w") as archive:
        archive.write(path, "t.csv")
    return root / "t.zip"


def pixel_columns(root: Path) -> Path:
    """Write a table with a column for each pixel."""
    head = ",".join(["label", *(f"pixel{k}" for k in range(64))])
    rows = [",".join([key[:3], *(str((n * 7 + k) % 256) for k in range(64))]) for n, key in enumerate(IDS)]
    (root / "t.csv").write_text("\n".join([head, *rows]))
    return root / "t.csv"


def png(number: int) -> bytes:
    """Return a small image."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def text_files(root: Path) -> Path:
    """Write a text for every id into its class folder."""
    for number, key in enumerate(IDS):
        path = root / f"train/{key[:3]}/{key}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"it is the {number}. of all")
    return root


def partitioned(root: Path) -> Path:
    """Write a Parquet file into a folder label=... for each class."""
    for label in ("cat", "dog"):
        (root / f"label={label}").mkdir()
        frame = pd.DataFrame({"x": np.arange(6.0), "y": np.arange(6.0) % 4})
        frame.to_parquet(root / f"label={label}/0.parquet")
    return root


def named_targets(root: Path) -> Path:
    """Write arrays as scikit-learn has them."""
    numbers = np.array([int(key.startswith("dog")) for key in IDS])
    names = np.array(["cat", "dog"])
    np.savez(root / "t.npz", data=np.random.default_rng(0).normal(size=(12, 4)), target=numbers, target_names=names)
    return root / "t.npz"


def coco() -> dict[str, list[dict[str, object]]]:
    """Return labels of images as COCO writes them."""
    return {
        "images": [{"id": n, "file_name": f"{key}.png"} for n, key in enumerate(IDS)],
        "annotations": [{"image_id": n, "category_id": int(key.startswith("dog"))} for n, key in enumerate(IDS)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }


def task(key: str) -> dict[str, object]:
    """Return a task of Label Studio with its answer."""
    result = [{"type": "choices", "value": {"choices": [key[:3]]}}]
    return {"id": key, "data": {"image": f"/data/upload/1/{key}.png"}, "annotations": [{"result": result}]}


FOLDERS, TABLES, NUMBERS, FILES = "Folders of images", "Tables of images", "Tables of numbers and texts", "Files"
NAMES, SEVERAL = "Names of numbered classes", "Several labels a sample, each audited against the rest"
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
    Layout(FOLDERS, "texts in a folder per class", "train/pos/1.txt train/neg/9.txt", text_files, "texts"),
    Layout(FOLDERS, "all in one more folder", "archive/pets/cat/1.png", folder("archive/pets/{label}/{id}.png")),
    Layout(
        FOLDERS,
        "the only table of a folder",
        "data.csv images/1.png",
        table("data.csv", "image,label", "{id}.png,{label}", "images/{id}.png", scan_table=False),
    ),
    Layout(
        FOLDERS,
        "a table for each split",
        "train.csv test.csv images/1.png",
        both(
            table("train.csv", "image,label", "{id}.png,{label}", "images/{id}.png"),
            table("test.csv", "image,label", "{id}.png,{label}"),
        ),
    ),
    Layout(
        FOLDERS,
        "a list for each split",
        "train.txt val.txt images/1.png",
        both(
            table("train.txt", "", "images/{id}.png {label}", "images/{id}.png"),
            table("val.txt", "", "images/{id}.png {label}"),
        ),
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
    Layout(TABLES, "a column for each pixel", "label,pixel0,pixel1,... / cat,0,17,...", pixel_columns),
    Layout(
        TABLES,
        "crosses among blanks",
        "filename,cat,dog,emu / 1.png,x,,",
        crosses,
    ),
    Layout(
        TABLES,
        "images in base64, hexadecimal or data: addresses",
        'image,label / "data:image/png;base64,iVBO...",cat',
        jsonl(lambda key, n: {"image": png(n).hex(), "label": key[:3]}),
    ),
    Layout(
        TABLES,
        "names with dots in a template: --path-template",
        "img.id,label / 17,cat",
        table("t.csv", "img.id,label", "{id},{label}", "img/{id}.png"),
        settings={"path_template": "img/{img.id}.png"},
    ),
    Layout(
        TABLES,
        "COCO, an annotation an image",
        "annotations/labels.json images/1.png",
        as_json(coco(), "images/{id}.png", "annotations/labels.json"),
    ),
    Layout(
        TABLES,
        "tasks of Label Studio",
        '[{"data": {"image": "/data/upload/1/1.png"}, "annotations": [...]}]',
        as_json([task(key) for key in IDS], "img/{id}.png"),
    ),
    Layout(
        TABLES,
        "JSON from label to images",
        '{"cat": ["1.png", "2.png"], "dog": ["9.png"]}',
        as_json({label: [f"{key}.png" for key in IDS if key[:3] == label] for label in ("cat", "dog")}, "{id}.png"),
    ),
    Layout(
        TABLES,
        "objects in JSON lines",
        '{"uri": "gs://bucket/img/1.png", "annotation": {"label": "cat"}}',
        jsonl(lambda key, _: {"uri": f"gs://bucket/img/{key}.png", "annotation": {"label": key[:3]}}, "img/{id}.png"),
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
        NUMBERS,
        "titles and comments above a table",
        "Measured in May / # by me / x;label / 1;cat",
        table("t.csv", "Measured in May;;\nx;y;label", "{n}.5;{n};{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "names of rows without a name, as R writes them",
        "x,label / r1,1.5,cat",
        table("t.csv", "x,label", "r{n},{n}.5,{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "other separators: |, ^, ~, ::, blanks",
        "x::label / 1::cat",
        table("t.csv", "x::label", "{n}.5::{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "columns lined up by blanks",
        "x    label / 1.5  cat",
        table("t.dat", "x    y   label", "{n}.5   {n}   {label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "numbers with a unit",
        "x,label / 12 cm,cat",
        table("t.csv", "x,label", "{n} cm,{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "ARFF",
        "@attribute x numeric / @data / 1.5,cat",
        table("t.arff", "@relation pets\n@attribute x numeric\n@attribute label {cat,dog}\n@data", "{n}.5,{label}"),
        "features",
    ),
    Layout(
        NUMBERS,
        "fastText",
        "__label__cat it purrs",
        table("t.txt", "", "__label__{label} it is the {n}. of all"),
        "texts",
    ),
    Layout(
        NUMBERS,
        "vectors in cells",
        '{"embedding": [0.1, 0.7, ...], "label": "cat"}',
        jsonl(lambda key, n: {"embedding": [n % 5 + 0.5, n % 3 + 0.5, 1.5], "label": key[:3]}),
        "embeddings",
    ),
    Layout(
        NUMBERS,
        "the name of a label beside its number",
        "x,label,label_name / 1.5,0,cat",
        table("t.csv", "x,label,label_name", "{n}.5,{dog},{label}"),
        "features",
        classes=("0", "1"),
    ),
    Layout(
        NUMBERS,
        "which fold a row is in",
        "x,fold,label / 1.5,3,cat",
        table("t.csv", "x,fold,label", "{n}.5,{cat},{label}"),
        "features",
    ),
    *(
        Layout(NAMES, name, example, beside(name, text))
        for name, example, text in (
            ("classes.txt", "cat / dog, or 0 cat, or cat 0", "cat 0\ndog 1\n"),
            ("classes.csv", "id,name / 0,cat", "id,name\n0,cat\n1,dog\n"),
            ("classes.json", '[{"id": 0, "name": "cat"}, ...]', '[{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]'),
            ("config.json", '{"id2label": {"0": "cat", ...}}', '{"id2label": {"0": "cat", "1": "dog"}}'),
            ("imagenet_class_index.json", '{"0": ["n1", "cat"], ...}', '{"0": ["n1", "cat"], "1": ["n2", "dog"]}'),
            ("data.yaml", "names: [cat, dog]", "nc: 2\nnames: ['cat', 'dog']\n"),
            (
                "label_map.pbtxt",
                "item { id: 0 name: 'cat' }",
                "item {\n id: 0\n name: 'cat'\n}\nitem { id: 1 name: 'dog' }",
            ),
        )
    ),
    Layout(
        SEVERAL,
        "a column of 0 and 1 for each label",
        "image,cat,dog,emu / 1.png,1,1,0",
        table("t.csv", "image,cat,dog,emu", "{id}.png,{cat},{odd},1", "{id}.png"),
        labels=("cat", "dog", "emu"),
    ),
    Layout(
        SEVERAL,
        "several labels in a cell: by |, ;, comma or blank",
        "image,labels / 1.png,cat|dog",
        table("t.csv", "image,labels", "{id}.png,{label}{emu}", "{id}.png"),
        labels=("cat", "dog", "emu"),
    ),
    Layout(
        SEVERAL,
        "lists",
        '{"x": 1.5, "labels": ["cat", "emu"]}',
        jsonl(lambda key, n: {"x": n, "labels": [key[:3], "emu"] if n % 2 else [key[:3]]}),
        "features",
        labels=("cat", "dog", "emu"),
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
    Layout(FILES, "a partitioned table", "label=cat/0.parquet label=dog/0.parquet", partitioned, "features"),
    Layout(FILES, "compressed tables", ".csv.gz .jsonl.bz2 .tsv.xz .csv.zst", packed, "features"),
    Layout(FILES, "a .zip of one table", "t.zip: t.csv", zipped_table, "features"),
    Layout(FILES, "arrays of scikit-learn", ".npz: data, target, target_names", named_targets, "features"),
    Layout(FILES, "arrays", ".npz: x_train, y_train, ...", npz, classes=("0", "1")),
)
