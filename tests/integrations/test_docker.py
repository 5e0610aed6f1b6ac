"""The Dockerfile: no daemon here, so it is read: what it copies exists, and its shell parts are shell."""

import re

from tests.integrations.shells import ROOT, bash

LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()


def instructions(name):
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{name} ")]


def test_what_is_copied_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [word for line in instructions("COPY") for word in line.split()[:-1]]
    assert sources == ["pyproject.toml", "README.md", "LICENSE", "labelaudit"]
    assert all((ROOT / source).exists() for source in sources)
    assert ignored[0] == "*"
    assert {f"!{source}" for source in sources} <= set(ignored)


def test_the_shell_parts_are_shell(tmp_path):
    scripts = instructions("RUN")
    assert len(scripts) == 3
    assert all(bash(f"bash -n <<'END'\n{script}\nEND", tmp_path).returncode == 0 for script in scripts)


def test_the_program_is_what_runs_and_not_as_root():
    assert instructions("ENTRYPOINT") == ['["labelaudit"]']
    assert instructions("USER") == ["auditor"]
