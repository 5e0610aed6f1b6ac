"""`labelaudit inspect`: what would be scanned, and how; trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from labelaudit.core.audits import HOME
from labelaudit.scanning.inspection import Inspection, inspected
from labelaudit.scanning.prepare import prepare
from labelaudit.scanning.request import Settings, request_of


def inspect(source: Path | str | Any, *, estimate: bool = True, **settings: Unpack[Settings]) -> Inspection:
    """Return what `scan` with the same arguments would scan, and how.

    The headers of up to 2,000 images are read, so that broken ones show; pixels are not decoded, so a file that is
    damaged further in is found by the scan only.

    Args:
        source: as in `scan`; data at hand is kept in a file below this folder.
        estimate: measure the throughput for a few seconds to estimate the time.
        **settings: as in `scan`.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be audited.
    """
    if not isinstance(source, str | Path):
        from labelaudit.sources.in_memory import stored_source

        source = stored_source(source, ".")
    rates = Path(HOME) / "cache" / "rates.json"
    is_known = rates.exists()  # an earlier scan has measured: nothing is written where none has
    prepared = prepare(
        request_of(source, settings),
        rates=rates if is_known else None,
        tune=estimate,
        compiles=is_known,
        several=True,
    )
    return inspected(prepared, estimate=estimate)
