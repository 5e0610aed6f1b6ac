"""Every published setting on copies in miniature: does it run to its end?

    python -m tests.run_published [PART] [--one-of-a-kind] [--every N]

Seconds each, most of an hour for all on one core. PART is a text that names contain. `--one-of-a-kind` runs the few
that between them have every method, option, noise, dataset and schedule, as the slow tests do; `--every 7` one in
seven.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from labelaudit.api.reproduce import reproduce
from labelaudit.lab.published_tables import Setting, settings
from labelaudit.lab.reproduction_folder import Reproduction
from tests.published_copies import sources_of, write_copies

SCALE = 0.005
# Small networks and images, because the published ones take a minute a step here; each has tests of its own.
_SIDE = {"data.image_size": "16", "train.crop_padding": "2", "train.crop_margin": "0"}


def run_small(setting: Setting, copies: Path, out: Path) -> Reproduction:
    """Return a setting's run on its copy in miniature."""
    sources = sources_of(setting, copies)
    return reproduce(
        setting.name,
        sources.data,
        labels=sources.labels,
        others=sources.others,
        trusted=sources.trusted,
        imagenet_val=sources.imagenet_val,
        weights="none",
        backbone="small",
        device="cpu",
        epochs_scale=SCALE,
        overrides=_SIDE,
        out=out,
    )


def kinds_of(setting: Setting) -> frozenset[tuple[str, object]]:
    """Return what makes the run of a setting another one than that of its neighbours."""
    options = {(key, value) for key, value in setting.options.items() if key != "model.backbone"}
    noise = setting.noise if setting.planted is not None else "labels of a file"
    own = {("noise", noise), ("dataset", setting.dataset), ("schedule", setting.schedule)}
    return frozenset(own | options | {("method", setting.method), ("trusted", setting.trusted_per_class > 0)})


def one_of_a_kind(among: Iterable[Setting]) -> list[Setting]:
    """Return few settings that between them have every kind: always the one that adds most."""
    left, chosen = list(among), []
    missing = {kind for setting in left for kind in kinds_of(setting)}
    while missing:
        best = max(left, key=lambda setting: len(kinds_of(setting) & missing))
        chosen.append(best)
        missing -= kinds_of(best)
    return chosen


def main(words: list[str]) -> int:
    """Run settings and say how each ended; return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--one-of-a-kind", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args(words)
    chosen = [setting for setting in settings().values() if asked.part in setting.name][:: asked.every]
    if asked.one_of_a_kind:
        chosen = one_of_a_kind(chosen)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        copies = Path(folder) / "copies"
        write_copies(copies)
        for number, setting in enumerate(chosen, 1):
            started = time.monotonic()
            try:
                done = run_small(setting, copies, Path(folder) / "out")
                said = f"{done.accuracy.epochs} epochs"
            except Exception as error:
                failed += 1
                said = f"FAILED: {type(error).__name__}: {error}"
            seconds = time.monotonic() - started
            print(f"{number}/{len(chosen)} {setting.name}: {said}, {seconds:.1f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
