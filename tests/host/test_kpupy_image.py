"""Boot images: spec isp-flash.md 6.1."""

from __future__ import annotations

import hashlib
import pathlib

import pytest
from kpupy import image
from kpupy.cli import main

# printf '\0\4\0\0\0\x13\0\0\0' | sha256sum
NOP_HASH = "8dd97d586b5c6c140cad013eaa6b855e141ae4058becf395bf64c3226bc7d7e4"


def test_layout_of_an_image() -> None:
    found = image.wrap(b"\x13\0\0\0")
    assert found[:9] == b"\0\4\0\0\0\x13\0\0\0"
    assert found[9:].hex() == NOP_HASH


@pytest.mark.parametrize("size", [1, 63, 64, 65, 70000])
def test_unwrap_is_the_inverse_and_ignores_what_follows(size: int) -> None:
    payload = bytes(i * 7 & 255 for i in range(size))
    assert image.unwrap(image.wrap(payload)) == payload
    assert image.unwrap(image.wrap(payload) + b"\xff" * 100) == payload


def test_every_flipped_bit_is_found() -> None:
    good = image.wrap(bytes(range(16)))
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(image.ImageError):
            image.unwrap(bytes(bad))


def test_a_dual_read_image_is_accepted() -> None:
    head = b"\x02\4\0\0\0abcd"
    assert image.unwrap(head + hashlib.sha256(head).digest()) == b"abcd"


@pytest.mark.parametrize("length", range(41))
def test_truncated(length: int) -> None:
    with pytest.raises(image.ImageError):
        image.unwrap(image.wrap(b"abcd")[:length])


def test_refused_payloads() -> None:
    with pytest.raises(image.ImageError, match="empty"):
        image.wrap(b"")
    with pytest.raises(image.ImageError, match=r"6291457.*6291456"):
        image.wrap(bytes(image.MAX_PAYLOAD + 1))
    with pytest.raises(image.ImageError, match="encrypted"):
        image.unwrap(b"\x01\4\0\0\0abcd" + bytes(32))
    with pytest.raises(image.ImageError, match="not a boot image"):
        image.unwrap(b"\xff" * 64)


def test_command_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, wrapped, back = (tmp_path / name for name in ("a.bin", "b.bin", "c.bin"))
    plain.write_bytes(b"payload")
    assert main(["image", "wrap", str(plain), str(wrapped)]) == 0
    assert main(["image", "unwrap", str(wrapped), str(back)]) == 0
    assert back.read_bytes() == b"payload"
    wrapped.write_bytes(wrapped.read_bytes()[:-1])
    assert main(["image", "unwrap", str(wrapped), str(back)]) == 1
    assert "cut off" in capsys.readouterr().err
    assert main(["image", "wrap", str(tmp_path / "none"), str(back)]) == 1
