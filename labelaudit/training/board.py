"""Notes that ranks leave on torchrun's store: before they can talk to each other, and when they no longer can."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import time
import uuid
from datetime import timedelta
from typing import Protocol

_ASK_EVERY_S = 0.05
_GET_ADDRESS = 0x8915  # SIOCGIFADDR in Linux's sockios.h


class Board(Protocol):
    """What is used of torch's Store."""

    def set(self, key: str, value: str, /) -> None:
        """Pin a note."""

    def get(self, key: str, /) -> bytes:
        """Return a note once it is there; a RuntimeError after the board's own time limit."""

    def check(self, keys: list[str], /) -> bool:
        """Whether all these notes are there."""

    def wait(self, keys: list[str], timeout: timedelta, /) -> None:
        """Return once these notes are there; a RuntimeError when the time is over."""


def agree_on_start(board: Board, rank: int, size: int, *, timeout_s: float) -> str:
    """Return a word that only the ranks of this start know, the same on every rank.

    torchrun keeps its store when it starts the ranks anew, with the addresses of those that were lost. How often it
    has started them is no such word: the agents of two machines may count differently.

    Raises:
        TimeoutError: another rank did not come.
    """
    own, word = f"labelaudit/here/{rank}", uuid.uuid4().hex
    if rank:
        board.set(own, word)
        start = board.get(f"labelaudit/start/{word}").decode()
        board.set(f"labelaudit/agreed/{start}/{rank}", "")
        return start
    deadline = time.monotonic() + timeout_s
    missing = list(range(1, size))
    while missing := [other for other in missing if not board.check([f"labelaudit/agreed/{word}/{other}"])]:
        for other in missing:  # whoever is named there: a lost rank does no harm, a new one takes its place
            if board.check([f"labelaudit/here/{other}"]):
                board.set(f"labelaudit/start/{board.get(f'labelaudit/here/{other}').decode()}", word)
        if time.monotonic() > deadline:
            raise TimeoutError(f"rank {missing[0]} did not come within {timeout_s:.0f} s")
        time.sleep(_ASK_EVERY_S)
    return word


def interface_to_others(board: Board, rank: int, size: int, *, first: str) -> str | None:
    """Return the network interface over which this machine reaches the others; None = it cannot be told.

    gloo would take the one that the machine's own name stands for, which is often that of 127.0.0.1.

    Args:
        board: shared by the ranks of this start.
        rank: this one.
        size: of all.
        first: address of rank 0's machine.
    """
    address = own_address(first)
    board.set(f"labelaudit/address/{rank}", address)
    if ipaddress.ip_address(address).is_loopback:  # the machine of rank 0 itself, or all ranks are on one machine
        others = [board.get(f"labelaudit/address/{other}").decode() for other in range(size)]
        elsewhere = [other for other in others if not ipaddress.ip_address(other).is_loopback]
        if not elsewhere:
            return None
        address = own_address(elsewhere[0])
    return interface_of(address)


def leave_word(board: Board, rank: int, text: str, exit_code: int) -> None:
    """Say why a rank ends, where the board is still there."""
    try:
        board.set(f"labelaudit/ended/{rank}", json.dumps((text, exit_code)))
    except RuntimeError:  # torchrun's own process is gone
        return


def last_word(board: Board | None, rank: int, *, wait_s: float = 0.0) -> tuple[str, int] | None:
    """Return why a rank ended and its exit code, None if it has not said so."""
    key = f"labelaudit/ended/{rank}"
    if board is None:
        return None
    try:
        if wait_s:
            board.wait([key], timedelta(seconds=wait_s))
        return tuple(json.loads(board.get(key))) if board.check([key]) else None
    except RuntimeError:  # the wait is over, or torchrun's own process is gone
        return None


def own_address(towards: str) -> str:
    """Return the address that this machine has on the way to another; nothing is sent."""
    family, kind, _, _, place = socket.getaddrinfo(towards, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(place)
        return str(probe.getsockname()[0]).partition("%")[0]


def interface_of(address: str) -> str | None:
    """Return the name of the interface that has an address; on Linux and for IPv4, None elsewhere."""
    if sys.platform != "linux":
        return None
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _GET_ADDRESS, struct.pack("256s", name.encode()))
            except OSError:  # an interface without an IPv4 address
                continue
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None
