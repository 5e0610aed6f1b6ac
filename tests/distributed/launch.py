"""Start ranks: bare processes with torchrun's variables, or torchrun itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
TIMEOUT_S = 120


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_ranks(size: int, *words: str, cwd: Path) -> list[subprocess.Popen[str]]:
    """Start `python WORDS` once per rank without torchrun; stdout and stderr go to files."""
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    return [
        _start([sys.executable, *words], cwd, f"rank{rank}", meet | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(size)
    ]


def start_torchrun(*words: str, cwd: Path, name: str = "torchrun", within: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start an agent of torchrun, below another command that `within` names."""
    return _start([*within, sys.executable, "-m", "torch.distributed.run", *words], cwd, name, {})


def output(cwd: Path, name: str, stream: str = "stderr") -> str:
    return (cwd / f"{name}.{stream}").read_text()


def wait_for(text: str, process: subprocess.Popen[str], cwd: Path, name: str) -> None:
    """Wait until a process's stderr holds a text."""
    deadline = time.monotonic() + TIMEOUT_S
    while text not in output(cwd, name):
        assert process.poll() is None, f"ended before it said {text!r}: {output(cwd, name)}"
        assert time.monotonic() < deadline, f"never said {text!r}: {output(cwd, name)}"
        time.sleep(0.02)


def _start(command: list[str], cwd: Path, name: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    with (cwd / f"{name}.stdout").open("w") as out, (cwd / f"{name}.stderr").open("w") as err:
        return subprocess.Popen(command, cwd=cwd, env=os.environ | PLAIN | variables, stdout=out, stderr=err, text=True)
