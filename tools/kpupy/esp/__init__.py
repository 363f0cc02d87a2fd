"""The boards' ESP8285 and ESP32 co-processors: `kpupy esp`."""
