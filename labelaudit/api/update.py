"""`labelaudit scan --update` and `check --rescan new`: judge only what is new, with the networks of the last scan."""

from __future__ import annotations

from pathlib import Path

from labelaudit.classifier.data import is_audit
from labelaudit.classifier.update import Updated, audit_to_update, update_audit
from labelaudit.core.errors import DataError
from labelaudit.core.events import EventSink, ignore
from labelaudit.gate.compare import find_data
from labelaudit.training.device import choose_device


def update(
    source: Path | str | None = None,
    *,
    root: Path | str = ".",
    data: Path | str | None = None,
    device: str = "auto",
    on_event: EventSink = ignore,
) -> Updated:
    """Judge what is new or changed in a dataset with the networks of its last audit, and write a new audit.

    A sample is known by its content and its label: one that was only renamed keeps its verdict. Where no network judged
    (`--quick`, texts, embeddings, several labels), everything is judged anew, which takes seconds. Decisions are taken
    over; the old audit stays as it is.

    Args:
        source: an audit, or the dataset that it was made of; None = the latest audit here or above.
        root: folder that has `.labelaudit/`, where `source` is a dataset.
        data: where the dataset is now; None = where the audit found it.
        device: auto, cpu, cuda, cuda:1, mps.
        on_event: told what happens; the default says nothing.

    Raises:
        ConfigError: there is no audit of this dataset.
        DataError: the audit has no networks, a class is new, or the data cannot be read.
    """
    chosen = choose_device(device)
    old = audit_to_update(source, root)
    if data is None and source is not None and not is_audit(source):
        data = source
    found = find_data(old, None if data is None else str(data))
    if isinstance(found, str):
        raise DataError(f"{found}.", hint="Name the dataset.")
    return update_audit(old, found, device=chosen, on_event=on_event)
