"""Settings of the gate: command line > labelaudit.toml or [tool.labelaudit] of pyproject.toml > defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.files import read_toml
from labelaudit.core.recipe import from_dict, require
from labelaudit.core.shown import in_shell
from labelaudit.gate.limits import ClassLimits, Gate, Limits, PathLimits
from labelaudit.gate.rules import RULES

OWN_FILE, SHARED_FILE = "labelaudit.toml", "pyproject.toml"
BASELINE_FILE = "labelaudit-baseline.tsv"
COMMAND_LINE = "command line"  # where a setting is from
_SECTIONS = ("classes", "paths", "severity")  # of [check], beside its limits
_LIMITS = tuple(f.name for f in dataclasses.fields(Limits))


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are; paths in a file are relative to the file, see `may_name`."""

    audit: str | None = None  # an audit, its data, or a folder with .labelaudit/; None = the latest here or above
    data: str | None = None  # the dataset; None = where the audit found it
    baseline: str = BASELINE_FILE


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one check, and where each came from."""

    places: Places
    gate: Gate
    profile: str | None
    file: Path | None
    origins: Mapping[str, str] = field(default_factory=dict)  # "check.max_noise" -> file or "command line"


def find_settings_file(start: Path) -> Path | None:
    """Return the nearest labelaudit.toml, or pyproject.toml with [tool.labelaudit], here or above."""
    for folder in (start, *start.parents):
        if (folder / OWN_FILE).is_file():
            return _own_file(folder / OWN_FILE)
        shared = folder / SHARED_FILE
        if shared.is_file() and "labelaudit" in _tool(_read_toml(shared)):
            return _own_file(shared)
    return None


def _own_file(file: Path) -> Path:
    """Return a settings file that nobody named; raises ConfigError where it is a link: to what, is not its to say."""
    if file.is_symlink():
        raise ConfigError(f"{file} is a symbolic link.", hint="Name the file that it leads to with --config.")
    return file


def _tool(whole: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = whole.get("tool", {})
    return tool if isinstance(tool, Mapping) else {}


def load_settings(
    file: Path | None, *, profile: str | None = None, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of a file with those of a profile and of the command line on top.

    Args:
        file: a TOML file; None = the defaults.
        profile: name of a table below [profiles]; its keys are those of [check].
        overrides: `{"max_noise": "0.1", "classes.cat.max_noise": "0.2"}`; keys of [check], or audit, data, baseline.

    Raises:
        ConfigError: a file that cannot be read; an unknown key, profile, rule or value.
    """
    values = _values(file)
    if file is not None:
        _require_inside(file, values)
    check = _table(values.pop("check", {}), "check")
    profiles = _table(values.pop("profiles", {}), "profiles")
    told = dict.fromkeys((*values, *_leaves(check, "check.")), str(file))
    if profile is not None:
        chosen = _table(_profile(profiles, profile, file), f"profiles.{profile}")
        told |= dict.fromkeys(_leaves(chosen, "check."), f"profile {profile}")
        check = _merged(check, chosen)
    for key, text in (overrides or {}).items():
        if key in Places.__dataclass_fields__:
            values[key] = text
            told[key] = COMMAND_LINE
        else:
            check = _merged(check, _nested(key.removeprefix("check."), text))
            told[f"check.{key.removeprefix('check.')}"] = COMMAND_LINE
    _require_known(values, file)
    for name, other in profiles.items():  # a mistake in a profile that is not used today is one tomorrow
        _gate(_merged(check, _table(other, f"profiles.{name}")))
    return Settings(from_dict(Places, values, prefix=""), _gate(check), profile, file, told)


def render_settings(settings: Settings) -> str:
    """Return the settings in force as TOML, each with where it came from."""
    gate = settings.gate
    lines = [
        f"# {'profile ' + settings.profile if settings.profile else 'no profile'}; file: {settings.file or 'none'}"
    ]
    for name, value in dataclasses.asdict(settings.places).items():
        lines.append(_line(name, value, settings.origins.get(name)))
    lines += ["", "[check]"]
    for name in _LIMITS:
        lines.append(_line(name, getattr(gate.limits, name), settings.origins.get(f"check.{name}")))
    lines += ["", "[check.severity]"]
    for rule in RULES:
        origin = settings.origins.get(f"check.severity.{rule.name}")
        lines.append(_line(rule.name, gate.severity.get(rule.name, rule.severity), origin))
    for label, limits in gate.classes.items():
        lines += ["", f"[check.classes.{toml_key(label)}]", *_given(limits)]
    for part in gate.paths:
        lines += ["", "[[check.paths]]", *_given(part)]
    return "\n".join(lines) + "\n"


def may_name(file: Path, name: str, value: str) -> bool:
    """Whether a settings file may name this place: it comes with a branch that anybody may have written.

    The baseline, which is written, stays in the folder of the file; audit and data, which are read, there or in the
    working directory. Links count by where they lead.

    Args:
        file: the settings file.
        name: audit, data or baseline.
        value: the path, relative to the file.
    """
    folder, here = file.absolute().parent.resolve(), Path.cwd().resolve()
    try:
        path = (folder / Path(value).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):  # no such user, a loop of links, a zero byte
        return False
    roots = (folder,) if name == "baseline" else (folder, here)
    return any(path.is_relative_to(root) and ".git" not in path.relative_to(root).parts for root in roots)


def toml_value(value: object) -> str:
    """Return a setting as TOML has it; None becomes "none"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = "none" if value is None else str(value)
    escaped = "".join(_ESCAPES.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text)
    return f'"{escaped}"'


def toml_key(name: str) -> str:
    """Return a name as a key of TOML, quoted where it must be."""
    bare = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare else toml_value(name)


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _line(name: str, value: object, origin: str | None) -> str:
    return f"{toml_key(name)} = {toml_value(value)}  # {origin or 'default'}"


def _given(limits: ClassLimits | PathLimits) -> list[str]:
    return [f"{name} = {toml_value(value)}" for name, value in dataclasses.asdict(limits).items() if value is not None]


def _values(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    whole = _read_toml(file)
    return _table(_tool(whole).get("labelaudit", {}), "tool.labelaudit") if file.name == SHARED_FILE else whole


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not TOML: {error}.") from error


def _require_inside(file: Path, values: Mapping[str, Any]) -> None:
    """Raise ConfigError where a settings file names a place that is not its to name; the command line may name any."""
    for name in Places.__dataclass_fields__:
        value = values.get(name)
        if isinstance(value, str) and value not in ("none", "None") and not may_name(file, name, value):
            raise ConfigError(
                f"{file}: {name} = {value!r} is outside of the folder of this file.",
                hint=f"Put it inside, or name it on the command line: --{name} {in_shell(value)}",
            )


def _require_known(values: Mapping[str, Any], file: Path | None) -> None:
    known = [*Places.__dataclass_fields__, "check", "profiles"]
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known)
            if hint is None and key in _LIMITS:
                hint = f"It belongs below [check]: {key} = {toml_value(values[key])}."
            raise ConfigError(f"{file}: unknown setting {key!r}.", hint=hint or f"Known: {', '.join(known)}.")


def _gate(check: Mapping[str, Any]) -> Gate:
    limits = {key: value for key, value in check.items() if key not in _SECTIONS}
    unknown = [key for key in limits if key not in _LIMITS]
    if unknown:
        known = [*_LIMITS, *_SECTIONS]
        hint = did_you_mean(unknown[0], known) or f"Known: {', '.join(known)}."
        raise ConfigError(f"unknown setting 'check.{unknown[0]}'.", hint=hint)
    classes = {
        str(label): from_dict(ClassLimits, _table(each, f"check.classes.{label}"), prefix=f"check.classes.{label}.")
        for label, each in _table(check.get("classes", {}), "check.classes").items()
    }
    parts = check.get("paths", [])
    require(isinstance(parts, list), "check.paths", parts, "tables: [[check.paths]]")
    return Gate(
        limits=from_dict(Limits, limits, prefix="check."),
        classes=classes,
        paths=tuple(_path_limits(part) for part in parts),
        severity=_severity(_table(check.get("severity", {}), "check.severity")),
    )


def _path_limits(part: Any) -> PathLimits:
    table = _table(part, "check.paths")
    require("match" in table, "check.paths.match", None, 'a pattern such as "raw/**"')
    return from_dict(PathLimits, table, prefix="check.paths.")


def _severity(values: Mapping[str, Any]) -> dict[str, Any]:
    names = [rule.name for rule in RULES]
    for name, value in values.items():
        if name not in names:
            hint = did_you_mean(name, names) or f"Known rules: {', '.join(names)}."
            raise ConfigError(f"unknown rule 'check.severity.{name}'.", hint=hint)
        require(value in ("error", "warning"), f"check.severity.{name}", value, "error or warning")
    return dict(values)


def _profile(profiles: Mapping[str, Any], name: str, file: Path | None) -> Any:
    if name not in profiles:
        known = ", ".join(profiles) or "none"
        hint = did_you_mean(name, profiles) or f"Profiles there: {known}."
        raise ConfigError(f"{file or 'the defaults'}: there is no profile {name!r}.", hint=hint)
    return profiles[name]


def _table(value: Any, name: str) -> dict[str, Any]:
    require(isinstance(value, Mapping), name, value, "a table of settings")
    return dict(value)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _nested(key: str, text: str) -> dict[str, Any]:
    """Return "classes.cat.max_noise" and a value as tables in each other; a class may have dots in its name."""
    section, _, rest = key.partition(".")
    if section == "severity" and rest:
        return {section: {rest: text}}
    label, _, name = rest.rpartition(".")
    return {section: {label: {name: text}}} if section == "classes" and label else {key: text}


def _leaves(values: Mapping[str, Any], prefix: str) -> list[str]:
    names = []
    for key, value in values.items():
        names += _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return names
