#!/bin/sh
# Fetches MicroPython's source as Debian packages it (source package `micropython`, suite trixie), checks it against the
# pinned SHA-256 and unpacks it. Needs no root: apt works in private directories, with the machine's own mirror.
#
#   fetch_micropython.sh DESTINATION CACHE
#
# The archive's signature is not relied on: an old keyring may not know the suite. The pinned hash decides.
set -eu

destination=$1
cache=$2
suite=trixie
version=1.25.0
sha256=7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea

fail() {
    echo "fetch_micropython: $*" >&2
    exit 1
}

if [ -f "$destination/.kpupy-$sha256" ]; then
    exit 0
fi
command -v apt-get >/dev/null ||
    fail "apt-get not found: unpack MicroPython $version anywhere and build with MICROPY_DIR=that/directory"

archive=$(find "$cache" -maxdepth 1 -name 'micropython_*.orig.tar.xz' 2>/dev/null | head -n 1)
if [ -z "$archive" ]; then
    mkdir -p "$cache/lists/partial" "$cache/archives/partial"
    # A Debian mirror that this machine already uses, whatever its suite.
    mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 !~ /security/ && $1 ~ /debian\/?$/ { print $1; exit }')
    [ -n "$mirror" ] || fail "no Debian mirror in the apt sources: use MICROPY_DIR= with a checkout of MicroPython $version"
    echo "deb-src [trusted=yes] $mirror $suite main" >"$cache/sources.list"
    set -- -o "Dir::Etc::sourcelist=$(realpath "$cache/sources.list")" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$(realpath "$cache/lists")" -o "Dir::Cache=$(realpath "$cache")" \
        -o APT::Sandbox::User=root -o Acquire::Retries=3
    echo "Fetching the list of source packages of $suite ..."
    apt-get "$@" update >"$cache/update.log" 2>&1 || { cat "$cache/update.log" >&2; fail "apt-get update failed"; }
    echo "Fetching the source of MicroPython $version ..."
    (cd "$cache" && apt-get "$@" source --download-only micropython >source.log 2>&1) ||
        { cat "$cache/source.log" >&2; fail "apt-get source micropython failed"; }
    archive=$(find "$cache" -maxdepth 1 -name 'micropython_*.orig.tar.xz' | head -n 1)
    [ -n "$archive" ] || fail "the source package has no .orig.tar.xz"
fi

found=$(sha256sum "$archive" | cut -d' ' -f1)
if [ "$found" != "$sha256" ]; then
    rm -f "$archive"
    fail "$archive has SHA-256 $found, expected $sha256 (MicroPython $version): deleted; use MICROPY_DIR= instead"
fi

rm -rf "$destination.part" "$destination"
mkdir -p "$destination.part"
tar -xJf "$archive" -C "$destination.part" --strip-components=1
touch "$destination.part/.kpupy-$sha256"
mv "$destination.part" "$destination"
echo "MicroPython $version is in $destination"
