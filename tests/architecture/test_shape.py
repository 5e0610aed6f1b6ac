"""How large the house may grow: what a reader has to hold in the head at once."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "labelaudit"


def wide_functions(source: str, *, most: int) -> list[str]:
    """Return the functions with more parameters than that, *args and **kwargs counted as one each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            n = len(named) + (node.args.vararg is not None) + (node.args.kwarg is not None)
            if n > most:
                found.append(f"{node.name}: {n} parameters")
    return found


def test_wide_functions_are_seen():
    assert wide_functions("def f(a, /, b, *c, d, **e): ...\ndef g(a): ...", most=4) == ["f: 5 parameters"]


def test_no_function_outside_the_command_line_has_more_than_12_parameters():
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "cli"]
    found = {path.relative_to(ROOT).as_posix(): wide_functions(path.read_text("utf-8"), most=12) for path in files}
    assert {path: wide for path, wide in found.items() if wide} == {}


def test_a_command_is_a_file_of_api_and_there_are_few():
    assert len([path for path in (PACKAGE / "api").glob("*.py") if path.stem != "__init__"]) <= 25


@pytest.mark.slow
def test_the_path_of_a_scan_is_short_and_in_the_contributors_guide():
    script = ROOT / "docs" / "make_newcomers_path.py"
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=ROOT)
    measured = run.stdout.split()
    guide = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    assert re.findall(r"^\d+\. `(\S+)`: ", guide, re.MULTILINE) == measured
    assert len(measured) <= 40
