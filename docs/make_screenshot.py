"""Make docs/images/demo.svg: a real run of `labelaudit demo`, exported by rich.

python docs/make_screenshot.py
"""

import dataclasses
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from labelaudit.api.demo import demo
from labelaudit.cli.render import print_demo, print_summary

TARGET = Path(__file__).parent / "images" / "demo.svg"


def main() -> None:
    """Run the demonstration and write the picture."""
    console = Console(record=True, width=108, file=io.StringIO(), force_terminal=True, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        found = demo(Path(folder) / "labelaudit-demo")
        summary = found.audit.summary
        summary["source"] = "labelaudit-demo/digits"
        summary["audit"]["path"] = str(Path("labelaudit-demo", *found.audit.path.parts[-3:]))
        console.print("$ labelaudit demo", style="bold green")
        print_summary(console, summary, root="labelaudit-demo")
        print_demo(console, dataclasses.replace(found, folder=Path("labelaudit-demo")))
    TARGET.parent.mkdir(exist_ok=True)
    svg = console.export_svg(title="labelaudit")
    # the reader's own monospace font: rich would have every viewer fetch one from the network
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    TARGET.write_text(re.sub(r"<!-- Generated .*?-->", "", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
