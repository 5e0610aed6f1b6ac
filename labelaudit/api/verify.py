"""`labelaudit verify`: is an audit what it was when it was finished?"""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.audits import Audit, find_audit
from labelaudit.gate.verified import Verified, verify_audit


def verify(audit: Audit | Path | str | None = None) -> Verified:
    """Return what is wrong with a finished audit: checksums, shapes, and what its files say of each other.

    Args:
        audit: an audit, where to find one, or None for the latest one here or above.

    Raises:
        DataError: there is no finished audit.
    """
    return verify_audit(audit if isinstance(audit, Audit) else find_audit(audit))
