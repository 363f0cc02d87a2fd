"""The runtime under AddressSanitizer and UBSan, as a server that loads and runs models."""

from __future__ import annotations

import fcntl
import json
import pathlib
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest


@dataclass
class Tensor:
    """A result: bytes and what the runtime says about them."""

    data: bytes
    type: int
    space: int
    shape: tuple[int, int, int]  # w, h, c
    n: int = 1
    dims: tuple[int, ...] = ()  # all axes, V5

    @property
    def f32(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        assert self.type == 1
        return np.frombuffer(self.data, "<f4")

    @property
    def u8(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        assert self.type == 0
        return np.frombuffer(self.data, np.uint8)


class Answer:
    """What happened to one job."""

    def __init__(self, line: str) -> None:
        self.raw: dict[str, Any] = json.loads(line)
        assert self.raw["leaked"] == 0, self.raw

    @property
    def error(self) -> tuple[int, str]:
        """Code and detail of the step that failed, (0, "") when none did."""
        for step in ("load", "set_layers", "set_output_shape", "run"):
            if self.raw.get(step, {"code": 0})["code"]:
                return self.raw[step]["code"], self.raw[step]["detail"]
        return 0, ""

    @property
    def outputs(self) -> list[Tensor]:
        assert self.error == (0, "")
        return [
            Tensor(bytes.fromhex(o["data"]), o["type"], o["space"], tuple(o["shape"]), o["n"], tuple(o["dims"]))
            for o in self.raw["outputs"]
        ]


class Runtime:
    """Talks to build/kmodel/sanitized/test_kmodel."""

    def __init__(self, program: pathlib.Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def job(
        self,
        model: bytes,
        data: bytes = b"",
        *,
        input_type: int = 2,
        shape: tuple[int, int, int] = (0, 0, 0),
        layers: int = 0,
        memory_limit: int = 0,
        fail_alloc: int = 0,
        stop_load: int = 0,
        stop_run: int = 0,
        kpu_result: int = 0,
        fail_read: int = 0,
        profile: str = "B",
        output_shape: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> Answer:
        """Load `model`, run it on `data`; see job_t in test_kmodel.c."""
        head = struct.pack(
            "<18I",
            *(len(model), len(data), input_type, *shape, layers, memory_limit),
            *(fail_alloc, stop_load, stop_run, kpu_result, fail_read, ord(profile)),
            *output_shape,
        )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(head + model + data)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the runtime died: see the sanitizer's report on stderr"
        return Answer(line.decode())

    def load_error(self, model: bytes) -> tuple[int, str]:
        """Code and detail of loading; (0, "") when the model loads."""
        load = self.job(model).raw["load"]
        return load["code"], load["detail"]


@pytest.fixture(scope="session")
def kmodel_build(root: pathlib.Path) -> pathlib.Path:
    """Directory of the sanitized build, up to date."""
    build = root / "build" / "kmodel" / "sanitized"
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", root / "components" / "kmodel", "SANITIZE=1"], check=True)
    return build


@pytest.fixture(scope="session")
def runtime(kmodel_build: pathlib.Path) -> Iterator[Runtime]:
    server = Runtime(kmodel_build / "test_kmodel")
    yield server
    assert server.process.stdin
    server.process.stdin.close()
    assert server.process.wait(30) == 0
