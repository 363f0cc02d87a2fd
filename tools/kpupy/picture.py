"""Pictures as a model's input: u8 [channels, height, width]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

U8 = npt.NDArray[np.uint8]


def load(path: Path, channels: int, height: int, width: int) -> U8:
    """The picture as R, G, B planes (3 channels) or luminance (1); its size must be the model's."""
    if channels not in (1, 3):
        raise ValueError(f"the model's input has {channels} channels; a picture gives 1 (gray) or 3 (RGB)")
    with Image.open(path) as picture:
        if picture.size != (width, height):
            raise ValueError(f"{path.name} is {picture.width}x{picture.height}, the model's input is {width}x{height}")
        pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def through_rgb565(planes: U8) -> U8:
    """R, G, B planes as they are after a 16-bit image on the board (spec maixpy-image.md 2.2).

    8 → 5 or 6 bits takes the nearest level, and the way back is the rounded level·255/31 or ·255/63.
    """
    levels = np.array([31, 63, 31])[:, None, None]
    coarse = (2 * planes.astype(np.int64) * levels + 255) // 510
    return np.asarray((2 * coarse * 255 + levels) // (2 * levels), dtype=np.uint8)
