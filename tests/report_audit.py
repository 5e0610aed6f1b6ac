"""Finished audits of made-up pictures for the report: with suspects, hostile names, and a broken file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import SetAside
from labelaudit.functional.images import hash_content
from tests.gate_audit import Row, write_rows

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "</style></script><b>",
    "new\nline",
    "🐱 {{ 7 * 7 }} `x`",
    "..",
)
_WITNESSES = {
    "named": {
        "probe": {"agreement": 0.81, "taught": False, "has_vote": True},
        "network": {"agreement": 0.9, "taught": True, "has_vote": True},
    },
    "chance": 0.25,
    "proof": 1.0,
    "bar": 0.15,
}


def write_photo_audit(
    root: Path, *, suspects: int = 12, kept: int = 30, classes: tuple[str, ...] = ("cat", "dog", "fox"), side: int = 96
) -> Audit:
    """Write pictures below `root/photos` and an audit of them; every suspect looks like the next class."""
    draw = np.random.default_rng(5)
    rows = []
    for at in range(suspects + kept):
        own = at % len(classes)
        path = f"{own}/{at:04d}.jpg"
        content = _photo(root / "photos" / path, own, draw, side)
        is_suspect = at < suspects
        other = classes[(own + 1) % len(classes)]
        clean = 0.45 * (at + 1) / (suspects + 1) if is_suspect else 0.9 + 0.09 * draw.random()
        rows.append(Row(path, classes[own], clean, other if is_suspect else None, content))
    share = suspects / len(rows)
    results = {
        "noise_rate": share,
        "noise_interval": [share / 4, min(2 * share, 1.0)],
        "noise_by_class": {name: {"rate": share, "low": share / 4, "high": min(2 * share, 1.0)} for name in classes},
        "witnesses": _WITNESSES,
        "review": {
            "errors": float(suspects),
            "found": [{"looks": 5, "errors": 4.5}],
            "catch": [{"share": 0.8, "looks": suspects}],
        },
    }
    aside = SetAside("0/torn.jpg", "0/torn.jpg", classes[0], "unreadable", "the file is cut off")
    return write_rows(root, rows, set_aside=[aside], results=results, classes=classes, top_labels=2)


def _photo(path: Path, kind: int, draw: np.random.Generator, side: int) -> str:
    """Write a picture with a soft background, a shape by its kind, and grain; return the hash of the file."""
    up, across = np.mgrid[0:side, 0:side] / side
    tint = np.array([draw.random(), draw.random(), draw.random()]) * 120
    pixels = tint + 90 * across[..., None] + draw.normal(0, 12, (side, side, 3))
    inside = (across - 0.5) ** 2 + (up - 0.5) ** 2 < 0.1 if kind % 2 else np.abs(across - 0.5) + np.abs(up - 0.5) < 0.35
    pixels[inside] += np.array([60, -40, 20 * kind])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, "JPEG", quality=90)
    return hash_content(path.read_bytes())
