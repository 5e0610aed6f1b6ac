#!/bin/sh
# The quick tests with the oldest versions that pyproject.toml allows, and with the newest there are.
#
#   tests/reliability/compatibility.sh oldest|newest [FOLDER]
#
# Makes an environment of some 6 GB in FOLDER (default: a temporary one, removed at the end). Needs uv and a Python 3.11.
set -eu
which=${1:?oldest or newest}
place=${2:-$(mktemp -d)}
[ $# -gt 1 ] || trap 'rm -rf "$place"' EXIT
case $which in
  oldest) resolution=lowest-direct ;;
  newest) resolution=highest ;;
  *) echo "oldest or newest, not $which" >&2; exit 2 ;;
esac
uv venv --python 3.11 "$place/venv"
uv pip install --python "$place/venv/bin/python" --resolution "$resolution" -e '.[test,bench]'
"$place/venv/bin/python" -m pytest -q -n auto -m 'not slow and not gpu'
