"""What grows in a process: memory in use by malloc, pages by what they map, and objects of Python by type."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 6
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    malloc_kib: Counter[str]  # in use and free
    pages_kib: Counter[str]  # by name and rights, resident
    objects: Counter[str]  # that the collector of Python knows, by type
    blocks: int  # of Python's own allocator, others among them


def held() -> Held:
    """Return what this process holds, after everything that is free was given back."""
    gc.collect()
    libc = ctypes.CDLL("libc.so.6")
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _Info
    info = libc.mallinfo2()
    types = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    malloc = Counter({"in use": info.uordblks >> 10, "free": info.fordblks >> 10})
    return Held(malloc, _pages(), types, sys.getallocatedblocks())


def print_growth(before: Held, after: Held, scans: int) -> None:
    """Print what grew most."""
    print(f"over {scans} scans: {after.blocks - before.blocks:+,} blocks of Python")
    for what, old, new in (
        ("malloc, KiB", before.malloc_kib, after.malloc_kib),
        ("pages, KiB", before.pages_kib, after.pages_kib),
        ("objects", before.objects, after.objects),
    ):
        grown = {name: new[name] - old[name] for name in new}
        most = sorted(grown.items(), key=lambda item: -abs(item[1]))[:_SHOWN]
        print(f"  {what}: " + ", ".join(f"{name} {n:+,}" for name, n in most if n), flush=True)


def _pages() -> Counter[str]:
    found: Counter[str] = Counter()
    name = ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+\s*(.*)", line)
        if head:
            name = f"{Path(head[2]).name or 'anonymous'} {head[1]}"
        elif line.startswith("Rss:"):
            found[name] += int(line.split()[1])
    return found
