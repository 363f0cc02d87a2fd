"""Progress of long work: a bar with speed and time left on a terminal, JSON lines for scripts, or nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]


class Reporter:
    """What the library tells while it works. This one is silent."""

    def note(self, text: str) -> None:
        """A step has begun, or something is worth knowing."""

    def warn(self, text: str) -> None:
        """Something went wrong and was dealt with."""

    def progress(self, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes; a bar ends when they are equal."""

    def close(self) -> None:
        """No more bars."""


class Terminal(Reporter):
    """For people, on standard error; bars only on a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what, self._done = "", 0

    def note(self, text: str) -> None:
        self.close()
        print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        self.note(f"warning: {text}")

    def progress(self, what: str, done: int, total: int) -> None:
        if self._bar is None or self._what != what or done < self._done:
            self.close()
            self._what, self._done = what, 0
            self._bar = tqdm(total=total, desc=f"{what:24.24s}", unit="B", unit_scale=True, unit_divisor=1024,
                             file=sys.stderr, dynamic_ncols=True, mininterval=0.2, disable=None)
        self._bar.update(done - self._done)
        self._done = done
        if done >= total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class JsonLines(Reporter):
    """For scripts, on standard error: one object per line. The result itself goes to standard output."""

    def __init__(self) -> None:
        self._percent: tuple[str, int] = ("", -1)

    def _print(self, **fields: object) -> None:
        print(json.dumps(fields), file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        self._print(event="note", text=text)

    def warn(self, text: str) -> None:
        self._print(event="warning", text=text)

    def progress(self, what: str, done: int, total: int) -> None:
        percent = (what, 100 * done // max(total, 1))
        if percent != self._percent:
            self._percent = percent
            self._print(event="progress", what=what, done=done, total=total)
