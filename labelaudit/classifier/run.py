"""The folder of a training: its account of itself while it runs, and the model when it is done.

<out>/
├── model.safetensors  the classifier
├── MODEL.md           the same in words
├── confusion.csv      true against predicted labels, where there was test data
├── train.json         status, settings, results
├── events.jsonl       what the training said
└── checkpoints/       from where a stopped training goes on; gone at the end
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.files import make_folder, own_path
from labelaudit.core.runs import Account, exact_now
from labelaudit.core.shape import anything, map_of, one_of, record
from labelaudit.training.model_file import MODEL_NAME

TRAINING_SCHEMA = 1
_META = "train.json"
_SHAPE = record({"status": one_of("running", "interrupted", "failed", "finished")}, plan=map_of(anything))


class TrainingRun:
    """One training; opening it reads nothing."""

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder).expanduser().absolute()
        self._account = Account(self.path / _META, "training", TRAINING_SCHEMA, again="Train again.", shape=_SHAPE)

    @classmethod
    def create(cls, folder: Path | str, facts: Mapping[str, Any], *, overwrite: bool = False) -> TrainingRun:
        """Return a new training with the status "running".

        Raises:
            ConfigError: there is a model already, or a stopped training, and it is not to be replaced.
            DataError: the folder cannot be written to.
        """
        run = cls(folder)
        if run.model_path.exists() and not overwrite:
            raise ConfigError(
                f"{folder} has a model already.", hint="Choose another --output, or replace it with --overwrite."
            )
        if run._is_stopped() and not overwrite:
            raise ConfigError(
                f"a training was stopped in {folder}.",
                hint="Go on with it with --resume, choose another --output, or begin anew with --overwrite.",
            )
        folder = run.checkpoints_path
        try:
            shutil.rmtree(folder, ignore_errors=True)  # of a training that was given up
            make_folder(folder)
            (run.path / "events.jsonl").unlink(missing_ok=True)
            run._account.begin({"created": exact_now(), **facts})
        except OSError as error:
            raise DataError(f"cannot write to {folder}: {error.strerror}.", hint="Choose another --output.") from error
        return run

    @classmethod
    def stopped(cls, folder: Path | str) -> TrainingRun:
        """Return the training of a folder if it was stopped and can go on; raises ConfigError otherwise."""
        run = cls(folder)
        if not run._is_stopped():
            raise ConfigError(
                f"there is no stopped training in {folder}: it has finished, failed, or there was none.",
                hint="Leave --resume out to start one.",
            )
        return run

    @property
    def checkpoints_path(self) -> Path:
        """The folder from where a stopped training goes on; raises DataError where it is a link."""
        return own_path(self.path / "checkpoints", folder=True)

    @property
    def model_path(self) -> Path:
        """Where the model ends up; raises DataError where it is a link."""
        return own_path(self.path / MODEL_NAME)

    @property
    def meta(self) -> dict[str, Any]:
        """What train.json says now; raises DataError for a missing or damaged one or another schema version."""
        return self._account.read()

    def update(self, **facts: Any) -> None:
        """Change what train.json says; raises ValueError once the training has finished."""
        self._account.update(**facts)

    def append_event(self, record: Mapping[str, Any]) -> None:
        """Add one line to events.jsonl."""
        self._account.append_event(record)

    def interrupt(self, text: str) -> None:
        """Note that it was stopped and can go on."""
        self._account.stop("interrupted", text)

    def fail(self, text: str) -> None:
        """Note that it ended with an error."""
        self._account.stop("failed", text)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Note that the model is written, and drop the checkpoints."""
        self._account.finish(results=results)
        shutil.rmtree(self.checkpoints_path, ignore_errors=True)

    def _is_stopped(self) -> bool:
        return (self.path / _META).exists() and self.meta["status"] in ("running", "interrupted")
