"""Fast kernels against their references on random data (in C, under the sanitizers)."""

from __future__ import annotations

import pathlib
import subprocess

import pytest


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_fast_kernels(kmodel_build: pathlib.Path, seed: str) -> None:
    subprocess.run([kmodel_build / "test_kmodel", "--kernels", seed], check=True, timeout=60)
