"""A real Chromium, and `labelaudit review` as a process of its own; where there is none the tests are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# Both resolve to what is shown; the second one to null where nothing has changed for 20 s.
_UNTIL_SEEN = """() => new Promise((done) => {
  const { dataset } = document.body;
  const look = () => {
    if (dataset.seen || !dataset.row) done([dataset.version, dataset.shown].join());
    else setTimeout(look, 3);
  };
  look();
})"""
_UNTIL_CHANGED = """(before) => new Promise((done) => {
  const { dataset } = document.body;
  const end = performance.now() + 20_000;
  const look = () => {
    const now = [dataset.version, dataset.shown].join();
    if (now !== before && !dataset.busy) done(now);
    else if (performance.now() > end) done(null);
    else setTimeout(look, 3);
  };
  look();
})"""
# How long the page takes: from each key until the next sample is there to see.
_CLOCK = """
globalThis.tookMs = 0;
let pressed = null;
addEventListener("keydown", () => (pressed = performance.now()), true);
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  if (pressed === null || !document.body.dataset.seen) return;
  tookMs += performance.now() - pressed;
  pressed = null;
}).observe(document.body, { attributeFilter: ["data-seen"] }));
"""


@pytest.fixture(scope="module")  # no longer: while it is there, its event loop runs in the thread of all tests
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(_NAMES)}")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


class Server:
    """`labelaudit review` in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "labelaudit", "review", "--no-browser", "--port", "0", "--reviewer", "Ann"]
        self._errors = (folder / "review.stderr").open("w")
        self.process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "TERM": "dumb"},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), (folder / "review.stderr").read_text()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    @property
    def home(self) -> str:
        return urlsplit(self.address).netloc

    def kill(self) -> None:
        """As the power goes out: nothing is tidied up."""
        self.process.kill()
        self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self._errors.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers = []

    def start(*options: str) -> Server:
        servers.append(Server(tmp_path, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Watched:
    """A tab of the browser; everything that went wrong in it."""

    def __init__(self, page: Any, home: str) -> None:
        self.page, self.problems = page, list[str]()
        page.on("console", lambda said: self._console(said))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self._dialog(dialog))
        page.on("request", lambda request: self._request(request.url, home))

    def _console(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.problems.append(f"console: {said.text}")

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str, home: str) -> None:
        if urlsplit(url).netloc != home:
            self.problems.append(f"request: {url}")

    def row(self) -> int:
        """Return the sample that is shown."""
        return int(self.page.evaluate("document.body.dataset.row"))

    def press(self, key: str) -> None:
        """Press a key and wait until its decision is on disk, and the next sample or the end is shown."""
        before = self.page.evaluate(_UNTIL_SEEN)
        self.page.keyboard.press(key)
        assert self.page.evaluate(_UNTIL_CHANGED, before), f"{key} changed nothing: {self.text('#stage')!r}"

    def wait(self, condition: str, timeout_s: float = 20.0) -> None:
        """Wait until a condition holds; Playwright's own way needs `eval`, which the page forbids."""
        deadline = time.monotonic() + timeout_s
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, f"never: {condition}"
            self.page.wait_for_timeout(2)

    def text(self, selector: str) -> str:
        return " ".join(str(self.page.inner_text(selector)).split())


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Watched]]:
    """Open the page as somebody who was given its address; a tab beside another one shares its cookies."""
    contexts = []

    def open_tab(server: Server, *, beside: Watched | None = None, **how: Any) -> Watched:
        if beside is None:
            contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}, **how))
        context = contexts[-1] if beside is None else beside.page.context
        tab = Watched(context.new_page(), server.home)
        tab.page.add_init_script(_CLOCK)
        tab.page.goto(server.address)
        tab.page.wait_for_selector("#stage > *")
        return tab

    yield open_tab
    for context in contexts:
        context.close()
