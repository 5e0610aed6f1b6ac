"""Make docs/images/report-light.jpg and report-dark.jpg: the report of two photographs that scikit-learn ships.

The pictures are cut into tiles, petals of a flower, leaves, roofs and walls; every eighth tile has another label.
Needs a Chromium in the PATH: `python docs/make_report_picture.py`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_sample_image

from labelaudit.api.report import write_report
from labelaudit.api.scan import scan

IMAGES = Path(__file__).parent / "images"
_TILE = 96  # pixels


def write_tiles(folder: Path) -> None:
    """Write class folders of tiles: what a photograph shows at a place decides the class, and a lot which are wrong."""
    draw = np.random.default_rng(11)
    for photo in ("flower.jpg", "china.jpg"):
        pixels = load_sample_image(photo)
        for y in range(0, pixels.shape[0] - _TILE, 24):
            for x in range(0, pixels.shape[1] - _TILE, 24):
                tile = pixels[y : y + _TILE, x : x + _TILE]
                label = given = class_of(photo, tile)
                if draw.random() < 0.1:
                    given = str(draw.choice([name for name in CLASSES if name != label]))
                target = folder / given / f"{Path(photo).stem}-{y:03d}-{x:03d}.jpg"
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(tile).save(target, quality=90)


CLASSES = ("leaves", "petals", "roofs", "sky")


def class_of(photo: str, tile: np.ndarray) -> str:
    """Return what a tile mostly shows, by its colours."""
    red, _green, blue = tile.reshape(-1, 3).mean(axis=0)
    if photo == "flower.jpg":
        return "petals" if red > 110 else "leaves"
    return "sky" if blue > 150 else "roofs"


def main() -> None:
    """Scan the tiles, and take pictures of the first screen of the report."""
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        write_tiles(Path("garden"))
        page = write_report(scan("garden", quick=True, device="cpu"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                tab = browser.new_page(viewport={"width": 1200, "height": 1060}, color_scheme=scheme)
                tab.goto(page.absolute().as_uri())
                tab.screenshot(path=IMAGES / f"report-{scheme}.jpg", type="jpeg", quality=72)
            browser.close()


if __name__ == "__main__":
    main()
