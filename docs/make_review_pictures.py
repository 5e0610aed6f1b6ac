"""Make docs/images/review-*.jpg: the review page on a real scan of pieces of two photographs that scikit-learn brings.

python docs/make_review_pictures.py

Needs playwright and a Chromium that is installed already.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance
from playwright.sync_api import ViewportSize, sync_playwright
from sklearn.datasets import load_sample_image

from labelaudit.api.scan import scan

IMAGES = Path(__file__).parent / "images"
_SIDE = 112  # pixels of a piece
_EACH, _WRONG = 45, 7  # pieces of a class, and how many of them get another label
_SIZE = ViewportSize(width=1280, height=800)
# Where the middles of pieces may lie: photograph, left, right, top, bottom.
_PLACES = {
    "roof": ("china.jpg", 130, 290, 80, 300),
    "sky": ("china.jpg", 380, 580, 56, 90),
    "lake": ("china.jpg", 400, 500, 225, 262),
    "tree": ("china.jpg", 400, 584, 330, 371),
    "petal": ("flower.jpg", 240, 370, 160, 280),
    "leaf": ("flower.jpg", 56, 110, 110, 300),
}


def main() -> None:
    """Scan the pieces, open the page, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pieces(root / "garden")
        scan(root / "garden", root=root, quick=True, device="cpu")
        server = subprocess.Popen(
            [sys.executable, "-m", "labelaudit", "review", "--no-browser", "--port", "0", "--reviewer", "Ann"],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            take_all(server.stdout.readline().strip())
        finally:
            server.terminate()
            server.wait(30)


def write_pieces(folder: Path) -> None:
    """Write the pieces of each class, some of them into the folder of another class."""
    draw = np.random.default_rng(5)
    names = list(_PLACES)
    for name, (photograph, left, right, top, bottom) in _PLACES.items():
        whole = Image.fromarray(load_sample_image(photograph))
        for number in range(_EACH):
            x, y = int(draw.integers(left, right)), int(draw.integers(top, bottom))
            half = int(draw.integers(40, 56))
            piece = whole.crop((x - half, y - half, x + half, y + half)).resize(
                (_SIDE, _SIDE), Image.Resampling.LANCZOS
            )
            if draw.random() < 0.5:
                piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            piece = ImageEnhance.Brightness(piece).enhance(float(draw.uniform(0.8, 1.2)))
            given = names[(names.index(name) + int(draw.integers(1, 6))) % 6] if number < _WRONG else name
            path = folder / given / f"{name[0]}{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            piece.save(path)


def take_all(address: str) -> None:
    """Take every picture, light and dark."""
    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport=_SIZE, color_scheme=scheme, bypass_csp=True)  # Playwright waits by eval
            page.goto(address)
            page.wait_for_selector(".thumb")
            page.wait_for_function("document.getElementById('counts').children.length > 1")
            take(page, f"review-{scheme}", a_petal)
            take(page, f"review-grid-{scheme}", some_selected)
            page.close()
        browser.close()


def a_petal(page: Any) -> None:
    """Turn the questions down, decide on some by what they are, and stop at a petal that is called otherwise."""
    if page.is_visible("#offer"):
        page.click("#offer-no")
    page.mouse.move(400, 400)
    for _ in range(40):
        page.wait_for_function("document.body.dataset.seen && !document.body.dataset.busy")
        is_petal = page.inner_text(".label.suggested .name").startswith("petal")
        if is_petal and page.inner_text("#counts").startswith(("1", "2")):
            break
        shown = page.evaluate("document.body.dataset.shown")
        page.keyboard.press("s" if is_petal else "a")
        page.wait_for_function("before => document.body.dataset.shown !== before", arg=shown)
    page.wait_for_selector(".thumb")
    page.wait_for_timeout(4500)  # until what was said last has faded


def some_selected(page: Any) -> None:
    """Show every pair in the grid, a few selected."""
    page.keyboard.press("g")
    page.wait_for_selector(".tile")
    page.select_option("#filter", "")
    page.wait_for_function("document.querySelectorAll('.tile').length > 20")
    for key in ("Space", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)


def take(page: Any, name: str, prepare: Callable[[Any], None]) -> None:
    """Prepare the page, and keep what it looks like."""
    prepare(page)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    page.wait_for_timeout(400)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    IMAGES.mkdir(exist_ok=True)
    shot.save(IMAGES / f"{name}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
