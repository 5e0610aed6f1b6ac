"""Write docs/reference/cli.md from the commands themselves: `python docs/make_cli_reference.py`.

A test compares the file with a fresh one. Only the functions' signatures and the metadata of their annotations are
read, so the text does not depend on how a version of typer lays out its help.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, ParameterInfo

from labelaudit.cli.app import app

TARGET = Path(__file__).parent / "reference" / "cli.md"
_INTRO = """# Command line

Generated from the commands by `docs/make_cli_reference.py`; do not edit.

`labelaudit COMMAND -h` prints the same on the terminal. `labelaudit --version` prints the version, and
`labelaudit --install-completion` installs completion for your shell. Exit codes: [exit-codes.md](exit-codes.md).
"""


def render() -> str:
    """Return the reference as Markdown: a section and a table of options for each command."""
    return "\n".join([_INTRO, *(_section(name, command) for name, command in _commands(app, ""))])


def _commands(group: Typer, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the name and the function of every command, those of a group below its name."""
    for info in group.registered_commands:
        if info.callback is not None:
            yield prefix + (info.name or info.callback.__name__.replace("_", "-")), info.callback
    for below in group.registered_groups:
        if below.typer_instance is not None:
            yield from _commands(below.typer_instance, f"{prefix}{below.name} ")


def _section(name: str, command: Callable[..., Any]) -> str:
    rows = ["| option | value | default | meaning |", "|---|---|---|---|", *_rows(command)]
    return "\n".join([f"## labelaudit {name}", "", *_description(command), "", *rows, ""])


def _description(command: Callable[..., Any]) -> Iterator[str]:
    """Yield the docstring's lines, its examples as a code block."""
    text, _, examples = (inspect.getdoc(command) or "").replace("Example:", "Examples:").partition("Examples:")
    yield text.strip()
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    if lines:
        yield from ("", "```sh", *lines, "```")


def _rows(command: Callable[..., Any]) -> Iterator[str]:
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info = get_args(hints[name])
        if getattr(info, "hidden", False):
            continue
        cells = (_flags(name, info), _value(kind, info), _default(parameter, info), _meaning(info))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _flags(name: str, info: ParameterInfo) -> str:
    if isinstance(info, ArgumentInfo):
        return f"`{info.metavar or name.upper()}`"
    # beside an Annotated type, typer keeps the first of the names where a default would be
    named = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
    flags = named or [f"--{name.replace('_', '-')}"]
    return ", ".join(f"`{flag}`" for flag in flags)


def _value(kind: Any, info: ParameterInfo) -> str:
    """Return what to write after an option; nothing after a switch."""
    inner = kind
    if get_origin(inner) in (types.UnionType, Union):
        inner = next(arg for arg in get_args(inner) if arg is not type(None))
    several = get_origin(inner) is list
    if several:
        (inner,) = get_args(inner)
    word = info.metavar or {bool: "", int: "NUMBER", float: "NUMBER", str: "TEXT"}[inner]
    return f"{word}, several times" if several else word


def _meaning(info: ParameterInfo) -> str:
    """Return the help without the marks that keep the terminal from taking [words] for its own."""
    return (info.help or "").replace("\\[", "[")


def _default(parameter: inspect.Parameter, info: ParameterInfo) -> str:
    if parameter.default is parameter.empty:
        return "required"
    if isinstance(info.show_default, str):
        return info.show_default
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
