"""The error that every reader and writer of model files raises."""

from __future__ import annotations


class KModelError(ValueError):
    """A file that is no kmodel, a kmodel that must not be run, or a request that no kmodel can hold."""
