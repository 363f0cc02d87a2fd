"""Crash dumps on the console: the registers a firmware prints before it gives up (spec maixpy-system.md 7.10)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_START = re.compile(r"core dump: ([^\r\n]+)")
_CAUSE = re.compile(r"Cause 0x([0-9a-fA-F]+), EPC 0x([0-9a-fA-F]+)(?:, address 0x([0-9a-fA-F]+))?(?:, hart (\d+))?")
_REGISTER = re.compile(r"(?<![\w.])(ra|sp|gp|tp|[ast]\d{1,2})\)?(?:\s+|\s*=\s*)0x([0-9a-fA-F]+)")


@dataclass
class Crash:
    """One dump. Of a fault that is no trap only the reason is known."""

    reason: str
    cause: int | None = None
    epc: int | None = None
    address: int | None = None
    hart: int | None = None
    registers: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        return {"reason": self.reason, "cause": self.cause, "epc": self.epc, "address": self.address,
                "hart": self.hart, "registers": dict(self.registers)}  # fmt: skip


def parse(text: str) -> list[Crash]:
    """Every crash dump in console text, in order; text around and after them is ignored."""
    starts = list(_START.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)][: len(starts)]
    return [_one(start[1].strip(), text[start.end() : end]) for start, end in zip(starts, ends, strict=True)]


def _one(reason: str, rest: str) -> Crash:
    crash = Crash(reason)
    cause = _CAUSE.match(rest.lstrip("\r\n"))
    if cause is None:
        return crash
    crash.cause, crash.epc = int(cause[1], 16), int(cause[2], 16)
    crash.address = int(cause[3], 16) if cause[3] else None
    crash.hart = int(cause[4]) if cause[4] else None
    for line in rest.lstrip("\r\n")[cause.end() :].lstrip("\r\n").splitlines():
        found = _REGISTER.findall(line)
        if line.strip() and not found:
            break
        crash.registers.update({name: int(value, 16) for name, value in found})
    return crash
