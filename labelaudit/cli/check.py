"""`labelaudit check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import one_of, profile_names
from labelaudit.cli.console import drop_stdout, make_console, reports_errors
from labelaudit.cli.progress import ScanProgress
from labelaudit.core.errors import ConfigError
from labelaudit.core.shown import in_log

if TYPE_CHECKING:
    from labelaudit.gate.result import CheckReport

_WHAT, _LIMITS, _OUT = "What to check", "Limits, over those of the settings", "What to print"

Profile = Annotated[
    str | None,
    typer.Option(
        help="A table below \\[profiles].",
        show_default=False,
        autocompletion=profile_names,
        rich_help_panel=_WHAT,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="REV",
        help="Hold the files that changed since this git revision against --max-changed-suspects.",
        show_default=False,
        rich_help_panel=_WHAT,
    ),
]
Changed = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="The same for files by name.", show_default=False, rich_help_panel=_WHAT),
]
Rescan = Annotated[
    str | None,
    typer.Option(
        metavar="new",
        help="Judge what the audit has not seen by its networks first, and check that. Takes seconds more.",
        autocompletion=one_of("new"),
        show_default=False,
        rich_help_panel=_WHAT,
    ),
]
MaxNoise = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="Wrong labels, 0 to 1; none for no limit.", show_default="0.05", rich_help_panel=_LIMITS
    ),
]
NoiseBound = Annotated[
    str | None,
    typer.Option(
        metavar="END",
        help="Which end of the interval counts: lower, point or upper.",
        autocompletion=one_of("lower", "point", "upper"),
        show_default="lower",
        rich_help_panel=_LIMITS,
    ),
]
MaxSuspects = Annotated[
    str | None,
    typer.Option(metavar="N", help="Suspects, known ones included.", show_default="none", rich_help_panel=_LIMITS),
]
MaxNewSuspects = Annotated[
    str | None,
    typer.Option(
        metavar="N", help="Suspects that the baseline does not know.", show_default="0", rich_help_panel=_LIMITS
    ),
]
MaxChangedSuspects = Annotated[
    str | None,
    typer.Option(metavar="N", help="The same among changed files.", show_default="0", rich_help_panel=_LIMITS),
]
MaxUnjudged = Annotated[
    str | None,
    typer.Option(metavar="N", help="Samples that the audit has not seen.", show_default="0", rich_help_panel=_LIMITS),
]
Override = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Any key of \\[check], e.g. -o max_leaks=none -o classes.cat.max_noise=0.2.",
        show_default=False,
        rich_help_panel=_LIMITS,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print the settings in force and where each is from.", rich_help_panel=_OUT),
]
Format = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="NAME[:FILE]",
        help="json, junit, sarif, github, gitlab, markdown or metrics: to a file, or to stdout instead of text.",
        autocompletion=one_of("json", "junit", "sarif", "github", "gitlab", "markdown", "metrics"),
        show_default=False,
        rich_help_panel=_OUT,
    ),
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="End with 0 though rules failed.", rich_help_panel=_OUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print failed checks only.", rich_help_panel=_OUT)]


@reports_errors
def check(
    audit: opt.AuditPath = None,
    data: opt.Data = None,
    config: opt.Config = None,
    profile: Profile = None,
    baseline: opt.Baseline = None,
    since: Since = None,
    changed: Changed = None,
    rescan: Rescan = None,
    max_noise: MaxNoise = None,
    noise_bound: NoiseBound = None,
    max_suspects: MaxSuspects = None,
    max_new_suspects: MaxNewSuspects = None,
    max_changed_suspects: MaxChangedSuspects = None,
    max_unjudged: MaxUnjudged = None,
    option: Override = None,
    format: Format = None,  # noqa: A002 - the name of the option
    json: opt.Json = False,
    exit_zero: ExitZero = False,
    print_config: PrintConfig = False,
    quiet: Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Hold an audit against limits: a gate for pull requests. Seconds, no GPU, trains nothing.

    Ends with 0 if every rule of severity error passes and with 1 if one fails, whatever the format.

    Examples:

      labelaudit check

      labelaudit check --since origin/main

      labelaudit check --max-noise 0.02 --exit-zero

      labelaudit check --format sarif:labels.sarif --format junit:labels.xml
    """
    flags = {
        "max_noise": max_noise,
        "noise_bound": noise_bound,
        "max_suspects": max_suspects,
        "max_new_suspects": max_new_suspects,
        "max_changed_suspects": max_changed_suspects,
        "max_unjudged": max_unjudged,
    }
    overrides = {key: value for key, value in flags.items() if value is not None} | opt.parse_overrides(option)
    if print_config:
        from labelaudit.gate.opened import settings_in_force
        from labelaudit.gate.settings import render_settings

        settings = settings_in_force(config, profile=profile, overrides=overrides)
        typer.echo(in_log(render_settings(settings)), nl=False)
        return
    from labelaudit.api.check import check as run
    from labelaudit.gate.formats import parse_formats

    formats = parse_formats([*(format or ()), *(["json"] if json else [])])
    report = run(
        audit if rescan is None else _rescanned(rescan, audit, data, config, profile, no_color=no_color),
        data=data,
        config=config,
        profile=profile,
        overrides=overrides,
        baseline=baseline,
        since=since,
        changed=changed or (),
    )
    try:
        _write(report, formats, quiet=quiet, no_color=no_color)
    except (BrokenPipeError, SystemExit):  # the reader of our stdout has gone (rich says so by SystemExit)
        drop_stdout()  # and the gate has failed all the same
    if not report.passed and not exit_zero:
        raise typer.Exit(1)


def _rescanned(
    what: str, audit: str | None, data: str | None, config: str | None, profile: str | None, *, no_color: bool
) -> Path:
    """Return the audit that has judged what is new."""
    if what != "new":
        raise ConfigError(f"--rescan {what!r}: expected new.", hint="`labelaudit scan` judges everything.")
    from labelaudit.api.update import update
    from labelaudit.gate.opened import open_audit, place, settings_in_force

    settings = settings_in_force(config, profile=profile)
    found = place(settings, settings.places.data) if data is None else data
    with ScanProgress(quiet=True, verbose=False, no_color=no_color) as progress:
        updated = update(open_audit(settings, audit).audit.path, data=found, on_event=progress)
    console = make_console(stderr=True, no_color=no_color)
    console.print(updated.describe(), markup=False, soft_wrap=True)
    if updated.due:
        console.print(f"warning: {updated.due}", markup=False, soft_wrap=True)
    return updated.audit.path


def _write(report: CheckReport, formats: list[tuple[str, Path | None]], *, quiet: bool, no_color: bool) -> None:
    """Write the files, and to stdout the format without one, else text."""
    from labelaudit.cli.render_check import print_report
    from labelaudit.gate.formats import FORMATS, write_report

    for name, file in formats:
        if file is not None:
            write_report(report, name, file)
    for_stdout = [name for name, file in formats if file is None]
    if for_stdout:
        text = FORMATS[for_stdout[0]](report)
        sys.stdout.write(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
    else:
        print_report(make_console(no_color=no_color), report, quiet=quiet)
    sys.stdout.flush()
