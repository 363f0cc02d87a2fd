"""Flash, erase and ask the co-processor, as functions; esptool is the engine (spec isp-flash.md 12.3)."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import esptool  # type: ignore[import-untyped]
from esptool.targets import ESP32ROM, ESP8266ROM  # type: ignore[import-untyped]
from esptool.util import FatalError  # type: ignore[import-untyped]

from kpupy import isp, ports
from kpupy.boards import Board
from kpupy.errors import Exit, ToolError
from kpupy.esp import log, passthrough
from kpupy.esp.passthrough import PassThrough
from kpupy.esp.settings import KEEP, Settings
from kpupy.progress import Reporter
from kpupy.session import Session

ROMS = {"esp8266": ESP8266ROM, "esp32": ESP32ROM}
START_BAUD = 115200
RESET_S = 0.1
BOOT_S = 0.05
SYNC_TRIES = 2  # of esptool after each reset; ours are counted in seconds
SECTOR = 4096
FLASH_SIZES = {0x12: "256KB", 0x13: "512KB", 0x14: "1MB", 0x15: "2MB", 0x16: "4MB", 0x17: "8MB", 0x18: "16MB"}
TOUCHED = "the co-processor's flash is partly written or erased: repeat the command"


@dataclass(frozen=True)
class Options:
    """`wait_s`: how long to try, for a person to connect GPIO0. `stub`: load esptool's stub, which verifies."""

    port: str = ports.AUTO
    baud: int | None = None
    stub: bool = True
    manual: bool = False
    wait_s: float = 10.0


class Link:
    """A connected boot loader."""

    def __init__(self, loader: Any, logger: log.ReporterLogger, settings: Settings, stub: bool) -> None:
        self.loader, self.logger, self.settings, self.stub = loader, logger, settings, stub
        self.attached = False

    def attach_flash(self) -> None:
        if not self.attached:
            esptool.attach_flash(self.loader)
            self.attached = True

    def flash_size(self) -> tuple[int, str | None]:
        """JEDEC id, and its size as esptool writes it."""
        self.attach_flash()
        identity = int(self.loader.flash_id())
        return identity, FLASH_SIZES.get(identity >> 16)


@contextlib.contextmanager
def connected(board: Board, settings: Settings, options: Options, reporter: Reporter) -> Iterator[Link]:
    """The co-processor in its boot loader; left running its firmware, with the port free."""
    logger = log.use(reporter)
    baud = options.baud or settings.baud
    if baud != START_BAUD and settings.chip == "esp8266" and not options.stub:
        raise ToolError(Exit.USAGE, f"the boot loader of the {settings.name} stays at {START_BAUD} baud",
                        ["leave --baud away, or let the stub be loaded: no --no-stub"])
    way = _through_k210 if settings.via == "k210" else _directly
    with _explained(settings, logger), way(board, settings, options, reporter) as rom:
        loader = esptool.run_stub(rom) if options.stub else rom
        link = Link(loader, logger, settings, options.stub)
        if baud != START_BAUD:
            loader.change_baud(baud)
        yield link


@contextlib.contextmanager
def _explained(settings: Settings, logger: log.ReporterLogger) -> Iterator[None]:
    """esptool's and the port's failures as ours."""
    try:
        yield
    except FatalError as error:
        raise ToolError(Exit.TRANSFER, f"{settings.name}: {_first_line(error)}",
                        ["try a lower --baud", "try again with --no-stub", *logger.lines[-1:]]) from error
    except OSError as error:
        raise isp.gone(error) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["failed"])[0]


# ---- through the K210


@contextlib.contextmanager
def _through_k210(board: Board, settings: Settings, options: Options, reporter: Reporter) -> Iterator[Any]:
    code = passthrough.program(settings)
    with Session(options.port, board, manual=options.manual, reporter=reporter) as session:
        rom = isp.Rom(session.port) if options.manual else session.rom()
        rom.write(isp.SRAM, code, lambda done, total: reporter.progress("load pass-through", done, total))
        rom.boot()
        port = PassThrough(session.port)
        port.greet()
        try:
            yield _enter_loader(port, settings, options.wait_s, reporter)
            _tell_losses(port, reporter)
        finally:
            with contextlib.suppress(ToolError, OSError):
                _leave_loader(port, settings)
            if options.manual:
                with contextlib.suppress(ToolError, OSError):
                    port.reset_k210()
        if settings.gpio0 is None:
            reporter.note(f"take the wire off the {settings.name}'s GPIO0 and reset the board to start its firmware")


def _enter_loader(port: PassThrough, settings: Settings, wait_s: float, reporter: Reporter) -> Any:
    """Resets the chip into its loader until it answers."""
    end = time.monotonic() + wait_s
    for attempt in itertools.count():
        _reset(port, settings, loader=True)
        chip = ROMS[settings.chip](port, START_BAUD)
        try:
            chip.connect("no-reset", attempts=SYNC_TRIES, warnings=False)
            return chip
        except FatalError as error:
            if _tells_another_chip(error):
                raise _other_chip(settings, error) from error
            if time.monotonic() >= end:
                raise _no_answer(settings, wait_s) from error
            if attempt == 0 and settings.gpio0 is None:
                reporter.note(f"no answer yet: {settings.hint}; trying for {wait_s:.0f} s")


def _tell_losses(port: PassThrough, reporter: Reporter) -> None:
    from_host, from_esp = port.lost()
    if from_host or from_esp:
        reporter.warn(f"the pass-through program had no room for {from_host} bytes from here and {from_esp} from the "
                      "co-processor: a lower --baud helps")


def _reset(port: PassThrough, settings: Settings, *, loader: bool) -> None:
    if settings.gpio0 is not None:
        port.set_gpio0(not loader)
    if settings.en is not None:
        port.set_en(False)
        time.sleep(RESET_S)
        port.set_en(True)
        time.sleep(BOOT_S)
    port.reset_input_buffer()


def _leave_loader(port: PassThrough, settings: Settings) -> None:
    if port.baudrate != START_BAUD:
        port.baudrate = START_BAUD
    _reset(port, settings, loader=False)


def _no_answer(settings: Settings, seconds: float) -> ToolError:
    hints = [] if settings.gpio0 is not None else [settings.hint]
    if settings.en is None:
        hints.append("its reset is not wired to the K210: reset it while the command runs, --wait gives more time")
    hints += [f"is there an {settings.name} on this board? --board names the board",
              f"no wire or shield may hold IO{settings.rx} or IO{settings.tx}"]
    return ToolError(Exit.NO_ANSWER, f"the boot loader of the {settings.name} did not answer for {seconds:.0f} s",
                     hints, "the K210 and the co-processor run their firmware again")


def _tells_another_chip(error: BaseException) -> bool:
    return "This chip is" in str(error) or "Unexpected chip" in str(error)


def _other_chip(settings: Settings, error: BaseException) -> ToolError:
    return ToolError(Exit.NO_ANSWER, f"the co-processor is not an {settings.name}: {_first_line(error)}",
                     ["is --board right?"])


# ---- by its own USB port


@contextlib.contextmanager
def _directly(board: Board, settings: Settings, options: Options, reporter: Reporter) -> Iterator[Any]:
    name = options.port if options.port != ports.AUTO else _own_port(board, settings)
    ports.open_port(name).close()  # says better than esptool why it cannot be opened
    reporter.note(f"{name}: resetting the {settings.name} into its boot loader")
    with ROMS[settings.chip](name, START_BAUD) as chip:  # by name, so that it knows how to move the lines
        _connect_by_lines(chip, name, settings, options.wait_s)
        try:
            yield chip
        finally:
            with contextlib.suppress(FatalError, OSError):
                esptool.reset_chip(chip, "hard-reset")


def _connect_by_lines(chip: Any, name: str, settings: Settings, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            chip.connect("default-reset", attempts=1, warnings=False)
            return
        except FatalError as error:
            if _tells_another_chip(error):
                raise _other_chip(settings, error) from error
            if time.monotonic() >= end:
                raise ToolError(Exit.NO_ANSWER, f"the boot loader of the {settings.name} did not answer on {name}",
                                [settings.hint, "name another channel of the same bridge with --port"]) from error


def _own_port(board: Board, settings: Settings) -> str:
    found = [f for f in ports.scan() if board.usb_id and f.usb_id == board.usb_id]
    wanted = ("first", "second").index(settings.port) if settings.port in ("first", "second") else 0
    names = [f.device for f in found if f.channels == 1 or f.channel == wanted]
    if len(names) != 1:
        what = f"several {board.product}: {', '.join(names)}" if names else f"no {board.product} found"
        raise ToolError(Exit.PORT, what, [f"name the port of the {settings.name} with --port", settings.hint])
    return names[0]


# ---- verbs


def flash(link: Link, parts: Sequence[tuple[int, bytes]], *, erase_all: bool = False) -> bool:
    """Write (address, data) pairs; True if the contents were compared by MD5 afterwards."""
    settings = link.settings
    check_parts(parts)
    _check_size(link, parts)
    link.logger.what = "write ESP flash"
    with _touching(f"writing the flash of the {settings.name}"):
        esptool.write_flash(link.loader, list(parts), flash_mode=settings.flash_mode,
                            flash_freq=settings.flash_freq, flash_size=settings.flash_size, erase_all=erase_all,
                            no_compress=not link.stub)
    return link.stub or settings.chip != "esp8266"


@contextlib.contextmanager
def _touching(what: str) -> Iterator[None]:
    """Whatever ends this early says that the flash is not what it was."""
    try:
        yield
    except ToolError as error:
        raise error.with_state(TOUCHED) from error
    except KeyboardInterrupt:
        raise ToolError(Exit.INTERRUPTED, "interrupted", state=TOUCHED) from None
    except FatalError as error:
        raise ToolError(Exit.TRANSFER, f"{what} failed: {_first_line(error)}",
                        ["try a lower --baud", "try again with --no-stub"], TOUCHED) from error


def check_parts(parts: Sequence[tuple[int, bytes]]) -> None:
    """What can be said about (address, data) pairs without asking the chip."""
    end, last = 0, -1
    for address, data in sorted(parts):
        if not data:
            raise ToolError(Exit.DATA, f"the file for 0x{address:x} is empty")
        if address < 0 or address % SECTOR:
            raise ToolError(Exit.USAGE, f"address {address:#x} is not a multiple of {SECTOR}")
        if last >= 0 and address < end:
            raise ToolError(Exit.REFUSED, f"what goes to 0x{last:x} ends at 0x{end:x} and overlaps 0x{address:x}")
        end, last = address + len(data), address


def _check_size(link: Link, parts: Sequence[tuple[int, bytes]]) -> None:
    _, size = link.flash_size()
    for address, data in parts:
        end = address + len(data)
        if size and end > _bytes(size):
            raise ToolError(Exit.REFUSED, f"{len(data)} bytes at 0x{address:x} end at 0x{end:x}, beyond the "
                                          f"{size} of flash")


def _bytes(size: str) -> int:
    return int(size[:-2]) * (1 << 20 if size.endswith("MB") else 1 << 10)


def check_erase(settings: Settings, stub: bool, region: tuple[int, int] | None) -> None:
    """What can be said about erasing (address, length) without asking the chip."""
    if settings.chip == "esp8266" and not stub:
        raise ToolError(Exit.USAGE, f"the boot loader of the {settings.name} cannot erase",
                        ["let the stub be loaded: no --no-stub"])
    if region is None:
        if not stub:
            raise ToolError(Exit.USAGE, f"the boot loader of the {settings.name} erases parts only",
                            ["let the stub be loaded: no --no-stub"])
    elif region[0] % SECTOR or region[1] % SECTOR or region[0] < 0 or region[1] <= 0:
        raise ToolError(Exit.USAGE, f"address {region[0]:#x} and length {region[1]:#x} must be multiples of {SECTOR}")


def erase(link: Link, region: tuple[int, int] | None = None) -> None:
    """Erase everything, or (address, length) in whole sectors."""
    check_erase(link.settings, link.stub, region)
    _, size = link.flash_size()
    if region and size and sum(region) > _bytes(size):
        raise ToolError(Exit.REFUSED, f"0x{region[0]:x} + 0x{region[1]:x} is beyond the {size} of flash")
    with _touching(f"erasing the flash of the {link.settings.name}"):
        if region:
            esptool.erase_region(link.loader, *region)
        else:
            esptool.erase_flash(link.loader)


def info(link: Link) -> dict[str, Any]:
    """Chip, features, MAC address, crystal, flash."""
    loader = link.loader
    mac = loader.read_mac()
    identity, size = link.flash_size()
    return {
        "chip": loader.get_chip_description(), "features": list(loader.get_chip_features()),
        "mac": ":".join(f"{byte:02x}" for byte in mac), "crystal_mhz": loader.get_crystal_freq(),
        "flash": {"manufacturer": identity & 0xFF, "device": (identity >> 8 & 0xFF) << 8 | identity >> 16,
                  "size": size if size != KEEP else None},
    }  # fmt: skip
