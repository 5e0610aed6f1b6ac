"""Print the lowest versions of what users need that pyproject.toml allows, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path

_FLOOR = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)")
_OURS = ("test", "bench", "fuzz")  # extras for those who work on labelaudit


def main() -> int:
    """Return the exit code."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].items()
    wanted = [*project["dependencies"], *(line for name, lines in extras if name not in _OURS for line in lines)]
    floors = {found[1]: found[2] for line in wanted if (found := _FLOOR.match(line))}
    print("\n".join(f"{name}=={version}" for name, version in sorted(floors.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
