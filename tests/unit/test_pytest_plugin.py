"""The plug-in, by a pytest of its own in a folder of its own."""

import os
import re
import subprocess
import sys

import pytest

from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    *[Row(f"cat/{n}.png", "cat") for n in range(3, 8)],
    *[Row(f"dog/{n}.png", "dog") for n in range(9, 13)],
]
# As the entry point does, but also where the package was installed before it had one.
PLUGIN = ["-p", "labelaudit.pytest_plugin"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "test_own.py").write_text("def test_own():\n    assert True\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    write_rows(tmp_path, write_pictures(tmp_path / "photos", ROWS))
    return tmp_path


def run(folder, *options):
    words = [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", "-v", *options]
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1", "COLUMNS": "160"}
    done = subprocess.run(words, cwd=folder, env=os.environ | plain, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def outcomes(text):
    return dict(re.findall(r"^(\S.*?) (PASSED|FAILED|SKIPPED)", text, re.MULTILINE))


def test_every_rule_is_a_test_and_a_failed_one_names_the_worst_samples(project):
    code, text = run(project, "--labelaudit")
    assert code == 1
    found = outcomes(text)
    assert found["test_own.py::test_own"] == "PASSED"
    assert found["labelaudit::max-noise"] == "FAILED"
    assert found["labelaudit::max-unjudged"] == "PASSED"
    assert found["labelaudit::max-new-suspects"] == "SKIPPED"
    assert "  cat/1.png: given cat, more likely dog (clean probability 0.02)\n" in text
    assert "PytestWarning: min-class-samples (class dog): 4 samples; at least 5 wanted" in text
    assert "labelaudit::min-class-samples (class dog)" in text


def test_without_the_option_nothing_is_added_or_imported(project):
    (project / "test_own.py").write_text(
        "import sys\ndef test_own():\n    assert 'labelaudit.api.check' not in sys.modules\n"
        "    assert 'pyarrow' not in sys.modules\n"
    )
    code, text = run(project)
    assert (code, list(outcomes(text))) == (0, ["test_own.py::test_own"])


def test_settings_and_profile_are_obeyed(project):
    (project / "gate.toml").write_text('audit = "."\n[check]\nmax_noise = 0.01\n[profiles.lax]\nmax_noise = 0.5\n')
    assert run(project, "--labelaudit", "--labelaudit-config", "gate.toml")[0] == 1
    assert run(project, "--labelaudit", "--labelaudit-config", "gate.toml", "--labelaudit-profile", "lax")[0] == 0


def test_without_an_audit_pytest_says_so_and_what_to_do(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    code, text = run(tmp_path, "--labelaudit")
    assert code == 4
    assert "ERROR: labelaudit: no audit in " in text
    assert "Run `labelaudit scan DATA` first." in text
