"""Boards come from the plugin kpupy.testing; this only makes the helpers beside the tests importable."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
