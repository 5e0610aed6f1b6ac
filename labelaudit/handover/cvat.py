"""CVAT: image tags as "CVAT for images 1.1", and back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from xml.sax.saxutils import escape, quoteattr

from labelaudit.handover.samples import Handed, Said

_DROP, _AMBIGUOUS = "labelaudit:drop", "labelaudit:ambiguous"


def render_annotations(samples: Sequence[Handed], classes: Iterable[str], *, root: str | None) -> str:
    """Return the annotations: the suggestion of each image as a tag, else its given label.

    Args:
        samples: images.
        classes: the labels of the task.
        root: the folder that was uploaded, which names are relative to; None = as the findings have them.
    """
    names = [*classes, _AMBIGUOUS, _DROP]
    labels = "".join(f"<label><name>{escape(name)}</name><type>tag</type></label>" for name in names)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    lines.append(f"  <meta><task><size>{len(samples)}</size><labels>{labels}</labels></task></meta>")
    for number, sample in enumerate(samples):
        label = quoteattr(sample.suggested_label or sample.given_label)
        lines.append(f"  <image id={quoteattr(str(number))} name={quoteattr(_name(sample, root))}>")
        lines.append(f'    <tag label={label} source="auto"></tag>')
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>"]) + "\n"


def is_export(text: str) -> bool:
    """Return whether a text is such a file."""
    return text.lstrip("\ufeff \r\n\t").startswith("<") and "<annotations>" in text[:4096]


def read_annotations(text: str) -> list[Said]:
    """Return the tag of each image; raises ValueError where the file is damaged or asks for entities.

    Tags with source "auto" are our suggestions, which nobody touched: CVAT marks what people made as "manual".
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities, which a list of tags needs not")
    try:
        top = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(str(error)) from error
    said = []
    for image in top.iter("image"):
        labels = [tag.get("label", "") for tag in image.iter("tag") if tag.get("source") != "auto"]
        if labels:
            name = image.get("name", "")
            kind = {_DROP: "drop", _AMBIGUOUS: "ambiguous"}.get(labels[0], "") if len(labels) == 1 else ""
            said.append(
                Said(
                    place=f"image {image.get('id', '?')}",
                    sample=name,
                    verdict="wrong" if kind == "drop" else "",
                    label="" if kind else " and ".join(labels),
                    kind=kind,
                )
            )
    return said


def _name(sample: Handed, root: str | None) -> str:
    if sample.file is None or root is None:
        return sample.path
    file = PurePosixPath(sample.file.replace("\\", "/"))
    return str(file.relative_to(root.replace("\\", "/")))
