"""`labelaudit bench`: four commands by name, and one for whatever is no name of a command: a dataset."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

DATA = "DATA"  # what the bench of a dataset is called in the list of commands


class BenchGroup(TyperGroup):
    """Commands by name; any other word begins the arguments of the command called `DATA`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before the arguments where it was left out."""
        own = {*self.commands, *ctx.help_option_names} - {DATA}
        wants_help = args[:1] == [DATA] and bool({*args} & {*ctx.help_option_names})
        named = bool(args) and (args[0] in own or wants_help)
        return super().parse_args(ctx, args if named else [DATA, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Show `labelaudit bench` in the usage of the command that needs no name."""
        name, command, rest = super().resolve_command(ctx, args)
        return ("" if name == DATA else name), command, rest


def bench() -> None:
    """Plant wrong labels in data that you trust, and see who finds them; or measure labelaudit itself.

    `labelaudit bench DATA -h` lists the options for a dataset. A folder that is called like a command is named with ./
    before it.

    Examples:

      labelaudit bench photos/ --noise sym:0.2 --rival cleanlab --seeds 3

      labelaudit bench speed

      labelaudit bench growth --plot growth.svg
    """


def make_app() -> typer.Typer:
    """Return the group, still without commands."""
    return typer.Typer(cls=BenchGroup, subcommand_metavar="DATA | COMMAND [ARGS]...")
