"""What can go wrong with a board, and the exit status that says so (docs/cli/exit-codes.md)."""

from __future__ import annotations

import enum
from collections.abc import Sequence


class Exit(enum.IntEnum):
    """Exit status of every verb."""

    OK = 0
    DATA = 1  # a file or its contents are wrong
    USAGE = 2  # arguments
    PORT = 3  # no port, or it cannot be opened
    NO_ANSWER = 4  # the board does not answer
    TRANSFER = 5  # it stopped answering, or refused, in the middle
    VERIFY = 6  # the flash holds something else
    REFUSED = 7  # would overwrite something, or does not fit
    SCRIPT = 8  # a script raised on the board
    INTERRUPTED = 130


class ToolError(Exception):
    """A failure with what was tried and what to check. `state` says how the board was left, when that matters."""

    def __init__(self, code: Exit, text: str, hints: Sequence[str] = (), state: str = "") -> None:
        super().__init__(text)
        self.code, self.hints, self.state = code, list(hints), state

    def with_state(self, state: str) -> ToolError:
        self.state = self.state or state
        return self

    def lines(self) -> list[str]:
        """The message for a person, one item per line."""
        state = [f"board: {self.state}"] if self.state else []
        return [str(self), *state, *(f"  - {hint}" for hint in self.hints)]

    def as_json(self) -> dict[str, object]:
        return {"error": str(self), "exit": int(self.code), "state": self.state, "hints": self.hints}


class PortGone(ToolError):
    """The port vanished: trying again at another speed is no use."""


def gone(error: Exception) -> PortGone:
    return PortGone(Exit.TRANSFER, f"the port is gone: {error}",
                    ["was the cable unplugged, or the board switched off?", "plug it in again and repeat the command"])
