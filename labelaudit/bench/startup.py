"""How long the commands take that must start fast: CPU seconds of fresh processes.

python -m labelaudit.bench.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

COMMANDS = (("--help",), ("--version",), ("scan", "--help"), ("export", "--help"))


def startup_seconds(arguments: tuple[str, ...], *, repeats: int = 7) -> dict[str, Any]:
    """Return the median and largest CPU seconds (user and system) of a command in a process of its own."""
    code = (
        "import sys, resource\n"
        f"sys.argv = ['labelaudit', *{list(arguments)!r}]\n"
        "from labelaudit.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "sys.stderr.write(f'{used.ru_utime + used.ru_stime}')"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr)
        for _ in range(repeats)
    ]
    return {
        "command": " ".join(("labelaudit", *arguments)),
        "median_s": round(statistics.median(seconds), 3),
        "most_s": round(max(seconds), 3),
        "n": repeats,
    }


def main() -> None:
    """Print one line for each command."""
    for arguments in COMMANDS:
        row = startup_seconds(arguments)
        sys.stdout.write(
            f"{row['command']:<28} {row['median_s']:.3f} s CPU (median of {row['n']}), at most {row['most_s']:.3f} s\n"
        )


if __name__ == "__main__":
    main()
