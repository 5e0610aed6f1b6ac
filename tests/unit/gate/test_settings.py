import tomllib
from pathlib import Path

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.gate.limits import ClassLimits, Limits, PathLimits
from labelaudit.gate.settings import find_settings_file, load_settings, render_settings

FILE = """
data = "photos"
baseline = "known.tsv"

[check]
max_noise = 0.02
max_suspects = "none"

[check.severity]
max-leaks = "warning"

[check.classes."black cat"]
max_noise = 0.3

[[check.paths]]
match = "raw/**"
max_suspects = 20

[profiles.nightly]
max_noise = 0.01
severity = { max-unjudged = "warning" }
"""


def write(folder, text=FILE, name="labelaudit.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_wins_over_defaults_and_the_command_line_over_both(tmp_path):
    file = write(tmp_path)
    settings = load_settings(file, overrides={"max_noise": "0.5", "check.max_leaks": "none", "data": "other"})
    assert settings.gate.limits == Limits(max_noise=0.5, max_leaks=None)
    assert settings.places.data == "other"
    assert settings.gate.classes == {"black cat": ClassLimits(max_noise=0.3)}
    assert settings.gate.paths == (PathLimits("raw/**", max_suspects=20),)
    assert settings.origins["check.max_noise"] == settings.origins["data"] == "command line"
    assert settings.origins["check.max_suspects"] == str(file)


def test_a_profile_lies_between_the_file_and_the_command_line(tmp_path):
    file = write(tmp_path)
    settings = load_settings(file, profile="nightly")
    assert settings.gate.limits.max_noise == 0.01
    assert settings.gate.severity == {"max-leaks": "warning", "max-unjudged": "warning"}
    assert settings.origins["check.max_noise"] == "profile nightly"
    assert load_settings(file, profile="nightly", overrides={"max_noise": "0.3"}).gate.limits.max_noise == 0.3


def test_one_class_is_set_from_the_command_line_beside_those_of_the_file(tmp_path):
    overrides = {"classes.cat v1.2.max_suspects": "3", "severity.max-noise": "warning"}
    gate = load_settings(write(tmp_path), overrides=overrides).gate
    assert gate.classes == {"black cat": ClassLimits(max_noise=0.3), "cat v1.2": ClassLimits(max_suspects=3)}
    assert gate.severity == {"max-leaks": "warning", "max-noise": "warning"}


def test_pyproject_counts_where_it_has_our_table_and_the_own_file_comes_first(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_settings_file(inner) in (None, find_settings_file(tmp_path.parent))
    write(tmp_path, "[tool.labelaudit.check]\nmax_noise = 0.1\n", "pyproject.toml")
    write(inner, "[tool.other]\n", "pyproject.toml")
    found = find_settings_file(inner)
    assert found == tmp_path / "pyproject.toml"
    assert load_settings(found).gate.limits.max_noise == 0.1
    assert find_settings_file(write(tmp_path).parent) == tmp_path / "labelaudit.toml"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("[chekc]\n", "unknown setting 'chekc'", "Did you mean 'check'?"),
        ("max_noise = 0.1\n", "unknown setting 'max_noise'", "It belongs below [check]: max_noise = 0.1."),
        ("[check]\nmax_noize = 0.1\n", "unknown setting 'check.max_noize'", "Did you mean 'max_noise'?"),
        ("[check]\nmax-noise = 0.1\n", "unknown setting 'check.max-noise'", "Did you mean 'max_noise'?"),
        ("[check]\nmax_noise = 5\n", "check.max_noise = 5.0: expected a share from 0 to 1", None),
        ("[check]\nmax_suspects = -1\n", "check.max_suspects = -1: expected a whole number from 0", None),
        ("[check]\nmax_suspects = 1.5\n", "check.max_suspects = 1.5: expected a whole number", None),
        ('[check]\nnoise_bound = "low"\n', "check.noise_bound = 'low': expected one of lower, point, upper", None),
        ('[check.severity]\nmax-leak = "error"\n', "unknown rule 'check.severity.max-leak'", "mean 'max-leaks'?"),
        ('[check.severity]\nmax-leaks = "off"\n', "max-leaks = 'off': expected error or warning", None),
        ("[check.classes.cat]\nmax_nois = 1\n", "unknown setting 'check.classes.cat.max_nois'", "'max_noise'?"),
        ("[[check.paths]]\nmax_suspects = 1\n", "check.paths.match = None: expected a pattern", None),
        ("[check]\npaths = 3\n", "check.paths = 3: expected tables", None),
        ("[profiles.a]\nmax_noize = 1\n", "unknown setting 'check.max_noize'", "Did you mean 'max_noise'?"),
        ("check = 1\n", "check = 1: expected a table of settings", None),
        ("[check\n", "is not TOML: ", None),
    ],
)
def test_a_mistake_in_the_file_is_named_with_what_was_meant(text, problem, hint, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert problem in caught.value.problem
    assert hint is None or hint in (caught.value.hint or "")


def test_an_unknown_profile_names_those_that_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no profile 'nightlly'\.\nDid you mean 'nightly'\?"):
        load_settings(write(tmp_path), profile="nightlly")


def test_a_missing_file_is_an_error():
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        load_settings(Path("nowhere.toml"))


def test_printed_settings_are_toml_that_gives_the_same_settings(tmp_path):
    settings = load_settings(write(tmp_path), profile="nightly", overrides={'classes.a"\\b\n.max_noise': "0.25"})
    text = render_settings(settings)
    again = load_settings(write(tmp_path, text, "again.toml"))
    assert again.gate.limits == settings.gate.limits
    assert again.gate.classes == settings.gate.classes
    assert again.gate.paths == settings.gate.paths
    assert {k: v for k, v in again.gate.severity.items() if k in settings.gate.severity} == settings.gate.severity
    assert "max_noise = 0.01  # profile nightly\n" in text
    assert "max_leaks = 0  # default\n" in text
    assert tomllib.loads(text)["check"]["max_suspects"] == "none"
