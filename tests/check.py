"""One command before a push: format, lint, types, import contracts, tests.

python -m tests.check            everything
python -m tests.check --quick    without the tests that train for more than a few seconds
"""

import argparse
import subprocess
import sys
import time

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["importlinter"],
    "tests": ["pytest", "-n", "2", "--durations", "20", "-m", "not exhaustive"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave the slow tests out")
    quick = parser.parse_args().quick
    failed = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        started = time.monotonic()
        if subprocess.run(_command(command, quick=quick), check=False).returncode:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return bool(failed)


def _command(command: list[str], *, quick: bool) -> list[str]:
    if command[0] == "importlinter":  # its entry point is a script, not a module
        return [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return [sys.executable, "-m", *command, *(["-m", "not slow"] if quick and command[0] == "pytest" else [])]


if __name__ == "__main__":
    sys.exit(main())
