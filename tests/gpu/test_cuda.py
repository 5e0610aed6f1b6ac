"""What holds on a CUDA device; skipped without one."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import labelaudit
from labelaudit.core.recipe import TrainSettings
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.job import Job
from labelaudit.training.models import build_image_network

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def cuda_job(n, *, compile_setting="no"):
    """Return a job on made-up images that lie on the device."""
    device = torch.device("cuda")
    pixels = torch.randint(0, 256, (n, 32, 32, 3), dtype=torch.uint8, device=device)
    ones = torch.ones(3, device=device)
    inputs = Pixels(pixels, 32, ones / 64, -2 * ones, crop_padding=4, flip=True)
    return Job(
        Samples(inputs, torch.arange(n, device=device) % 10, 128, torch.bfloat16, 0),
        10,
        lambda stream: build_image_network("small", 10, 32, seed=0, stream=stream).to(device),
        TrainSettings(compile=compile_setting),
        torch.bfloat16,
        0,
    )


def waits_of_an_epoch(n):
    """Return how often the host waits for the device in the second epoch on n samples."""
    job = cuda_job(n)
    state = job.new_state("stage1")

    def loss(model, batch):
        return F.cross_entropy(model(batch.inputs).float(), batch.labels, reduction="none")

    job.train_epoch("stage1", state, loss, lambda _: 0.01, epochs=2)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            job.train_epoch("stage1", state, loss, lambda _: 0.01, epochs=2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in seen)


def test_an_epoch_waits_for_the_device_as_often_however_many_steps_it_has():
    assert waits_of_an_epoch(256) == waits_of_an_epoch(128 * 12)


@pytest.fixture
def images(tmp_path):
    """Return a folder of small images with one wrong label in ten, and which they are."""
    rng = np.random.default_rng(0)
    wrong = set()
    for number in range(600):
        true = number % 3
        given = (true + 1) % 3 if number % 10 == 9 else true
        pixels = rng.integers(0, 100, (16, 16, 3)).astype(np.uint8)
        pixels[..., true] += 120
        (tmp_path / "data" / f"c{given}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / f"c{given}" / f"{number:04d}.png")
        if given != true:
            wrong.add(f"{number:04d}")
    return tmp_path / "data", wrong


def test_a_scan_on_the_gpu_finds_what_one_on_the_cpu_finds(images, tmp_path):
    folder, wrong = images
    suspects = {}
    for device in ("cuda", "cpu"):
        audit = labelaudit.scan(folder, device=device, root=tmp_path / device)
        findings = audit.findings
        found = findings[findings["clean_prob"] < 0.5]["path"]
        suspects[device] = {str(path)[-8:-4] for path in found}
    assert len(suspects["cuda"] & wrong) > 0.9 * len(wrong)
    agreement = len(suspects["cuda"] & suspects["cpu"]) / len(suspects["cuda"] | suspects["cpu"])
    assert agreement > 0.9


def test_two_gpus_share_a_scan(images, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("one CUDA device")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "labelaudit",
    ]
    ended = subprocess.run(
        [*command, "scan", str(images[0]), "--root", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert labelaudit.load(tmp_path).meta["status"] == "finished"
