"""What must not be imported, and what must be written the same in two places."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["export", "--help"], ["scan", "--help"], ["--version"]])
def test_help_imports_neither_torch_nor_pandas(arguments):
    code = (
        f"import sys; sys.argv = ['labelaudit', *{arguments!r}]\n"
        "from labelaudit.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )
    loaded = modules_after(code)
    assert "labelaudit.cli.scan" in loaded
    assert not loaded & {"torch", "torchvision", "pandas", "scipy", "sklearn"}


@pytest.mark.parametrize(
    "module", ["labelaudit.api.export", "labelaudit.api.load", "labelaudit.exports.tables", "labelaudit.sources.read"]
)
def test_what_reads_and_writes_tables_starts_without_torch(module):
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert "torch" not in loaded


def test_a_check_waits_neither_for_pandas_nor_for_what_reads_urls():
    loaded = modules_after("import labelaudit.api.check")
    assert "labelaudit.sources.folder" in loaded
    assert not loaded & {"torch", "pandas", "scipy", "sklearn", "fsspec", "asyncio"}


def test_a_scan_waits_for_torch_but_for_no_other_large_package():
    loaded = modules_after("import labelaudit.api.scan")
    assert "torch" in loaded
    assert not loaded & {
        "torchvision",
        "sklearn",
        "torch._dynamo",
        "matplotlib",
        "pandas",
        "scipy.special",
        "scipy.optimize",
    }


def test_the_package_itself_imports_nothing_heavy():
    assert not modules_after("import labelaudit") & {"torch", "pandas", "numpy", "typer", "rich"}


def test_the_readme_and_ci_run_the_same_test_command():
    (line,) = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("python3 -m venv")]
    command = line.replace(" -q ", " ")
    assert command in (ROOT / "README.md").read_text()


def test_torch_load_is_called_in_one_place_and_with_weights_only():
    calls = {
        path.relative_to(ROOT).as_posix(): re.findall(r"torch\.load\(.*\)", path.read_text())
        for path in (ROOT / "labelaudit").rglob("*.py")
    }
    found = {path: lines for path, lines in calls.items() if lines}
    assert list(found) == ["labelaudit/training/models.py"]
    assert all("weights_only=True" in line for line in found["labelaudit/training/models.py"])


def test_only_one_file_knows_torch_distributed_and_reads_what_torchrun_says():
    told = re.compile(r"(import|from) torch\.distributed|torch\.distributed\.\w+\(|WORLD_SIZE|TORCHELASTIC")
    users = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "labelaudit").rglob("*.py")
        if told.search(path.read_text())
    ]
    assert users == ["labelaudit/training/ranks.py"]


def test_only_one_file_chooses_devices():
    users = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "labelaudit").rglob("*.py")
        if "is_available()" in path.read_text()
    ]
    assert users == ["labelaudit/training/device.py"]
