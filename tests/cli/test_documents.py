"""The documents say what the program does: options, columns and settings are compared with the code."""

import ast
import dataclasses
import importlib.util
import inspect
import re
import shlex
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import typer.main

import labelaudit
from labelaudit.cli.app import app
from labelaudit.cli.bench_group import DATA
from labelaudit.core.errors import ConfigError, DataError, TrainingError
from labelaudit.core.findings import FINDINGS_SCHEMA, SCHEMA, Action, Issue
from labelaudit.core.summary import SUMMARY_SCHEMA
from labelaudit.lab.published_tables import settings
from labelaudit.methods import bootstrap, drpl, forward, ieg, joint, probe
from labelaudit.methods.baselines import ce, gce, mixup, sce
from tests.cli.terminal import write_audit, write_flowers

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))]
NOW = [page for page in PAGES if not page.startswith(("docs/adr/", "docs/changelog"))]  # the others tell of then


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


@pytest.mark.parametrize("method", [drpl, bootstrap, joint, forward, ieg, probe])
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


@pytest.mark.parametrize("page", NOW)
def test_every_command_line_of_a_page_is_understood(page):
    for line in command_lines((ROOT / page).read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        end = min((place for place, word in enumerate(words) if word in ("|", "&&", ">", "...")), default=len(words))
        parse(words[:end])


def test_a_command_line_that_is_none_is_found_and_refused():
    text = "Run `labelaudit scan photos/ --nonsense`, or\n\n```sh\n$ labelaudit frobnicate photos/\n```\n"
    assert command_lines(text) == ["frobnicate photos/", "scan photos/ --nonsense"]
    with pytest.raises(Exception, match="nonsense"):
        parse(["scan", "photos/", "--nonsense"])
    with pytest.raises(KeyError):
        parse(["frobnicate", "photos/"])
    with pytest.raises(AssertionError, match="scan"):
        require_call(labelaudit.scan, ["nonsense"])


def command_lines(text: str) -> list[str]:
    """Return what stands after "labelaudit" in the blocks and the sentences of a page."""
    text = re.sub(r"\\\n *", "", text)
    blocks = "\n".join(re.findall(r"^```(?:console|sh|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^ *(?:\$ )?|/|-m |&& )labelaudit +([a-z].*)$", blocks, re.MULTILINE)
    found += re.findall(r"^    labelaudit (.+)$", prose, re.MULTILINE)
    return found + re.findall(r"(?<!`)`(?:torchrun .*-m )?labelaudit ([a-z][^`\n]*)`", prose)


def parse(words: list[str]) -> None:
    """Parse a command line without running it; a command alone is a name, and no call that lacks its arguments."""
    name, command = "labelaudit", typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        name = words[0] if words[0] in command.commands or name != "bench" else DATA
        command, words = command.commands[name], words[name != DATA :]
    if words and not {"-h", "--help"} & {*words}:
        command.make_context(name, words)  # raises where an option does not exist, a value is out of its range, ...


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    for link in (link for link in links if not link.startswith("https://")):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def anchors(text: str) -> set[str]:
    """Return the headings of a page as links name them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", NOW)
def test_every_published_setting_of_a_page_exists(page):
    methods = "|".join(map(re.escape, {name.partition("/")[0] for name in settings()}))
    named = re.findall(rf"\b(?:{methods})/\w+/[\w.-]+(?:/[\w-]+)?", (ROOT / page).read_text(encoding="utf-8"))
    assert {name.rstrip(".") for name in named} <= {*settings()}


@pytest.mark.parametrize("page", NOW)
def test_every_call_of_a_page_fits_its_function(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        code = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.*)$", block, re.MULTILINE)) if ">>> " in block else block
        for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
            match call.func:
                case ast.Attribute(ast.Name("labelaudit"), name):
                    require_call(getattr(labelaudit, name), [each.arg for each in call.keywords])


def require_call(function: Any, keywords: list[str | None]) -> None:
    """Fail where a function has no such parameters; what it takes by name is in the type of its `**settings`."""
    parameters = inspect.signature(function).parameters
    known = {*parameters}
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            settings = parameter.annotation.removeprefix("Unpack[").removesuffix("]")
            known |= set(get_type_hints(function.__globals__[settings]))
    assert {*keywords} <= known, function.__name__
