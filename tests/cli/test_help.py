"""What --help prints: words in brackets are words, not markup."""

import re
from typing import get_args, get_type_hints

import pytest
from rich.text import Text

from labelaudit.cli.app import app
from labelaudit.training.models import OWN_IMAGE_BACKBONES, TORCHVISION_FAMILIES

GROUPS = [app, *(info.typer_instance for info in app.registered_groups if info.typer_instance)]
COMMANDS = {info.callback.__name__: info for group in GROUPS for info in group.registered_commands if info.callback}


def test_help_shows_the_names_of_tables_in_settings(labelaudit, golden):
    run = labelaudit("check", "--help")
    assert run.exit_code == 0
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", run.stdout).split())
    phrases = [re.search(rf"{start} [^ ]+", text) for start in ("pyproject.toml with", "A table below", "Any key of")]
    golden("help-names-of-tables", "".join(f"{found[0]}\n" for found in phrases if found))


@pytest.mark.parametrize("command", ["scan", "inspect", "train"])
def test_the_help_of_backbone_names_every_network(command):
    callback = COMMANDS[command].callback
    assert callback is not None
    text = get_args(get_type_hints(callback, include_extras=True)["backbone"])[1].help
    named = re.findall(r"[\w-]+", re.sub(r"^.*?: | of torchvision.*|\b(or|a)\b", "", text))
    assert named == [*OWN_IMAGE_BACKBONES, *TORCHVISION_FAMILIES]


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_in_a_help_is_swallowed_as_markup(name):
    info = COMMANDS[name]
    assert info.callback is not None
    hints = get_type_hints(info.callback, include_extras=True)
    texts = [info.help or "", *(get_args(hint)[1].help or "" for key, hint in hints.items() if key != "return")]
    assert [text for text in texts if Text.from_markup(text).plain != text.replace("\\[", "[")] == []
