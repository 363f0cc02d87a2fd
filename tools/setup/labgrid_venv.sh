#!/bin/sh
# Creates the board farm's virtual environment DIRECTORY with the pinned packages of requirements-labgrid.txt. It is a
# second one because labgrid's fork of pyserial and pyserial install the same module.
#
#   labgrid_venv.sh PYTHON DIRECTORY
set -eu

python=$1
directory=$2
cd "$(dirname "$0")/../.."

stamp="$directory/.kpupy-$(cat requirements-labgrid.txt requirements.txt | sha256sum | cut -c1-16)"
[ ! -f "$stamp" ] || exit 0

echo "Setting up the board farm's environment in $directory ..."
"$python" -m venv --clear "$directory"
pip() { "$directory/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install --requirement requirements-labgrid.txt
pip install --no-deps "$(grep '^kflash==' requirements.txt)" # it asks for pyserial, and has labgrid's
echo "$PWD/tools" > "$("$directory/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/kpupy.pth"
touch "$stamp"
