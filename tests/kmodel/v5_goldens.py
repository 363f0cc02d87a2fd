"""Networks compiled by nncase 1.9.0 and what its simulator makes of them: goldens_v5/goldens.zip."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).resolve().parent / "goldens_v5" / "goldens.zip"


@dataclass
class Tensor:
    """An input, with the seed of its values, or an output."""

    dtype: str
    shape: list[int]
    seed: int


def values(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The input of a golden: bytes of a linear congruential generator; floats lie in [-1, 1]."""
    state, data = tensor.seed, bytearray()
    for _ in range(int(np.prod(tensor.shape))):
        state = (1664525 * state + 1013904223) % 2**32
        data.append(state >> 24)
    array = np.frombuffer(bytes(data), np.uint8)
    if tensor.dtype == "float32":
        return ((array.astype(np.float32) - 127.5) / np.float32(127.5)).astype(np.float32).reshape(tensor.shape)
    return array.view(tensor.dtype).reshape(tensor.shape)


@dataclass
class Golden:
    model: bytes
    inputs: list[Tensor]
    outputs: list[Tensor]
    expected: list[bytes]


def names() -> list[str]:
    with zipfile.ZipFile(FILE) as archive:
        return sorted(n.removesuffix(".kmodel") for n in archive.namelist() if n.endswith(".kmodel"))


def read(name: str) -> Golden:
    with zipfile.ZipFile(FILE) as archive:
        text = json.loads(archive.read(f"{name}.json"))
        inputs, outputs = ([Tensor(**t) for t in text[part]] for part in ("inputs", "outputs"))
        expected = [archive.read(f"{name}.y{i}.bin") for i in range(len(outputs))]
        return Golden(archive.read(f"{name}.kmodel"), inputs, outputs, expected)
