"""Scans on several machines: two agents of torchrun, in two network namespaces where the system allows them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.distributed.launch import TIMEOUT_S, output, start_torchrun, wait_for
from tests.distributed.test_torchrun import IMAGES, SCRIPT, agreement, findings, scan_alone, write_photos

pytestmark = pytest.mark.slow
ADDRESSES = ("10.203.77.1", "10.203.77.2")


@pytest.fixture
def namespaces() -> Iterator[list[str]]:
    """Two network namespaces joined by a cable, each with its own loopback; nothing else is reachable from them."""
    names = [f"labelaudit-{os.getpid()}-{i}" for i in range(2)]
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            for link in ("lo", "cable"):
                _ip("-n", name, "link", "set", link, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the program ip")
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"network namespaces cannot be made here: ip {' '.join(words)}: {done.stderr.strip()}")


def test_two_machines_with_their_own_disks_scan_images_and_start_anew_when_a_rank_is_killed(tmp_path, namespaces):
    write_photos(tmp_path, 181)
    scan_alone([*IMAGES, "--root", "one"], tmp_path)
    for number in range(2):
        shutil.copytree(tmp_path / "photos", tmp_path / f"node{number}" / "photos")
    meet = ["--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "1", "--rdzv-backend", "c10d"]
    meet += ["--rdzv-id", "nodes", "--rdzv-endpoint", f"{ADDRESSES[0]}:29500"]
    nodes = [
        start_torchrun(
            *(*meet, "--rdzv-conf", f"is_host={int(number == 0)}"),  # the machine's own name tells neither
            *("--local-addr", address, SCRIPT, *IMAGES, "--verbose"),
            cwd=tmp_path / f"node{number}",
            within=("ip", "netns", "exec", name),
        )
        for number, (name, address) in enumerate(zip(namespaces, ADDRESSES, strict=True))
    ]
    first, second = (tmp_path / f"node{number}" for number in range(2))
    try:
        wait_for("epoch 2/4", nodes[0], first, "torchrun")
        os.kill(int((second / "pid.1").read_text()), signal.SIGKILL)
        codes = [node.wait(timeout=TIMEOUT_S) for node in nodes]
    finally:
        for node in nodes:
            node.terminate()
    said = output(first, "torchrun")
    assert codes == [0, 0], said + output(second, "torchrun")
    assert said.count("Network 1 of 2: epoch 1/4") == 1  # not begun again
    assert "the recipe of the scan that is resumed" in said
    correlation, alike = agreement(findings(tmp_path / "one"), findings(first))
    assert correlation > 0.94  # what the second network is taught besides follows the first one's confusions
    assert alike > 0.97
    assert list(second.rglob("audit.json")) == []
    for folder in (first, second):  # each decodes for itself, beside its own data
        (pixels,) = (folder / ".labelaudit" / "cache" / "pixels").glob("*/pixels.u8")
        assert pixels.stat().st_size == 181 * int(pixels.parent.name) ** 2 * 3
