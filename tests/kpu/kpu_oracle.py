"""The simulator of nncase 1.9.0, the last release for the K210, as an oracle and as a yardstick of speed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import which

from kpu_kmodel import kmodel
from kpu_layers import Layer

PACKAGE = "nncase==1.9.0.20230322"
VERSIONS = ("3.10", "3.9", "3.8", "3.7")  # nncase 1.9.0 has wheels up to 3.10
HERE = Path(__file__).resolve().parent
VENV = HERE.parents[1] / "build" / "kpu" / "nncase-venv"


class OracleMissing(Exception):
    """nncase 1.9.0 cannot be had on this machine; the text says why."""


def candidates() -> Iterator[str]:
    """Interpreters that may be old enough: on the path, and those of pyenv."""
    if "KPUPY_NNCASE_PYTHON" in os.environ:
        yield os.environ["KPUPY_NNCASE_PYTHON"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in VERSIONS:
        yield from (str(path / "bin" / "python") for path in sorted(pyenv.glob(f"{version}.*")))
        found = which(f"python{version}")
        if found:
            yield found


def works(python: str) -> bool:
    try:
        command = [python, "-c", "import nncase, numpy; nncase.Simulator"]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def python_with_nncase() -> str:
    """A Python that imports nncase 1.9.0; makes a virtual environment under build/ at the first call."""
    inside = str(VENV / "bin" / "python")
    if works(inside):
        return inside
    failures = []
    for python in candidates():
        try:
            subprocess.run([python, "-m", "venv", "--clear", str(VENV)], check=True, capture_output=True, timeout=120)
            install = [inside, "-m", "pip", "install", "--quiet", PACKAGE]
            subprocess.run(install, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            failures.append(f"{python}: {error}")
            continue
        if works(inside):
            return inside
        failures.append(f"{python}: nncase does not import")
    tried = "; ".join(failures) or f"no Python {', '.join(VERSIONS)} on the path or in pyenv"
    raise OracleMissing(f"{PACKAGE} could not be set up ({tried}); KPUPY_NNCASE_PYTHON names another interpreter")


def simulate(layers: Iterable[Layer], repeat: int = 1) -> Iterator[tuple[bytes, float]]:
    """Output and best time in seconds of each layer, in order. Eight-bit weights only: it has no 16-bit path."""
    command = [python_with_nncase(), str(HERE / "nncase_run.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        for layer in layers:
            job = {
                "model": base64.b64encode(kmodel(layer)).decode(),
                "input": base64.b64encode(layer.pixels).decode(),
                "shape": [1, layer.channels, layer.height, layer.width],
                "repeat": repeat,
            }
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
            if not reply:
                raise RuntimeError(f"the nncase simulator ended with {process.wait()}")
            result = json.loads(reply)
            yield base64.b64decode(result["output"]), result["seconds"]
        process.stdin.close()
