"""methods: who can look for wrong labels."""

import json

from labelaudit.cli.complete import method_names
from labelaudit.methods.registry import METHODS, require_method


def test_every_method_is_listed_with_its_line(labelaudit):
    run = labelaudit("methods")
    assert (run.exit_code, run.stderr) == (0, "")
    text = " ".join(run.stdout.split())
    for name in METHODS:
        assert f" {name} {require_method(name).SUMMARY.split()[0]} " in f" {text} "
    assert run.stdout.endswith("Next: labelaudit scan DATA --method NAME\n")


def test_json_has_the_settings_and_the_published_rows(labelaudit):
    found = json.loads(labelaudit("methods", "--json").stdout)
    assert found["schema"] == 1
    methods = {facts["name"]: facts for facts in found["methods"]}
    assert list(methods) == list(METHODS)
    assert methods["gce"]["options"][-1] == "q"
    assert methods["ieg"]["needs_trusted"]
    assert not methods["drpl"]["needs_trusted"]
    assert "cifar10" in methods["bootstrap"]["paper_rows"]
    assert methods["ce"]["paper_rows"] == []


def test_the_shell_completes_the_names():
    assert method_names("el") == ["elr", "elr+"]
    assert method_names("") == list(METHODS)
