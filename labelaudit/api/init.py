"""`labelaudit init`: a settings file with limits that the dataset meets today."""

from __future__ import annotations

import math
import os
from pathlib import Path

from labelaudit.api.check import check
from labelaudit.core.audits import Audit, find_audit
from labelaudit.core.errors import ConfigError, DataError, count
from labelaudit.core.files import write_text
from labelaudit.gate.compare import find_data
from labelaudit.gate.limits import Limits
from labelaudit.gate.result import CheckReport
from labelaudit.gate.settings import BASELINE_FILE, OWN_FILE, may_name, toml_value
from labelaudit.gate.suspect_rules import percent

_LEAST_NOISE = 0.02  # what is certain of a few hundred labels moves by a point when one more is wrong
_ROOM = 1.1  # times what is measured: another scan of the same data moves it that far


def init(
    audit: Audit | Path | str | None = None,
    *,
    data: Path | str | None = None,
    output: Path | str = OWN_FILE,
    force: bool = False,
) -> Path:
    """Write a commented settings file fitted to an audit, and return its path.

    Args:
        audit: as in `check`.
        data: as in `check`.
        output: the file.
        force: replace it where it is there.

    Raises:
        ConfigError: the file is there, or is no .toml file.
        DataError: there is no finished audit, or the file cannot be written.
    """
    path = Path(output).expanduser()
    if path.suffix != ".toml":
        raise ConfigError(f"{path} is not a .toml file.", hint=f"Call it {OWN_FILE}.")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists.", hint="--force replaces it.")
    found = audit if isinstance(audit, Audit) else find_audit(audit)  # not by the settings that are replaced
    report = check(found, data=data, ignore_settings=True)
    source = find_data(found, None if data is None else str(data))
    text = _render(report, path, home=_relative(found.home.parent, path), data=_source(source, path))
    try:
        write_text(path, text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another --output.") from error
    return path


def fitted_noise(measured: float) -> float:
    """Return a limit a little above what is measured, of two digits."""
    wanted = max(_LEAST_NOISE, measured * _ROOM)
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return min(1.0, round(math.ceil(round(wanted / step, 6)) * step, 6))


def _render(report: CheckReport, path: Path, *, home: str, data: str | None) -> str:
    measured = {result.rule: result.measured for result in report.results if not result.subject}
    smallest = min((r.measured or 0.0 for r in report.results if r.rule == "min-class-samples"), default=0.0)
    noise = measured["max-noise"] or 0.0
    low = "the point estimate of" if report.noise.is_point else "the lower bound of"
    defaults = Limits()
    return f"""\
# Settings of labelaudit check, fitted to the audit {report.audit_name}.
# All rules and settings: docs/reference/check.md; in force: labelaudit check --print-config

{_place(path, "audit", home)}  # a folder with .labelaudit/
{_place(path, "data", data)}  # the dataset
baseline = {toml_value(BASELINE_FILE)}  # known suspects; labelaudit baseline writes it

[check]
# Share of wrong labels. Now {percent(noise)} by {low} the noise rate.
max_noise = {fitted_noise(noise)}
noise_bound = "lower"  # lower, point or upper end of the interval
# Suspects that the baseline does not know. Now {count(report.suspects, "suspect")} in all.
max_new_suspects = 0
# A new suspect counts below this clean_prob; 0.2 lets only clear ones fail.
new_suspect_below = {defaults.new_suspect_below}
# The same in files that changed, with --since or --changed.
max_changed_suspects = 0
# Files and rows that could not be scanned.
max_unreadable = {int(measured.get("max-unreadable") or 0)}
# Samples with an exact twin under another label, undecided and not in the baseline.
max_duplicate_conflicts = 0
# Exact copies across train, val and test.
max_leaks = {int(measured.get("max-leaks") or 0)}
# Near duplicates across train, val and test, and under different labels; warnings.
max_near_leaks = {int(measured.get("max-near-leaks") or 0)}
max_near_conflicts = {int(measured.get("max-near-conflicts") or 0)}
# Samples of the smallest class; a warning. The smallest now has {int(smallest):,}.
min_class_samples = {min(int(smallest), defaults.min_class_samples or 0)}
# Classes that came or went since the audit before; a warning.
max_label_changes = 0
# Samples that the audit has not seen as they are now.
max_unjudged = {int(measured.get("max-unjudged") or 0)}

[check.severity]
# max-unjudged = "warning"

# Limits of single classes, instead of those for every class:
# [check.classes.{_noisiest(report)}]
# max_noise = 0.2
# max_suspects = 40

# Limits of some paths, beside those of the whole dataset:
# [[check.paths]]
# match = "scraped/**"
# max_suspects = 100

# Other limits for another occasion, with --profile nightly:
# [profiles.nightly]
# max_noise = {fitted_noise(noise)}
"""


def _place(path: Path, name: str, value: str | None) -> str:
    """Return a line of settings that names a place, as a comment where the file may not name it."""
    is_named = value is not None and may_name(path, name, value)
    return f"{'' if is_named else '# '}{name} = {toml_value(value if value is not None else 'photos')}"


def _noisiest(report: CheckReport) -> str:
    """Return a class to show in an example: the one with the most suspects."""
    columns = report.columns
    codes = columns.given.codes[columns.flagged]
    names = columns.given.names
    code = max(range(len(names)), key=lambda each: int((codes == each).sum()))
    return names[code] if names[code].isidentifier() and names[code].isascii() else toml_value(names[code])


def _source(found: Path | str, settings: Path) -> str | None:
    return None if isinstance(found, str) else _relative(found, settings)


def _relative(path: Path, settings: Path) -> str:
    """Return a path as seen from the settings file, absolute where it is on another drive."""
    try:
        return os.path.relpath(path.absolute(), settings.absolute().parent).replace(os.sep, "/")
    except ValueError:  # Windows
        return path.absolute().as_posix()
