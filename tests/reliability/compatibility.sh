#!/bin/sh
# The quick tests with the oldest versions that pyproject.toml allows, or with the newest there are.
#
#   tests/reliability/compatibility.sh oldest|newest [FOLDER]
#
# Makes an environment of some 7 GB in FOLDER (default: a temporary one, removed at the end), with venv and pip alone.
# PYTHON names the interpreter (default: python3); the oldest versions have wheels for Python 3.11.
set -eu
which=${1:?oldest or newest}
place=${2:-$(mktemp -d)}
[ $# -gt 1 ] || trap 'rm -rf "$place"' EXIT
cd "$(dirname "$0")/../.."
mkdir -p "$place"
case $which in
  oldest) "${PYTHON:-python3}" tests/reliability/oldest.py > "$place/constraints.txt" ;;
  newest) : > "$place/constraints.txt" ;;
  *) echo "oldest or newest, not $which" >&2; exit 2 ;;
esac
"${PYTHON:-python3}" -m venv "$place/venv"
"$place/venv/bin/pip" install -q --constraint "$place/constraints.txt" -e '.[test,bench]'
"$place/venv/bin/python" -m pytest -q -n auto -m 'not slow and not gpu'
