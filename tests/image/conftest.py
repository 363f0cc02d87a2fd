from __future__ import annotations

import pytest

from .imlib import Imlib


@pytest.fixture()
def imlib() -> Imlib:
    return Imlib()
