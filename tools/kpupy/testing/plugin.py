"""pytest plugin: tests that run on a K210 board or on the emulated one (docs/testing.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kpupy.testing import report, targets
from kpupy.testing.link import BoardLost

if TYPE_CHECKING:
    from kpupy.testing.board import SessionBoard
    from kpupy.testing.dut import Dut

BOARD = pytest.StashKey["SessionBoard"]()
TARGETS = pytest.StashKey["list[targets.Target]"]()
LACKING = pytest.StashKey["dict[str, list[str]]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kpupy", "boards with the K210")
    group.addoption("--target", default=targets.EMULATED, metavar="TARGET",
                    help="board to test on: emu (default), auto (the first found by its USB id), a serial device, "
                         "rfc2217://HOST:PORT, socket://HOST:PORT, LIST.toml with several, or a labgrid environment "
                         "ENV.yaml")  # fmt: skip
    group.addoption("--board", default="maix_bit", metavar="NAME",
                    help="what the target is, if it does not say so itself: an id from boards/, an alias or a kflash "
                         "name (default: %(default)s)")  # fmt: skip
    group.addoption("--target-baud", type=int, default=115200, metavar="BAUD", help="of the console (default: 115200)")
    group.addoption("--firmware", type=Path, metavar="FILE",
                    help="boot image under test; flashed once per session where the board has another one "
                         "(default: $KPUPY_FIRMWARE, or build/firmware/BOARD/firmware.img)")  # fmt: skip
    group.addoption("--hil-report", type=Path, metavar="FILE", help="write one HTML page about the run there")


def pytest_configure(config: pytest.Config) -> None:
    for need, text in targets.NEEDS.items():
        config.addinivalue_line("markers", f"{need}: needs {text}; deselected on boards without")
    for text in ("setDaemon", "setName"):  # pyserial 3.5 on newer Pythons
        config.addinivalue_line("filterwarnings", f"ignore:{text}:DeprecationWarning:serial.rfc2217")
    config.stash[LACKING] = {}
    if (path := config.getoption("--hil-report")) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(report.Page(path, config), "kpupy-hil-report")


def chosen(config: pytest.Config) -> list[targets.Target]:
    """The targets of --target. A wrong one ends the run with what is wrong about it."""
    if TARGETS not in config.stash:
        try:
            config.stash[TARGETS] = targets.parse(config.getoption("--target"), config.getoption("--board"),
                                                  config.getoption("--target-baud"))  # fmt: skip
        except targets.TargetError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[TARGETS]


def _worker(config: pytest.Config) -> int:
    worker: str = getattr(config, "workerinput", {}).get("workerid", "gw0")
    return int(worker.removeprefix("gw"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """-n auto: one worker per board."""
    found = chosen(config)
    return None if any(target.emulated for target in found) else len(found)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    workers = getattr(config.option, "numprocesses", None) or 0
    if workers > 1 and not hasattr(config, "workerinput"):
        boards = chosen(config)
        if not any(target.emulated for target in boards) and workers > len(boards):
            raise pytest.UsageError(f"-n {workers}, but --target has {len(boards)} boards: use -n {len(boards)}")


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("--target") == targets.EMULATED:
        return None
    return "target: " + ", ".join(f"{target.name} ({target.board})" for target in chosen(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects what the board lacks; of several boards each must have it, because any may get the test."""
    here, away = [], []
    for item in items:
        needs = [mark.name for mark in item.iter_markers() if mark.name in targets.NEEDS]
        reason = next((why for need in needs for target in chosen(config) if (why := target.missing(need))), None)
        if reason is None:
            here.append(item)
        else:
            away.append(item)
            config.stash[LACKING].setdefault(reason, []).append(item.nodeid)
    if away:
        items[:] = here
        config.hook.pytest_deselected(items=away)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if BOARD in config.stash:
        config.stash[BOARD].close()
    if hasattr(config, "workeroutput"):
        config.workeroutput["kpupy_lacking"] = config.stash[LACKING]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Every worker of a parallel run deselects the same tests: tell once."""
    node.config.stash[LACKING].update(getattr(node, "workeroutput", {}).get("kpupy_lacking", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for reason, tests in config.stash[LACKING].items():
        terminalreporter.write_line(f"deselected {len(tests)}: {reason}")


# Fixtures


@pytest.fixture(scope="session")
def firmware_path(pytestconfig: pytest.Config) -> Path:
    """The boot image under test."""
    board = chosen(pytestconfig)[0].board
    built = pytestconfig.rootpath / "build" / "firmware" / board / "firmware.img"
    path: Path = pytestconfig.getoption("--firmware") or Path(os.environ.get("KPUPY_FIRMWARE", built))
    if not path.is_file():
        pytest.fail(f"{path} is missing: run `make firmware`, or give --firmware", pytrace=False)
    return path


@pytest.fixture(scope="session")
def firmware(firmware_path: Path) -> bytes:
    """The boot image under test: header, payload, SHA-256."""
    return firmware_path.read_bytes()


@pytest.fixture(scope="session")
def session_board(pytestconfig: pytest.Config, firmware: bytes) -> Iterator[SessionBoard]:
    """The board of this session, for tests that want other contents than `dut` has."""
    from kpupy.testing.board import open_board

    try:
        target, lock = targets.choose(chosen(pytestconfig), _worker(pytestconfig))
    except targets.TargetError as error:
        pytest.fail(str(error), pytrace=False)
    board = open_board(target, firmware)
    pytestconfig.stash[BOARD] = board
    yield board
    board.close()
    if lock:
        lock.release()


@pytest.fixture
def dut(session_board: SessionBoard) -> Iterator[Dut]:
    """A started board with an empty file system."""
    with session_board.started() as board:
        yield board


@pytest.fixture
def blank_board(session_board: SessionBoard) -> Iterator[Dut]:
    """A board that has the firmware and no file system, not yet started."""
    with session_board.blank() as board:
        yield board


# Reports


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Boards that live longer than a test tell each test only its own part of the log."""
    board = item.config.stash.get(BOARD, None)
    if board:
        board.duts[:] = [dut for dut in board.duts if dut.closed_state is None]
        for dut in board.duts:
            dut.mark = len(dut.log)
            dut.shown.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    result: pytest.TestReport = yield
    board = item.config.stash.get(BOARD, None)
    if board is None or not (call.when == "call" or (call.when == "setup" and result.failed)):
        return result
    if duts := list(dict.fromkeys(board.duts)):
        report.attach(item, result, duts, board.target)
    if not board.target.emulated and call.excinfo and call.excinfo.errisinstance(BoardLost):
        item.session.shouldstop = f"the board is gone in {item.nodeid}: {call.excinfo.value}"
    return result
