"""`labelaudit baseline` and `labelaudit mark`."""

from __future__ import annotations

from typing import Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.complete import class_names
from labelaudit.cli.console import make_console, reports_errors
from labelaudit.core.errors import ConfigError

Output = Annotated[
    str | None,
    typer.Option("--output", metavar="FILE", help="The file to write.", show_default="labelaudit-baseline.tsv"),
]
Ratchet = Annotated[bool, typer.Option("--ratchet", help="Only shrink it: drop what is no longer a suspect.")]
Samples = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SAMPLE...", help="Sample ids, paths, files, or patterns such as 'cat/*.jpg'.", show_default=False
    ),
]
Ok = Annotated[bool, typer.Option("--ok", help="The given label is right.")]
Wrong = Annotated[bool, typer.Option("--wrong", help="The given label is wrong.")]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The right label of wrong ones.",
        show_default=False,
        autocompletion=class_names,
    ),
]
NewClass = Annotated[bool, typer.Option("--new-class", help="--label is a class that the audit does not know.")]
Why = Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for the next reader.", show_default=False)]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="FILE", help="Take the decisions of a table: an edited suspect.csv.", show_default=False
    ),
]
Who = Annotated[str | None, typer.Option(metavar="NAME", help="Who decided.", show_default="git's user.name")]


@reports_errors
def baseline(
    audit: opt.AuditPath = None,
    output: Output = None,
    ratchet: Ratchet = False,
    config: opt.Config = None,
    quiet: opt.Quiet = False,
) -> None:
    """Make the suspects of an audit known ones, in a small text file to commit: check is silent on them.

    Decisions by labelaudit mark go into it. What was called right stays silent for good, also when the file is
    renamed; everything else goes when it is no longer a suspect.

    Examples:

      labelaudit baseline

      labelaudit baseline --ratchet
    """
    from labelaudit.api.baseline import baseline as run

    written = run(audit, config=config, output=output, ratchet=ratchet)
    if not quiet:
        make_console().print(written.describe(), markup=False, soft_wrap=True)


@reports_errors
def mark(
    samples: Samples = None,
    why: Why = None,
    ok: Ok = False,
    wrong: Wrong = False,
    label: Label = None,
    new_class: NewClass = False,
    from_: From = None,
    who: Who = None,
    audit: opt.AuditPath = None,
    baseline: opt.Baseline = None,
    config: opt.Config = None,
    quiet: opt.Quiet = False,
) -> None:
    """Record what a person decided about samples: in the audit, and in the baseline where there is one.

    Nothing is overwritten: the last decision on a sample counts. No label on disk is touched.

    Examples:

      labelaudit mark cat/17.jpg --ok --why "a cat behind glass"

      labelaudit mark cat/18.jpg --wrong --label dog --why "a husky"

      labelaudit mark 'hats/*' --wrong --label headgear --new-class --why "caps are no hats"

      labelaudit mark --from suspect.csv
    """
    if from_ is not None:
        _take(from_, samples, audit, baseline, config, new_class=new_class, who=who)
        return
    if not samples:
        raise ConfigError("no sample is named.", hint="labelaudit mark cat/17.jpg --ok --why TEXT, or --from FILE")
    if why is None:
        raise ConfigError("--why is missing.", hint='Say it in a few words: --why "a dog in a cat costume".')
    if ok == wrong:
        raise ConfigError("say --ok or --wrong, one of them.", hint="--ok: the given label is right.")
    from labelaudit.api.mark import mark as run

    marked = run(
        samples,
        verdict="ok" if ok else "wrong",
        why=why,
        label=label,
        new_class=new_class,
        who=who,
        audit=audit,
        config=config,
        baseline=baseline,
    )
    if quiet:
        return
    console = make_console()
    for known in marked.decisions:
        right = f", right is {known.label}" if known.label else ""
        console.print(f"{known.path}: {known.given_label} is {known.decision}{right}", markup=False, soft_wrap=True)
    if marked.baseline is not None:
        console.print(f"{marked.baseline.describe()}; commit it", markup=False, soft_wrap=True)


def _take(
    file: str,
    samples: list[str] | None,
    audit: str | None,
    baseline: str | None,
    config: str | None,
    *,
    new_class: bool,
    who: str | None,
) -> None:
    if samples:
        raise ConfigError("--from takes the samples from the table.", hint=f"Leave {samples[0]!r} out.")
    from labelaudit.api.import_ import import_
    from labelaudit.cli.import_ import print_imported

    print_imported(import_(file, audit=audit, new_class=new_class, who=who, baseline=baseline, config=config))
