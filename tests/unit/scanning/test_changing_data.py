"""Data that changes while it is scanned is noticed, said, and noted on its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from labelaudit.api.scan import scan
from labelaudit.core.dataset import ImageFiles
from labelaudit.core.events import Event, Said, StageStarted
from labelaudit.training.decode import decode_images
from labelaudit.training.models import MultilayerPerceptron
from labelaudit.training.pixel_store import PixelStore
from tests.cli.terminal import write_flowers, write_photos

QUICK: dict[str, Any] = {"method": "probe", "device": "cpu"}


def changing(stage: str, change: Any) -> Any:
    """Return a sink of events that changes something when a stage starts."""

    def on_event(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == stage:
            change()

    return on_event


def warnings_of(audit: Any) -> list[str]:
    found: list[str] = audit.meta["warnings"]
    return found


def test_images_that_change_or_go_after_they_were_read_are_named_and_noted(tmp_path):
    photos = write_photos(tmp_path, n=24)
    first, second = photos / "cat" / "000.png", photos / "dog" / "001.png"

    def change() -> None:
        first.write_bytes(first.read_bytes() + b" ")
        second.unlink()

    audit = scan(photos, root=tmp_path, on_event=changing("probe", change), **QUICK)
    details = dict(zip(audit.findings["path"], audit.findings["detail"], strict=True))
    assert details["cat/000.png"] == "changed after it was read"
    assert details["dog/001.png"] == "removed after it was read"
    assert sum(bool(detail) for detail in details.values()) == 2
    assert (
        "2 images did not stay as scanned; findings are about what was read: "
        "cat/000.png (changed after it was read), dog/001.png (removed after it was read)"
    ) in warnings_of(audit)


def test_images_that_go_before_they_are_read_are_set_aside(tmp_path):
    photos = write_photos(tmp_path, n=24)
    gone = photos / "cat" / "000.png"
    audit = scan(photos, root=tmp_path, on_event=changing("decode", gone.unlink), **QUICK)
    row = audit.findings.set_index("path").loc["cat/000.png"]
    assert (row["issue"], row["detail"]) == ("unreadable", "cannot be read: No such file or directory")
    assert len(audit.findings) == 24


def test_a_table_that_changes_is_said(tmp_path):
    table = write_flowers(tmp_path)
    change = lambda: table.write_bytes(table.read_bytes() + b"r999,1,2,red,setosa\n")  # noqa: E731
    settings: dict[str, Any] = {**QUICK, "label_column": "species"}
    audit = scan(table, root=tmp_path, on_event=changing("probe", change), **settings)
    said = f"{table} was changed while it was scanned: the findings are about what it was when the scan began"
    assert said in warnings_of(audit)
    assert len(audit.findings) == 120
    assert not any(said in text for text in warnings_of(scan(table, root=tmp_path, **settings)))


class Rewritten(ImageFiles):
    """An image that another program writes while it is read, so many times."""

    __slots__ = ()
    times: list[int]

    def read(self, index: int) -> bytes:
        data = super().read(index)
        if index == 0 and Rewritten.times[0] > 0:
            Rewritten.times[0] -= 1
            path = Path(self.files[0])
            path.write_bytes(Path(self.files[2 + Rewritten.times[0]]).read_bytes())
            return data[: len(data) // 2]
        return data


@pytest.mark.parametrize(("times", "row"), [(1, 2), (2, 2), (9, None)])
def test_an_image_that_is_rewritten_while_it_is_read_is_read_again_or_set_aside(tmp_path, times, row):
    files = tuple(sorted(write_photos(tmp_path, n=24).rglob("*.png")))
    Rewritten.times = [times]
    names = [file.name for file in files]
    with PixelStore(None, 12) as store:
        decoded = decode_images(Rewritten(files), names, store, on_samples=lambda _: None, workers=1)
    if row is None:
        assert decoded.failures == ((0, "it was rewritten while it was read"),)
    else:
        assert decoded.failures == ()
        assert decoded.content_hashes[0] == decoded.content_hashes[row]  # as it is in the end


def test_a_scan_whose_memory_runs_out_goes_on_and_finds_the_same(tmp_path, monkeypatch):
    settings: dict[str, Any] = {
        "method": "ce",
        "label_column": "species",
        "device": "cpu",
        "overrides": {"epochs": "10"},
    }
    table = write_flowers(tmp_path)
    whole = scan(table, root=tmp_path, **settings)
    forward = MultilayerPerceptron.forward

    def short(self: MultilayerPerceptron, inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return forward(self, inputs)

    monkeypatch.setattr(MultilayerPerceptron, "forward", short)
    events: list[Event] = []
    halved = scan(table, root=tmp_path, on_event=events.append, **settings)
    told = [event.text for event in events if isinstance(event, Said) and "memory ran out" in event.text]
    assert told
    assert told[-1] in warnings_of(halved)
    assert abs(halved.findings["clean_prob"] - whole.findings["clean_prob"]).mean() < 0.05
    assert len({*halved.suspects["sample_id"]} ^ {*whole.suspects["sample_id"]}) <= 2
