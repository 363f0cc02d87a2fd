"""What every test of the project may use."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

pytest_plugins = ["kpupy.testing.plugin"]  # the same name as its entry point: loaded once, installed or not


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The project's top directory."""
    return ROOT


@pytest.fixture(scope="session")
def shared_models() -> pathlib.Path:
    """Models by others, with inputs and expected outputs: $KPUPY_MODELS or ../shared/models beside the checkout."""
    path = pathlib.Path(os.environ.get("KPUPY_MODELS", ROOT.parent / "shared" / "models"))
    if not (path / "expected.json").is_file():
        pytest.skip(f"no models by others at {path}: set KPUPY_MODELS to their directory")
    return path
