"""A board farm on this computer: labgrid's coordinator and exporter with two emulated boards, and tests through it."""

from __future__ import annotations

import fcntl
import pathlib
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hil_support import served

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "labgrid" / "venv" / "bin"
SUBSET = ("tests/device/test_port_repl.py", "tests/device/test_port_machine.py")
CHOICE = "banner or friendly or paste or raw or ctrl_c_interrupts or freq or trap or mem32"
PLACES = ("bit-1", "bit-2")


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """labgrid in an environment of its own; made on the first run, by one of parallel workers."""
    BIN.parent.parent.mkdir(parents=True, exist_ok=True)
    with open(BIN.parent.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [ROOT / "tools/setup/labgrid_venv.sh", sys.executable, BIN.parent]
        subprocess.run(command, check=True, timeout=300)


@dataclass
class Farm:
    address: str
    folder: pathlib.Path
    flashes: dict[str, pathlib.Path]

    def client(self, *arguments: str) -> str:
        command = [BIN / "labgrid-client", "-x", self.address, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=self.folder, check=False)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def environment(self, *places: str) -> pathlib.Path:
        targets = "".join(
            f"  {place}:\n    resources:\n      RemotePlace:\n        name: {place}\n"
            "    drivers:\n    - SerialDriver: {}\n    - K210Driver: {}\n"
            for place in places
        )
        path = self.folder / f"{'-'.join(places)}.yaml"
        path.write_text(
            f"targets:\n{targets}imports:\n- kpupy.testing.labgrid_k210\n"
            f"options:\n  coordinator_address: '{self.address}'\n"
        )
        return path

    def pytest(self, environment: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [BIN / "python", "-m", "pytest", "-p", "no:cacheprovider", f"--target={environment}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=ROOT, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(farm: Farm, text: str, *arguments: str) -> None:
    for _ in range(100):
        command = [BIN / "labgrid-client", "-x", farm.address, *arguments]
        if text in subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout:
            return
        time.sleep(0.1)
    raise AssertionError(f"{text!r} did not come from labgrid-client {' '.join(arguments)}")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, firmware: bytes, environment: None) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    farm = Farm(f"127.0.0.1:{_free_port()}", folder, {place: folder / f"{place}.flash" for place in PLACES})
    with served(farm.flashes["bit-1"], firmware) as first, served(farm.flashes["bit-2"], firmware) as second:
        exports = "".join(
            f"{place}:\n  K210Board:\n    host: localhost\n    port: {board.port.rpartition(':')[2]}\n"
            f"    board: maix_bit\n"
            for place, board in zip(PLACES, (first, second), strict=True)
        )
        (folder / "exports.yaml").write_text(exports)
        log = open(folder / "log.txt", "w")  # noqa: SIM115
        started = [
            subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            for command in (
                [BIN / "labgrid-coordinator", "-l", farm.address],
                [BIN / "labgrid-exporter", "-c", farm.address, "-n", "shelf", "exports.yaml"],
            )
        ]
        try:
            _wait(farm, "shelf/bit-2/K210Board", "resources")
            for place in PLACES:
                farm.client("-p", place, "create")
                farm.client("-p", place, "add-match", f"shelf/{place}/K210Board")
                farm.client("-p", place, "acquire")
            yield farm
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(20)
            log.close()


def test_device_tests_pass_through_the_farm(farm: Farm, tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.xml"
    done = farm.pytest(farm.environment(*PLACES), *SUBSET, "-k", CHOICE, "-n", "2", f"--junitxml={report}")
    assert done.returncode == 0, done.stdout + done.stderr
    suite = ElementTree.parse(report).find("testsuite")
    assert suite is not None and int(suite.get("tests", "0")) > 20
    assert suite.get("failures") == suite.get("errors") == suite.get("skipped") == "0"
    used = {p.get("value") for p in suite.iter("property") if p.get("name") == "target"}
    assert used == set(PLACES)
    assert "needs the emulated board in the test's own process" in done.stdout


def test_reset_programming_mode_and_console(farm: Farm) -> None:
    """The driver by itself: the boot ROM answers a greeting, the firmware starts."""
    script = """
import sys
from labgrid import Environment
driver = Environment(sys.argv[1]).get_target("bit-2").get_driver("K210Driver")
console = driver.console
driver.reset()
console.expect("init end", timeout=10)
print("board", driver.kind.id, driver.kind.wiring.value)
driver.enter_isp()
console.serial.reset_input_buffer()
console.write(bytes.fromhex("c0c200000000000000000000000000c0"))
answer = console.read(size=4, timeout=5)
print("answer", answer.hex())
driver.reset()
console.expect("init end", timeout=10)
print("running again")
"""
    command = [BIN / "python", "-c", script, farm.environment("bit-2")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=farm.folder, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "board maix_bit dan" and lines[1].startswith("answer c0c2e0") and lines[2] == "running again"


def test_other_firmware_is_flashed_through_the_farm(farm: Farm, firmware: bytes, tmp_path: pathlib.Path) -> None:
    """A hash that differs: the same program with one more byte behind it."""
    from kpupy import image

    other = image.wrap(image.unwrap(firmware) + b"\0")
    (tmp_path / "other.img").write_bytes(other)
    done = farm.pytest(farm.environment("bit-1"), SUBSET[0], "-k", "help", f"--firmware={tmp_path / 'other.img'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert farm.flashes["bit-1"].read_bytes()[: len(other)] == other


def test_a_place_that_is_not_acquired_says_so(farm: Farm) -> None:
    farm.client("-p", "bit-2", "release")
    try:
        done = farm.pytest(farm.environment("bit-2"), SUBSET[0], "-k", "help")
    finally:
        farm.client("-p", "bit-2", "acquire")
    assert done.returncode not in (0, 5)
    assert "bit-2" in done.stdout and "acquired" in done.stdout, done.stdout + done.stderr


def test_without_labgrid_a_farm_says_what_is_missing(firmware_path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "farm.yaml").write_text("targets:\n  a:\n    drivers:\n    - K210Driver: {}\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--target={tmp_path / 'farm.yaml'}",
        SUBSET[0],
    ]
    done = subprocess.run([*command, "-k", "help"], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "labgrid is not installed here; see requirements-labgrid.txt" in done.stdout
