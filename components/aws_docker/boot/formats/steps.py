"""What user-data has a machine do, step by step: write a file, run a script, install packages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum


class Phase(IntEnum):
    """When cloud-init gets to something (cloud.cfg: cloud_init_modules, cloud_config_modules, cloud_final_modules)."""

    BOOTHOOK = 0
    BOOTCMD = 1
    FILES = 2
    PACKAGES = 3
    DEFERRED_FILES = 4
    SCRIPTS = 5
    RUNCMD = 6


@dataclass(frozen=True, slots=True)
class WriteFile:
    path: str
    content: str
    append: bool
    where: str


@dataclass(frozen=True, slots=True)
class RunScript:
    text: str
    where: Callable[[int], str]
    language: str = "shell"


@dataclass(frozen=True, slots=True)
class InstallPackages:
    names: tuple[str, ...]
    where: str


Step = WriteFile | RunScript | InstallPackages


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    steps: list[tuple[Phase, Step]] = field(default_factory=list[tuple[Phase, Step]])
    unread: list[str] = field(default_factory=list[str])
    texts: list[tuple[str, str | bytes]] = field(default_factory=list[tuple[str, str | bytes]])
    """What was decoded, with where it stands: to be searched for keys."""
    parts: int = 0
    elsewhere: set[str] = field(default_factory=set[str])
    """Which of `unread` stand for what is fetched from elsewhere, or depends on the machine."""

    def note_elsewhere(self, sentence: str) -> None:
        """Notes what is not in the user-data."""
        self.unread.append(sentence)
        self.elsewhere.add(sentence)

    def in_order(self) -> list[Step]:
        """The steps as a machine takes them."""
        return [step for _, step in sorted(self.steps, key=lambda each: each[0])]
