"""Runs a build and shows one progress bar instead of its lines; a failed build shows all of them.

    progress.py --label TEXT -- COMMAND...

The number of steps is known from the last complete build of the same label; the first build counts upwards.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

STEP = re.compile(r"^\s*(CC|CXX|AS|LINK|GEN|AR|MPY|FREEZE|HOSTCC)\b")
STATE = pathlib.Path("build/.progress")


def bar(done: int, total: int, width: int = 32) -> str:
    """A bar of `width` cells; with an unknown total only the count."""
    if total <= 0:
        return f"{done} steps"
    filled = min(width, width * done // total)
    return f"[{'#' * filled}{'.' * (width - filled)}] {min(100, 100 * done // total):3d} % ({done}/{total})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--label", required=True, help="what is being built")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the build command, after --")
    arguments = parser.parse_args()
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        parser.error("no command given")

    record = STATE / hashlib.sha256(arguments.label.encode()).hexdigest()[:12]
    total = int(record.read_text()) if record.exists() else 0
    interactive = sys.stdout.isatty()
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    lines: list[str] = []
    done = 0
    shown = started = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if not STEP.match(line):
                continue
            done += 1
            now = time.monotonic()
            # A log wants a line now and then, a terminal a steady bar.
            if now - shown >= (0.1 if interactive else 10.0):
                shown = now
                text = f"Building {arguments.label}: {bar(done, total)}"
                print(f"\r{text}\x1b[K" if interactive else text, end="" if interactive else "\n", flush=True)
    if interactive and done:
        print("\r\x1b[K", end="")
    if process.returncode:
        sys.stdout.write("".join(lines))
        print(f"Building {arguments.label} failed (exit code {process.returncode}); the lines above say why.")
        return process.returncode
    warnings = [line for line in lines if "warning:" in line.lower()]
    sys.stdout.write("".join(warnings))
    if done:
        print(f"Built {arguments.label}: {done} steps in {time.monotonic() - started:.1f} s.")
        if done > total // 2:
            STATE.mkdir(parents=True, exist_ok=True)
            record.write_text(str(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
