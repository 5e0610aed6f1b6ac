"""What the samples of an audit are: the file of an image, or a text for people; where the data is still there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelaudit.core.audits import Audit
from labelaudit.core.dataset import Dataset, ImageFiles, Images
from labelaudit.core.errors import ConfigError, LabelAuditError
from labelaudit.gate.compare import find_data, read_data


class Contents:
    """The data of an audit; nothing of it is read before it is asked for."""

    def __init__(self, audit: Audit, data: Path | str | None = None) -> None:
        self._audit = audit
        try:
            found = find_data(audit, None if data is None else str(data))
        except ConfigError:
            if data is not None:
                raise
            found = ""
        self.source = found if isinstance(found, Path) else None  # None where it is not on this machine
        self._dataset: Dataset | None = None
        self._rows: dict[str, int] = {}
        self._is_read = False

    def files(self, samples: Sequence[tuple[str, str]]) -> dict[str, Path]:
        """Return the file of each image that has one of its own.

        Args:
            samples: (id, path) as the findings have them.
        """
        if self.source is None:
            return {}
        if self.source.is_dir():
            direct = {sample_id: self.source / path for sample_id, path in samples}
            if all(file.is_file() for file in direct.values()):
                return direct
        dataset = self.dataset()
        if dataset is None or not isinstance(dataset.content, ImageFiles):
            return {}
        files = dataset.content.files
        return {name: Path(files[self._rows[name]]) for name, _ in samples if name in self._rows}

    def text(self, sample_id: str) -> str | None:
        """Return a text, or the cells of a row in words; None for images and where there is none."""
        from labelaudit.sources.preview import described

        dataset = self.dataset()
        if dataset is None or sample_id not in self._rows or isinstance(dataset.content, Images):
            return None
        row = self._rows[sample_id]
        return dataset.content.read(row) if dataset.kind == "texts" else described(dataset, row)  # type: ignore[union-attr]

    def image(self, sample_id: str) -> bytes | None:
        """Return the bytes of an image; None where it is none, or cannot be read."""
        dataset = self.dataset()
        if dataset is None or sample_id not in self._rows or not isinstance(dataset.content, Images):
            return None
        try:
            return dataset.content.read(self._rows[sample_id])
        except OSError:
            return None

    def dataset(self) -> Dataset | None:
        """Return the data, None where it is not here or cannot be read any more."""
        if not self._is_read:
            self._is_read = True
            try:
                self._dataset = None if self.source is None else read_data(self._audit, self.source).dataset
            except LabelAuditError:
                self._dataset = None
            if self._dataset is not None:
                self._rows = {name: row for row, name in enumerate(self._dataset.sample_ids)}
        return self._dataset
