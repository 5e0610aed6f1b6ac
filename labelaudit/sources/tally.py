"""What one reading of a folder has met: samples, and all that is left out, which is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from labelaudit.core.dataset import Remark
from labelaudit.core.errors import DataError, count, shorten
from labelaudit.core.installed import pip_install
from labelaudit.core.shown import in_shell
from labelaudit.sources.inside import MOST_LEVELS
from labelaudit.sources.label_tables import tables_in
from labelaudit.sources.other_files import OTHER_HINTS
from labelaudit.sources.table_file import TABLE_SUFFIXES

_UNREAD = {  # suffixes of images that need more than Pillow
    ".heic": "{heif} reads .heic",  # a command that installs the extra
    ".heif": "{heif} reads .heif",
    ".dcm": "convert .dcm (DICOM) to PNG first, such as by dcmj2pnm",
    ".nii": "cut .nii volumes into images first",
    ".svg": "draw .svg as PNG first",
    ".pdf": "convert .pdf to PNG first",
}


_COMPANIONS = 0.2  # share of the images, from which it is said
_TABLES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".xlsx"})
_NO_LABEL = frozenset({"unsup", "unlabeled", "unlabelled", "unsorted", "untagged", "no_label", "nolabel"})


@dataclass(slots=True)
class Tally:
    """What one reading of the folder has met so far."""

    root: str  # with symbolic links resolved; the address of a folder that is not local
    suffixes: frozenset[str]
    samples: list[tuple[str, str]] = field(default_factory=list)  # (sample id, class name)
    unlabelled: list[str] = field(default_factory=list)  # images above the class folders
    empty: list[str] = field(default_factory=list)  # class folders without an image
    other_files: Counter[str] = field(default_factory=Counter)  # by suffix
    links_out: int = 0  # symbolic links to places outside of the root, or to nowhere
    loops: int = 0  # symbolic links to a folder around themselves, or behind another link
    follow_links: bool = False  # out of the root
    no_files: int = 0  # pipes, sockets and devices
    too_deep: int = 0  # folders below more of them than anybody means
    noun: str = "image"  # what is looked for
    lost_links: int = 0  # symbolic links to images out of the root, of those that leave it


def tally_remarks(tally: Tally) -> list[Remark]:
    """Return remarks on files that were left out."""
    remarks: list[Remark] = []
    article = "an" if tally.noun == "image" else "a"
    if tally.unlabelled:
        names = shorten(sorted(tally.unlabelled), show=3)
        text = f"{tally.noun.capitalize()}s above the class folders, without a label and left out: "
        text += f"{len(tally.unlabelled):,} ({names})."
        remarks.append(Remark("warning", text))
    if tally.empty:
        text = f"Class folders without {article} {tally.noun}: {len(tally.empty):,} ({shorten(sorted(tally.empty))})."
        remarks.append(Remark("warning", text))
    remarks += [*_companions(tally), *_without_label(tally)]
    if tally.other_files:
        kinds = shorten(f"{suffix} {count:,}" for suffix, count in sorted(tally.other_files.items()))
        what = "that Pillow does not read as images" if tally.noun == "image" else f"that are no {tally.noun}s"
        text = f"Files {what}, left out: {tally.other_files.total():,} ({kinds})"
        unread = [
            hint.format(heif=pip_install("heif")) for suffix, hint in _UNREAD.items() if suffix in tally.other_files
        ]
        if _TABLES & tally.other_files.keys():
            unread.append("labels are from the folders; a table of labels is read where it is named itself")
        remarks.append(Remark("warning" if unread else "note", "; ".join([text, *unread]) + "."))
    if tally.no_files:
        remarks.append(Remark("warning", f"Pipes, sockets and devices, left out: {tally.no_files:,}."))
    if tally.too_deep:
        text = f"Folders more than {MOST_LEVELS} levels deep, left out: {tally.too_deep:,}."
        remarks.append(Remark("warning", text))
    if tally.links_out or tally.loops:
        text = f"{tally.links_out:,} leave the folder, {tally.loops:,} lead in circles"
        total = tally.links_out + tally.loops
        hint = f"; --follow-links reads those to images ({tally.lost_links:,})" if tally.lost_links else ""
        remarks.append(Remark("warning", f"Symbolic links that are not followed: {total:,} ({text}){hint}."))
    return remarks


def _companions(tally: Tally) -> list[Remark]:
    """Return a warning where many images are called like another with a word behind, as masks are."""
    names = {name.rpartition(".")[0] for name, _ in tally.samples}
    parts = (name.rpartition("_") for name in names if "_" in name)
    words = Counter(word for before, _, word in parts if word.isalpha() and before in names)
    found = [(word, n) for word, n in words.most_common(3) if n >= _COMPANIONS * len(names)]
    if not found:
        return []
    shown = shorten(f"'_{word}' ({n:,})" for word, n in found)
    text = f"Images called like another with a word behind, as masks and copies are: {shown}; all are read as samples."
    return [Remark("warning", text)]


def _without_label(tally: Tally) -> list[Remark]:
    """Return a warning where a class folder is called as what nobody has labelled."""
    counts = Counter(label for _, label in tally.samples if label.casefold() in _NO_LABEL)
    if not counts or len({label for _, label in tally.samples}) == len(counts):
        return []
    names = shorten(f"{label!r} ({n:,})" for label, n in counts.items())
    text = f"Class folders that may hold what has no label, read as classes: {names}; if so, move them elsewhere."
    return [Remark("warning", text)]


def nothing_found(source: Path, tally: Tally) -> DataError:
    """Return the error for a folder that holds no sample of a class, with the likeliest way out."""
    tables = tables_in(source)
    archives = sorted(path for path in source.iterdir() if path.suffix.lower() in (".zip", ".tar"))
    below = [] if tables else _tables_below(source)
    default = "Put them in one folder per class, such as cats/1.jpg, or give a table of paths and labels (CSV)."
    if tables:
        likeliest = min(tables, key=lambda path: (TABLE_SUFFIXES.index(path.suffix.lower()), path))  # JSON is the last
        hint = f"To read the labels from a table: labelaudit scan {in_shell(likeliest)}"
    elif tally.links_out:
        hint = f"{tally.links_out:,} symbolic links leave the folder: --follow-links reads what they lead to."
    elif archives:
        hint = f"To read an archive: labelaudit scan {in_shell(archives[0])}"
    elif len(below) == 1:
        hint = f"To read the labels from a table: labelaudit scan {in_shell(below[0])}"
    else:
        hint = _way_out(tally) or default
    if tally.unlabelled:
        return DataError(
            f"{source}: {len(tally.unlabelled):,} images, but none in a class folder: no labels.", hint=hint
        )
    kinds = shorten((f"{suffix} {n:,}" for suffix, n in tally.other_files.most_common()), show=3)
    others = f"; {count(tally.other_files.total(), 'other file')}: {kinds}" if tally.other_files else ""
    return DataError(f"{source}: no images in class folders{others}.", hint=hint)


def _way_out(tally: Tally) -> str | None:
    """Return what to do with the most frequent kind of files."""
    return next((OTHER_HINTS[suffix] for suffix, _ in tally.other_files.most_common(1) if suffix in OTHER_HINTS), None)


def _tables_below(source: Path) -> list[Path]:
    """Return up to two tables in folders right below."""
    folders = (path for path in sorted(source.iterdir()) if path.is_dir() and not path.name.startswith("."))
    found = (path for folder in folders for path in tables_in(folder) if path.suffix.lower() in _TABLES)
    return list(islice(found, 2))
