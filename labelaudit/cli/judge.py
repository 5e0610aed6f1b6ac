"""`labelaudit judge`."""

from __future__ import annotations

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.cli.render import print_summary


@reports_errors
def judge(
    audit: opt.AuditPath = None,
    option: opt.Override = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Judge a finished audit again with other thresholds, in a moment and without training.

    The evidence and the decisions of people are taken over; the old audit stays, and the new one is the latest.

    Examples:

      labelaudit judge -o policy.suspect_below=0.3

      labelaudit judge --audit photos/ -o policy.suggest_above=0.8 --json
    """
    from labelaudit.api.judge import judge as run

    judged = run(audit, overrides=opt.parse_overrides(option))
    if json:
        print_json(judged.summary)
    elif not quiet:
        print_summary(make_console(no_color=no_color), judged.summary, root=audit or ".")
