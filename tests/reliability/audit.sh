#!/bin/sh
# Ask pip-audit for known holes in what is installed; in an environment of its own, so that nothing of it is left.
# Fails where a package could not be looked up: pip-audit alone says that nothing is known, and ends with 0.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q pip-audit
python3 -m pip freeze --exclude-editable | grep -v " @ " > "$place/installed.txt"  # none that came from an address
"$place/venv/bin/pip-audit" --requirement "$place/installed.txt" --no-deps --disable-pip --strict "$@"
