"""The runtime on the emulated board: SDK, KPU driver, model in flash. Its results must equal those of the host."""

from __future__ import annotations

import fcntl
import pathlib
import re
import subprocess
import zipfile
import zlib

import pytest
from k210emu import Machine
from kpupy.image import wrap

MODEL_AT = 0x300000
# No exp() in them: equal to the last bit.
EXACT = (
    *("v3_mask.kmodel", "v3_face_at_0x300000.kfpkg"),
    *("v4_mnist112.kmodel", "v4_yolo20.kmodel", "v4_seg128_tiny.kmodel", "v4_maix_asr.kmodel"),
)


@pytest.fixture(scope="session")
def board_program(root: pathlib.Path) -> bytes:
    build = root / "build" / "kmodel" / "board"
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", root / "tests" / "kmodel" / "board"], check=True)
    return (build / "board.bin").read_bytes()


def run_board(program: bytes, model: bytes) -> str:
    with Machine(board="maix_bit") as machine:
        machine.write_flash(0, wrap(program))
        machine.write_flash(MODEL_AT, model)
        machine.boot()
        output = machine.run_until("DONE", timeout_ms=8000).decode().replace("\r", "")
        assert machine.reports == []
    return output


def model_bytes(folder: pathlib.Path, name: str) -> bytes:
    path = folder / name
    if path.suffix != ".kfpkg":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith(".kmodel")))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("v3_iris.kmodel", "v3_mnist.kmodel", "v3_ld5.kmodel", "v3_mask.kmodel", "v3_face_at_0x300000.kfpkg"),
        *("v4_mnist112.kmodel", "v4_yolo20.kmodel", "v4_rfb320.kmodel", "v4_seg128_tiny.kmodel", "v4_maix_asr.kmodel"),
    ],
)
def test_every_layer_equals_the_host(
    board_program: bytes,
    kmodel_build: pathlib.Path,
    shared_models: pathlib.Path,
    tmp_path: pathlib.Path,
    name: str,
) -> None:
    model = model_bytes(shared_models, name)
    (tmp_path / "model").write_bytes(model)
    host = subprocess.run(
        [kmodel_build / "kmodel_run", tmp_path / "model", "--lcg", "--crc", "--output", tmp_path / "out"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    board = run_board(board_program, model)
    layers = re.findall(r"^kpu \d+: .*$", host, re.M)
    assert re.findall(r"^kpu \d+: .*$", board, re.M) == layers
    assert "load 0" in board
    assert "run 0" in board
    assert "heap 0\n" in board
    if name in EXACT:
        output = (tmp_path / "out.0.bin").read_bytes()
        assert f"output 0: {len(output)} bytes crc {zlib.crc32(output):08x}" in board
    if "face" in name:
        found = re.search(r"stats total (\d+) kpu (\d+)", board)
        assert found
        assert int(found[2]) >= 0.9 * int(found[1]), "the KPU is to be busy for 90 % of a run of the face model"


def test_erased_flash(board_program: bytes) -> None:
    board = run_board(board_program, b"\xff" * 64)
    assert "load 2002 erased flash at this address (first bytes ff ff ff ff)" in board
    assert "heap 0\n" in board
