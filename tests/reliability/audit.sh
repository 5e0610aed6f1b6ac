#!/bin/sh
# Ask pip-audit for known holes in what is installed; in an environment of its own, so that nothing of it is left.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q pip-audit
python3 -m pip freeze --exclude-editable > "$place/installed.txt"
"$place/venv/bin/pip-audit" --requirement "$place/installed.txt" --no-deps --disable-pip "$@"
