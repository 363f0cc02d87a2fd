"""labgrid: a K210 board with its console, reset and boot lines on one serial port.

Name this module under `imports:` of an environment. The resource K210Board may be exported by labgrid-exporter as it
is; for a board on a USB port export USBSerialPort (its ser2net speaks RFC 2217, which carries the lines). Either binds.
"""

from __future__ import annotations

from collections.abc import Mapping

import attr
from labgrid.driver import Driver, SerialDriver
from labgrid.factory import target_factory
from labgrid.protocol import ResetProtocol
from labgrid.resource import NetworkSerialPort
from labgrid.util.proxy import proxymanager

from kpupy import boards, lines

from . import flashing
from .link import SerialLink


@target_factory.reg_resource
@attr.s(eq=False)
class K210Board(NetworkSerialPort):
    """A board behind an RFC 2217 port, with what it is.

    Args:
        board (str): id in boards/, alias or kflash name
    """

    board = attr.ib(default="maix_bit", validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class K210Driver(Driver, ResetProtocol):
    """Reset, serial programming mode, flashing and the console of a K210 board.

    Args:
        board (str): what it is, if the resource does not say so
    """

    bindings = {"console": SerialDriver}  # noqa: RUF012 (labgrid reads it from the class)

    board = attr.ib(default="", validator=attr.validators.instance_of(str))

    @property
    def kind(self) -> boards.Board:
        return boards.find(self.board or getattr(self.console.port, "board", "maix_bit"))

    def _wiring(self) -> boards.Wiring:
        wiring = self.kind.wiring
        if wiring is None:
            raise ValueError(f"the wiring of {self.kind.id}'s reset lines is not known: give K210Driver a kflash name")
        return wiring

    @property
    def url(self) -> str:
        """The console's port for pyserial, on this computer or through labgrid's proxy."""
        port = self.console.port
        if not isinstance(port, NetworkSerialPort):
            return str(port.port)
        host, number = proxymanager.get_host_and_port(port)
        if port.protocol != "rfc2217":
            return f"socket://{host}:{number}"
        return f"rfc2217://{host}:{number}?ign_set_control&timeout={self.console.timeout}"

    @Driver.check_active
    def reset(self) -> None:
        """Reset to the firmware in flash."""
        lines.play(self.console.serial, lines.BOOT[self._wiring()])

    @Driver.check_active
    def enter_isp(self) -> None:
        """Reset into the boot ROM's serial programming mode; the lines stay as they are in it."""
        lines.play(self.console.serial, lines.ENTER_ISP[self._wiring()])

    @Driver.check_active
    def flash(self, parts: Mapping[int, bytes]) -> None:
        """Write and verify `parts` by flash address; then the firmware runs. The console is closed meanwhile."""
        self.console.close()
        try:
            flashing.write(self.url, self.kind.id, parts)
        finally:
            self.console.open()

    @Driver.check_active
    def link(self) -> SerialLink:
        """The console for kpupy.testing.Dut."""
        return SerialLink(self.console.serial, wiring=self.kind.wiring)
