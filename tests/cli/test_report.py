"""`labelaudit report`: what the page holds, in outline; what it refuses; and that names are harmless."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from labelaudit.api.report import write_report
from labelaudit.core.audits import Audit
from tests.report_audit import HOSTILE, write_photo_audit

STORED = Path(__file__).parents[1] / "stored"
_VOID = {"meta", "link", "img", "input", "br"}


class Outline(HTMLParser):
    """Headings, charts, tables and commands of a page, indented by section; and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.lines: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        if tag == "section":
            self.lines.append(f"section {values['id']}")
        if tag == "svg" and "role" in values:
            self.lines.append(f"  chart: {values['aria-label']}")
        if tag == "select":
            self.lines.append(f"  filter: {values['name']}")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        last = self.open[-1] if self.open else ""
        if last in ("h1", "h2", "dt", "dd", "summary") and data.strip():
            self.lines.append(f"  {last}: {data.strip()}")


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert found.open == []
    return found


def test_the_page_has_the_answer_first_then_suspects_charts_and_provenance(here, labelaudit, golden):
    write_photo_audit(here)
    run = labelaudit("report")
    assert run.exit_code == 0
    assert re.fullmatch(r"wrote report.html \(0\.\d MB\)\n", run.stderr)
    assert run.stdout == ""
    golden("report-outline", "\n".join(outline(Path("report.html").read_text()).lines) + "\n")


def test_quiet_says_nothing_and_the_output_may_be_in_a_new_folder(here, labelaudit):
    write_photo_audit(here, suspects=2, kept=4)
    run = labelaudit("report", "photos", "--output", "new/page.html", "-q")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "")
    assert Path("new/page.html").read_text().startswith("<!doctype html>")


def test_a_file_that_is_no_report_is_not_replaced(here, labelaudit):
    write_photo_audit(here, suspects=2, kept=4)
    Path("report.html").write_text("mine")
    run = labelaudit("report")
    assert (run.exit_code, Path("report.html").read_text()) == (2, "mine")
    assert "--overwrite" in run.stderr
    assert labelaudit("report", "--overwrite").exit_code == 0
    assert labelaudit("report").exit_code == 0  # it is ours now


def test_data_that_is_gone_leaves_the_cards_without_pictures(here, labelaudit):
    write_photo_audit(here, suspects=3, kept=5)
    shutil.move("photos", "elsewhere")
    assert labelaudit("report").exit_code == 0
    page = Path("report.html").read_text()
    assert "<img" not in page
    assert "photos is not there" in page
    assert labelaudit("report", "--data", "elsewhere").exit_code == 0
    assert "<img" in Path("report.html").read_text()
    assert "data nowhere does not exist" in labelaudit("report", "--data", "nowhere").stderr


@pytest.mark.parametrize("limit", ["1", "2"])
def test_a_limit_shows_the_worst(here, labelaudit, limit):
    write_photo_audit(here, suspects=6, kept=5)
    labelaudit("report", "--limit", limit)
    page = Path("report.html").read_text()
    assert page.count("<img") == int(limit)
    assert f"the first {limit} of 6" in page


def test_hostile_names_are_text(tmp_path):
    audit = write_photo_audit(tmp_path, suspects=18, kept=18, classes=HOSTILE)
    page = write_report(audit, output=tmp_path / "r.html").read_text()
    found = outline(page)
    assert found.scripts == 1  # our own
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_ten_thousand_classes_give_a_page_of_ordinary_size(tmp_path):
    names = tuple(f"class {k}" for k in range(10_000))
    audit = write_photo_audit(tmp_path, suspects=30, kept=30, classes=names, side=8)
    page = write_report(audit, output=tmp_path / "r.html").read_text()
    assert len(page) < 1e6


@pytest.mark.parametrize("kind", ["table", "photos"])
def test_audits_of_version_0_1_have_a_report(kind, tmp_path):
    shutil.copytree(STORED / kind, tmp_path / kind)
    home = tmp_path / kind / ".labelaudit" / "audits"
    shutil.copytree(STORED / kind / "audit", home / "old")
    page = write_report(Audit(home / "old"), output=tmp_path / "r.html").read_text()
    found = outline(page)
    assert "section training" in found.lines
    assert ("<img" in page) == (kind == "photos")


def test_a_decision_is_seen_in_the_report(here, labelaudit):
    audit = write_photo_audit(here, suspects=6, kept=10)
    worst = audit.suspects["sample_id"][0]
    labelaudit("mark", worst, "--wrong", "--label", "dog", "--who", "me", "--why", "a dog")
    labelaudit("report")
    page = Path("report.html").read_text()
    assert "decided: wrong, <bdi>dog</bdi>" in page
    assert "decided by people" in page
