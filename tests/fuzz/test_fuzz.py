"""The run that every `make test` makes: 100,000 mutated models, no finding, in bounded time."""

from __future__ import annotations

import fcntl
import pathlib
import re
import subprocess


def test_mutated_models(root: pathlib.Path) -> None:
    build = root / "build" / "fuzz"
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", root / "tests" / "fuzz", "run", "COUNT=100000", "SECONDS=240", "SEED=7"]
        result = subprocess.run(command, check=True, timeout=480, capture_output=True, text=True)
    numbers = [int(n) for n in re.findall(r"(\d+) (?:mutated|loaded|runs|to the end)", result.stdout)]
    models, loaded, finished = numbers[0], numbers[1], numbers[2]
    assert models == 100000
    # Mutations that are all refused, or all harmless, would test nothing.
    assert 20000 < loaded < 90000
    assert finished > 20000
