"""The documents say what the program does: options, columns and settings are compared with the code."""

import dataclasses
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

import labelaudit
from labelaudit.cli.app import app
from labelaudit.core.errors import ConfigError, DataError, TrainingError
from labelaudit.core.findings import FINDINGS_SCHEMA, SCHEMA, Action, Issue
from labelaudit.core.summary import SUMMARY_SCHEMA
from labelaudit.methods import bootstrap, drpl, forward, ieg, joint
from labelaudit.methods.baselines import ce, gce, mixup, sce
from tests.cli.terminal import write_audit, write_flowers

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def table_under(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, without its header; code marks are cut."""
    text = (DOCS / page).read_text(encoding="utf-8").split(heading, 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows, f"{page} has no table after {heading!r}"
    lines = rows.group().splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_reference_of_the_command_line_is_fresh():
    spec = importlib.util.spec_from_file_location("make_cli_reference", DOCS / "make_cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    fresh = maker.render()
    assert (DOCS / "reference" / "cli.md").read_text(encoding="utf-8") == fresh, "run python docs/make_cli_reference.py"


def test_the_reference_of_the_command_line_names_every_command():
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    found = [info for info in app.registered_commands if info.callback is not None]
    commands = [info.name or info.callback.__name__.replace("_", "-") for info in found]  # type: ignore[union-attr]
    assert re.findall(r"^## labelaudit ([\w-]+)$", text, re.MULTILINE) == commands


def test_the_page_on_findings_lists_the_columns_in_order():
    rows = table_under("reference/findings.md", "# findings.parquet")
    assert [row[0] for row in rows] == SCHEMA.names
    names = {"float": "float", "list<item: string>": "list of string", "list<item: float>": "list of float"}
    types = [names.get(str(field.type), str(field.type)) for field in SCHEMA]
    assert [row[1] for row in rows] == [name.replace("list<element: ", "list of ").rstrip(">") for name in types]


def test_the_page_on_findings_lists_actions_issues_and_the_schema_version():
    assert [row[0] for row in table_under("reference/findings.md", "## Actions")] == [*Action]
    issues = [row[0].replace("(empty)", "") for row in table_under("reference/findings.md", "## Issues")]
    assert issues == [*Issue]
    assert f"Schema version {FINDINGS_SCHEMA}," in (DOCS / "reference" / "findings.md").read_text(encoding="utf-8")


def assert_lists_options(rows, options):
    assert [(row[0], row[1]) for row in rows] == [(f.name, str(f.default)) for f in dataclasses.fields(options)]


@pytest.mark.parametrize("method", [drpl, bootstrap, joint, forward, ieg])
def test_the_page_on_a_method_lists_the_options_with_their_defaults(method):
    rows = table_under(f"methods/{method.__name__.rpartition('.')[2]}.md", "## Options")
    assert_lists_options(rows, method.Options)


@pytest.mark.parametrize(("heading", "method"), [("## CE", ce), ("## GCE", gce), ("## SCE", sce), ("## Mixup", mixup)])
def test_the_page_on_the_baselines_lists_the_options_of_each_with_their_defaults(heading, method):
    assert_lists_options(table_under("methods/baselines.md", heading), method.Options)


def test_the_page_on_the_summary_lists_its_keys(tmp_path):
    rows = table_under("reference/summary-json.md", "# The summary as JSON")
    named = {name.strip() for row in rows for name in row[0].split(",")}
    assert named == set(write_audit(tmp_path).summary)
    assert rows[0] == ["schema", str(SUMMARY_SCHEMA)]


def test_the_page_on_the_folder_of_an_audit_names_what_a_scan_keeps(tmp_path):
    table = write_flowers(tmp_path)
    np.save(tmp_path / "probs.npy", np.full((120, 3), 0.05) + 0.85 * np.eye(3)[np.arange(120) % 3])
    audit = labelaudit.scan(table, root=tmp_path, id_column="id", label_column="species", probs=tmp_path / "probs.npy")
    page = "reference/audit-folder.md"
    results = {row[0] for row in table_under(page, "### results")}
    assert results - {"finish", "labels"} == set(audit.meta["results"])  # of training; of several labels
    keys = {name for row in table_under(page, "## audit.json") for name in row[0].split(", ")}
    assert set(audit.meta) - keys == set()
    with np.load(audit.path / "evidence.npz") as stored:
        shown = {row[0]: row[1] for row in table_under(page, "## evidence.npz")}
        for name in stored:
            general = re.sub("^score_.*", "score_NAME", name)
            general = re.sub("^(against|predicted)_(taught|unseen)_.*", r"\1_KIND_NAME", general)
            shape, kind = shown[name if name in shown else general].rsplit(" ", 1)
            assert (shape.count(",") + (shape != "(N,)"), kind) == (stored[name].ndim, str(stored[name].dtype)), name


def test_the_page_on_exit_codes_lists_the_codes_of_the_errors():
    codes = {int(row[0]) for row in table_under("reference/exit-codes.md", "# Exit codes")}
    assert codes == {0, 1, 130} | {kind.exit_code for kind in (ConfigError, DataError, TrainingError)}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_of_a_page_exists(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group
    for line in re.findall(r"^(?:\$ )?labelaudit (.+?)(?: \|.*)?$", blocks, re.MULTILINE):
        name, *words = line.split()
        command = commands[name]
        if name == "bench":
            command = command.commands.get(words[0], command.commands["DATA"])
        known = {flag for option in command.params for flag in option.opts}
        unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in known]
        assert unknown == [], f"{page}: labelaudit {line}"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_page(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("https://")]
    missing = [link for link in links if not (DOCS / page).parent.joinpath(link).exists()]
    assert missing == []
