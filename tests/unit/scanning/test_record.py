import errno

import pytest
import torch

from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError
from labelaudit.core.events import ThreadsTried, ignore
from labelaudit.scanning.record import AuditLog, is_running, recorded
from labelaudit.training.device import DeviceLost, lost_device


def test_an_audit_says_when_its_threads_were_tried_and_which_went_on(tmp_path):
    audit = Audit.create(tmp_path, method="panel", facts={})
    log = AuditLog(audit, ignore)
    log(ThreadsTried("panel/1", 3, was=2, threads=1, rates={2: 61.0, 1: 1800.0}))
    log(ThreadsTried("panel/2", 1, was=1, threads=2, rates={1: 1900.0, 2: 4700.0}))
    first, second = audit.meta["threads_tried"]
    assert first == {
        "event": "ThreadsTried",
        "stage": "panel/1",
        "epoch": 3,
        "was": 2,
        "threads": 1,
        "rates": {"2": 61.0, "1": 1800.0},
    }
    assert (second["stage"], second["threads"]) == ("panel/2", 2)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), RuntimeError("I/O error: No space left on device")])
def test_a_scan_that_filled_the_disk_can_go_on(tmp_path, error):
    audit = Audit.create(tmp_path, method="panel", facts={})
    with pytest.raises(type(error)), recorded(audit, ignore):
        raise error
    assert audit.status == "interrupted"
    assert audit.meta["error"] == "the disk was full: reading the data"


def test_a_full_disk_behind_an_error_of_ours_can_go_on_too(tmp_path):
    audit = Audit.create(tmp_path, method="panel", facts={})
    with pytest.raises(DataError), recorded(audit, ignore):
        raise DataError("the decoded images cannot be written") from OSError(errno.EDQUOT, "x")
    assert audit.status == "interrupted"


def test_a_disk_too_full_for_the_note_leaves_the_scan_to_go_on(tmp_path, monkeypatch):
    audit = Audit.create(tmp_path, method="panel", facts={})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def train():
        monkeypatch.setattr("labelaudit.core.runs.write_json", full)
        raise OSError(errno.ENOSPC, "while training")

    with pytest.raises(OSError, match="while training"), recorded(audit, ignore):
        train()
    assert audit.status == "running"
    assert not is_running(audit)


@pytest.mark.parametrize(
    ("error", "status"),
    [(PermissionError(errno.EACCES, "x"), "interrupted"), (DataError("x"), "failed"), (ZeroDivisionError(), "failed")],
)
def test_what_the_next_try_may_not_meet_again_leaves_the_scan_to_go_on(tmp_path, error, status):
    audit = Audit.create(tmp_path, method="panel", facts={})
    with pytest.raises(type(error)), recorded(audit, ignore):
        raise error
    assert audit.status == status


@pytest.mark.parametrize(
    "text", ["CUDA error: unspecified launch failure\nCUDA kernel errors might be", "HIP error: device lost"]
)
def test_a_lost_device_leaves_the_scan_to_go_on_and_says_how(tmp_path, text):
    audit = Audit.create(tmp_path, method="panel", facts={})
    with pytest.raises(DeviceLost) as caught, recorded(audit, ignore):
        raise RuntimeError(text)
    assert caught.value.exit_code == 3
    assert caught.value.problem == f"the device failed: {text.splitlines()[0]}."
    assert "--resume" in str(caught.value.hint)
    assert audit.status == "interrupted"
    assert audit.meta["error"] == caught.value.problem


def test_what_torch_raises_for_an_accelerator_is_a_lost_device(tmp_path):
    kind = getattr(torch, "AcceleratorError", None)
    if kind is None:
        pytest.skip("this torch raises RuntimeError")
    assert isinstance(lost_device(kind("the launch timed out and was terminated", 702)), DeviceLost)
    assert lost_device(torch.OutOfMemoryError("CUDA out of memory")) is None
    assert lost_device(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
