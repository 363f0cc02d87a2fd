"""The boards' ESP8285 and ESP32 co-processors: `kpupy esp`.

esptool, the engine, is imported only by the verbs that use it.
"""

from kpupy.esp.command import add_parser

__all__ = ["add_parser"]
