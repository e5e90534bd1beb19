"""Versions of Docker's engine, and which of them a host may have. Pure."""

from typing import Final, NamedTuple

Version = tuple[int, int]


class Engines(NamedTuple):
    """The engines that a host may have: from the oldest to the newest. What only some of them refuse may work."""

    oldest: Version
    newest: Version

    def all_before(self, version: Version) -> bool:
        """Whether each of them is older than `version`."""
        return self.newest < version

    def all_since(self, version: Version) -> bool:
        """Whether each of them is `version` or newer."""
        return self.oldest >= version

    def __str__(self) -> str:
        ends = [f"{major}.{minor}" for major, minor in self]
        return " to ".join(dict.fromkeys(ends))


EVERY: Final = Engines((20, 10), (29, 99))
"""Every engine whose options are known here."""
