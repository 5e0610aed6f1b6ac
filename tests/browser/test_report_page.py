"""The report in a browser: it opens from disk, asks nobody, filters, and 500 suspects are a page to mail."""

import itertools
import shutil
from pathlib import Path

import pytest

from labelaudit.api.report import write_report
from tests.report_audit import HOSTILE, write_photo_audit

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[test]'")
CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs a Chromium in the PATH")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


class Opened:
    """A page, what it said on its console, and what it asked for besides itself."""

    def __init__(self, browser, path, **options):
        self.page = browser.new_page(**options)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self.refuse)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.asked = [url for url in self.asked if not url.startswith("data:") and url != path.as_uri()]

    def refuse(self, dialog):
        self.said.append(dialog.message)
        dialog.dismiss()

    def shown(self):
        return self.page.locator(".card:visible")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return write_report(write_photo_audit(folder, suspects=60, kept=60), output=folder / "r.html")


@pytest.fixture
def opened(browser, written):
    found = Opened(browser, written)
    yield found
    found.page.close()


def test_it_opens_from_disk_without_errors_and_asks_nobody(opened):
    assert opened.said == []
    assert opened.asked == []
    loaded = opened.page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth > 0).length")
    assert loaded >= 48


def test_filters_leave_what_fits_and_clearing_brings_all_back(opened):
    page = opened.page
    assert opened.shown().count() == 48
    page.get_by_role("combobox", name="Given label").select_option("cat")
    assert opened.shown().count() == 20
    assert {card.get_attribute("data-given") for card in opened.shown().all()} == {"cat"}
    page.get_by_role("combobox", name="How sure").select_option("almost sure")
    assert 0 < opened.shown().count() < 20
    page.get_by_role("searchbox", name="Search").fill("0003")
    assert opened.shown().count() == 1
    page.get_by_role("searchbox", name="Search").fill("nowhere")
    assert page.get_by_role("status").inner_text() == "Nothing fits these filters."
    page.get_by_role("button", name="Clear").click()
    sync_api.expect(page.get_by_role("status")).to_have_text("48 of 60 shown.")


def test_it_is_worked_by_keyboard(opened):
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_role("combobox", name="Given → suggested").focus()
    page.keyboard.press("ArrowDown")
    assert opened.shown().count() == 20
    page.get_by_role("button", name="Clear").press("Enter")
    page.get_by_role("button", name="Show 12 more").press("Enter")
    assert opened.shown().count() == 60
    assert page.evaluate("document.activeElement.classList.contains('card')")


def test_a_point_of_the_map_leads_to_its_card(opened):
    link = opened.page.locator("#map a").last
    target = link.get_attribute("href")
    link.dispatch_event("click")
    sync_api.expect(opened.page.locator(":focus")).to_have_id(target[1:])
    assert opened.page.locator(target).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(browser, written, scheme):
    opened = Opened(browser, written, color_scheme=scheme)
    # the darker of two colours against the lighter one, as WCAG 2 counts it
    contrast = """() => {
        const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const light = (c) => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
        const behind = (e) => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor;
            if (!b.endsWith(', 0)')) return rgb(b); } return [255, 255, 255]; };
        return [...document.querySelectorAll('p, h1, h2, h3, a, dt, dd, li, bdi, label, summary, th, td')]
            .filter(e => e.checkVisibility() && e.closest('svg') === null && e.textContent.trim())
            .map(e => [light(rgb(getComputedStyle(e).color)), light(behind(e))])
            .map(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }"""
    assert min(opened.page.evaluate(contrast)) >= 4.5
    opened.page.close()


def test_nothing_is_wider_than_a_phone(browser, written):
    opened = Opened(browser, written, viewport={"width": 360, "height": 700})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    opened.page.close()


def test_everything_has_a_name_for_those_who_cannot_see_it(opened):
    nameless = opened.page.evaluate(
        """() => [...document.querySelectorAll('img, svg[role=img], select, input, section, nav, form')]
            .filter(e => !(e.getAttribute('alt') || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
                           || (e.labels && e.labels.length))).length"""
    )
    assert nameless == 0
    headings = opened.page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def test_hostile_names_do_nothing(browser, tmp_path):
    audit = write_photo_audit(tmp_path, suspects=18, kept=6, classes=HOSTILE)
    opened = Opened(browser, write_report(audit, output=tmp_path / "r.html"))
    assert (opened.said, opened.asked) == ([], [])
    opened.page.get_by_role("combobox", name="Given label").select_option(HOSTILE[1])
    assert opened.shown().count() == 3
    assert opened.page.locator(".card b").count() == 0
    opened.page.close()


def test_500_suspects_are_under_15_megabytes(browser, tmp_path):
    audit = write_photo_audit(tmp_path, suspects=520, kept=100, side=240)
    path = write_report(audit, output=tmp_path / "r.html")
    assert path.stat().st_size < 15e6
    opened = Opened(browser, path)
    opened.page.get_by_role("button", name="Show all 500").click()
    assert opened.shown().count() == 500
    assert opened.said == []
    opened.page.close()


def test_it_prints_without_what_only_a_screen_can_do(opened):
    opened.page.emulate_media(media="print")
    assert opened.page.locator("nav").is_hidden()
    assert opened.page.locator("#filters").is_hidden()
    assert opened.page.locator("h1").is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
