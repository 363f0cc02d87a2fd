#!/usr/bin/env python3
"""Makes goldens_v5/goldens.zip anew with nncase 1.9.0 (minutes; needs a Python 3.7 to 3.10 besides).

Arguments are the networks of v5_networks.py to try, without writing the archive; none means all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "kpu")]

from kpu_oracle import OracleMissing, python_with_nncase  # noqa: E402
from v5_goldens import FILE  # noqa: E402
from v5_networks import GOLDENS  # noqa: E402

ONNX = "onnx==1.16.2"


def python_with_onnx() -> str:
    python = python_with_nncase()
    if subprocess.run([python, "-c", "import onnx"], capture_output=True, timeout=60, check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", ONNX], check=True, timeout=300)
    return python


def make(python: str, name: str, directory: Path) -> str:
    """Empty, or why nncase makes nothing of the network: its last words."""
    command = [python, str(HERE / "v5_networks.py"), name, str(directory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "no result within 120 s"
    if done.returncode == 0:
        return ""
    words = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return f"exit {done.returncode}: {words[-1][:300]}"


def main() -> int:
    chosen = sys.argv[1:] or list(GOLDENS)
    try:
        python = python_with_onnx()
    except OracleMissing as error:
        print(error, file=sys.stderr)
        return 1
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for name in chosen:
            why = make(python, name, directory)
            failed += bool(why)
            print(f"{name}: {why or 'ok'}", file=sys.stderr, flush=True)
        if len(chosen) < len(GOLDENS):
            print(f"{failed} of {len(chosen)} failed; {FILE.name} is not written", file=sys.stderr)
            return 1 if failed else 0
        FILE.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(FILE, "w", zipfile.ZIP_LZMA) as archive:
            for path in sorted(directory.iterdir()):
                archive.writestr(zipfile.ZipInfo(path.name, (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_LZMA)
    print(f"{FILE}: {len(chosen)} networks, {FILE.stat().st_size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
