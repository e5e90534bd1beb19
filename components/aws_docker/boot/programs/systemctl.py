"""What starts services: systemctl and its like, and what they write.

Which programs the services then start is machine/services.py's.
"""

import re
from typing import Final

from ..machine import services
from ..machine.state import UNKNOWN, base, names
from ..shell.port import Scope
from .files import copy_files
from .program import Program, Rows

_ASKED: Final = names(
    "is-active is-enabled is-failed status show list-units list-unit-files list-dependencies"
)
_STARTS: Final = names("start restart --now reload reload-or-restart try-restart isolate daemon-reexec")
_BRINGS_UP: Final = names(
    "start restart enable unmask --now reload reload-or-restart try-restart edit on add"
)


def _systemctl(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if not word.startswith("-") and word != "FragmentPath"]
    verb = words[0] if words else ""
    units = [name if "." in base(name) else name + ".service" for name in words[1:]]
    if verb == "edit" and stdin is not None:
        name = next(
            (word.partition("=")[2] for word in argv if word.startswith("--drop-in=")), "override.conf"
        )
        name = name if name.endswith(".conf") else name + ".conf"
        directory = "/run/systemd/system" if "--runtime" in argv else "/etc/systemd/system"
        for unit in units:
            scope.write(f"{directory}/{unit}" + ("" if "--full" in argv else f".d/{name}"), stdin)
    elif verb in ("enable", "link", "reenable"):
        for unit in units:
            if "/" in unit and scope.path(unit) in scope.world.files:
                copy_files(scope, scope.path(unit), f"/etc/systemd/system/{base(unit)}", move=False)
    elif verb == "set-environment":
        for word in words[1:]:
            scope.write(services.MANAGER_ENVIRONMENT, word + "\n", append=True)
    elif verb == "cat":
        return "".join(text for unit in units for text in services.unit_texts(scope.world, unit))
    elif verb == "show" and "FragmentPath" in " ".join(argv):
        mark = "" if "--value" in argv else "FragmentPath="
        return "".join(f"{mark}{services.unit_path(scope.world, unit)}\n" for unit in units)
    elif verb in _ASKED:
        scope.ask()
        return UNKNOWN
    elif verb in ("stop", "disable", "mask", "daemon-reload", "reset-failed"):
        return ""
    return _manager(scope, argv, stdin)


def _manager(scope: Scope, argv: list[str], stdin: str | None) -> str:
    words = set(argv)
    if any(re.fullmatch(r"docker(?:\.\w+)?", word) for word in argv[1:]) and _BRINGS_UP & words:
        scope.machine.runs_docker = True
    if _STARTS & words:
        scope.starts.restarted(scope.world)
    elif "status" in words:
        scope.ask()
    return ""


def _upstart(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return _manager(scope, ["initctl", base(argv[0]), *argv[1:]], stdin)


def _reboot(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.starts.restarted(scope.world)
    return ""


PROGRAMS: Rows = {
    "systemctl": Program(_systemctl),
    **dict.fromkeys(
        names("service rc-service invoke-rc.d initctl rc-update update-rc.d chkconfig sv s6-svc"),
        Program(_manager),
    ),
    **dict.fromkeys(("start", "restart", "reload"), Program(_upstart)),
    **dict.fromkeys(("reboot", "shutdown", "init", "telinit", "poweroff"), Program(_reboot)),
}
