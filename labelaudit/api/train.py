"""`labelaudit train`: the classifier to go home with, on labels that an audit and people have mended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Unpack

from labelaudit.classifier.train import Trained, Wanted, train_dataset
from labelaudit.core.events import EventSink, ignore
from labelaudit.scanning.request import Settings, parse_duration, request_of


def train(
    source: Path | str | None = None,
    *,
    out: Path | str = "model",
    labels: str | None = None,
    test: Path | str | None = None,
    test_embeddings: Path | str | None = None,
    root: Path | str = ".",
    overwrite: bool = False,
    resume: bool = False,
    stop_after: str | None = None,
    on_event: EventSink = ignore,
    **settings: Unpack[Settings],
) -> Trained:
    """Train a classifier and write `model.safetensors` and a model card.

    Args:
        source: an audit, or a dataset; None = the latest audit here or above. Of a dataset, the newest finished audit
            below `root` is used.
        out: folder for the model.
        labels: given; suggested, an audit's confident suggestions applied; soft, its probabilities; split, its kept
            labels and for the others the network's own predictions. None = suggested with an audit, else given. What
            people decided goes first.
        test: labelled data to test on after every epoch: its split called test where there is one, else all of it.
        test_embeddings: of the rows of `test`, where the dataset is a table with embeddings.
        root: folder that has `.labelaudit/`.
        overwrite: replace the model that `out` has.
        resume: go on with the stopped training of `out`; its settings are used.
        stop_after: as in `scan`.
        on_event: told what happens; the default says nothing.
        **settings: as in `scan`; what is left open of `DataSettings` and of the network is the audit's. The method is
            elr+ unless one is named; soft and split have their own.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be trained on.
        TrainingError: the loss stopped being a number.
        StopAsked: `stop_after` is over; a KeyboardInterrupt.
    """
    request = request_of(source or "", settings)
    stop_at = time.monotonic() + parse_duration(stop_after or "max")
    wanted = Wanted(source, root, labels, test, test_embeddings)
    return train_dataset(
        wanted, request, out=out, overwrite=overwrite, resume=resume, stop_at=stop_at, on_event=on_event
    )
