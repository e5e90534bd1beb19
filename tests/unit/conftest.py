"""The fixtures of stand.py, by name."""

from tests.unit.stand import api, stand

__all__ = ["api", "stand"]
