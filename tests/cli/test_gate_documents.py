"""The pages on the gate say what it does: rules, limits, formats and the baseline's columns."""

import re

from labelaudit.gate.baseline import COLUMNS
from labelaudit.gate.formats import FORMATS
from labelaudit.gate.limits import Limits
from labelaudit.gate.rules import RULES
from labelaudit.gate.settings import load_settings
from tests.cli.test_documents import DOCS, table_under


def test_the_page_on_the_gate_lists_the_rules_with_their_limits_and_severities():
    rows = table_under("reference/check.md", "## Rules")
    defaults = Limits()
    limits = {rule.name: getattr(defaults, rule.name.replace("-", "_")) for rule in RULES}
    wanted = [
        [rule.name, "none" if limits[rule.name] is None else str(limits[rule.name]), rule.severity] for rule in RULES
    ]
    assert [row[:3] for row in rows] == wanted


def test_the_page_on_the_gate_lists_the_formats():
    assert [row[0] for row in table_under("reference/check.md", "## Formats")] == list(FORMATS)


def test_the_settings_on_the_page_on_the_gate_can_be_used(tmp_path):
    text = (DOCS / "reference" / "check.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "labelaudit.toml"
    file.write_text(block, encoding="utf-8")
    gate = load_settings(file, profile="nightly").gate
    assert (gate.limits.max_noise, gate.classes["husky"].max_suspects, gate.paths[0].match) == (0.01, 40, "scraped/**")


def test_the_page_on_the_baseline_lists_its_columns():
    named = [
        name.strip()
        for row in table_under("reference/baseline.md", "## labelaudit-baseline")
        for name in row[0].split(",")
    ]
    assert tuple(named) == COLUMNS
