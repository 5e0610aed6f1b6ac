"""Fetch axe-core, which tests/browser/test_accessible.py looks for; npm brings it, and it stays out of the repository.

python tests/browser/fetch_axe.py
"""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "axe"
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(FOLDER), "axe-core@4"], check=True)
    print(AXE)


if __name__ == "__main__":
    main()
