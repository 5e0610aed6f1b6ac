"""The table of methods. A method is a module with `SUMMARY`, `Options` and `run(job, options) -> Verdicts`."""

from __future__ import annotations

from types import ModuleType

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.methods import drpl

METHODS: dict[str, ModuleType] = {
    "drpl": drpl,
}


def require_method(name: str) -> ModuleType:
    """Return a method's module; an unknown name raises ConfigError with the closest known one."""
    if name not in METHODS:
        raise ConfigError(
            f"method {name!r} is not known.", hint=did_you_mean(name, METHODS) or f"Known: {', '.join(METHODS)}."
        )
    return METHODS[name]
