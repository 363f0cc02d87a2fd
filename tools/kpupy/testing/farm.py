"""Boards of a labgrid farm as targets: --target=ENV.yaml (docs/testing.md).

labgrid is imported only here and in labgrid_k210: it needs its own fork of pyserial and so an environment of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .link import BoardLost, SerialLink
from .targets import Target, TargetError

if TYPE_CHECKING:
    from .labgrid_k210 import K210Driver


def from_environment(path: Path, board: str) -> list[Target]:
    """A target for each of the environment's targets that has a K210Driver; its `board` wins over the given one."""
    try:
        import yaml

        data: Any = yaml.safe_load(path.read_text())
    except ImportError as error:
        raise TargetError(f"{path}: {error.name} is not installed; see requirements-labgrid.txt") from error
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TargetError(f"{path}: {error}") from error
    found = []
    for name, entry in ((data or {}).get("targets") or {}).items():
        drivers = entry.get("drivers") or {}
        settings = {key: value for item in (drivers if isinstance(drivers, list) else [drivers])
                    for key, value in (item.items() if isinstance(item, dict) else [(item, {})])}  # fmt: skip
        if "K210Driver" in settings:
            kind = (settings["K210Driver"] or {}).get("board", board)
            found.append(Target(f"{path}#{name}", name, kind))
    if not found:
        raise TargetError(f"{path}: no target has a K210Driver")
    return found


@functools.cache
def driver(target: Target) -> K210Driver:
    """The active driver of a farm target. BoardLost if the place is not acquired or its exporter is away."""
    try:
        from labgrid import Environment
        from labgrid.binding import BindingError
        from labgrid.exceptions import NoSupplierFoundError
        from labgrid.remote.client import UserError
    except ImportError as error:
        raise BoardLost(f"{error.name} is not installed here; see requirements-labgrid.txt") from error

    path, _, name = target.port.rpartition("#")
    try:
        place: K210Driver = Environment(path).get_target(name).get_driver("K210Driver")
    except (NoSupplierFoundError, BindingError, UserError, OSError) as error:
        raise BoardLost(f"{target.name}: {error}") from error
    return place


class FarmAccess:
    """A board that labgrid reaches."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def connect(self) -> SerialLink:
        link: SerialLink = driver(self._target).link()
        return link

    def flash(self, parts: Mapping[int, bytes]) -> None:
        driver(self._target).flash(parts)

    def url(self) -> str:
        return driver(self._target).url
