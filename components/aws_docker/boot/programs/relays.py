"""Programs that may pass whoever connects on to Docker's socket; what they then open is for listeners/relays.py."""

from ..listeners import relays
from ..listeners.found import DAEMON_PORT, concerns_socket
from ..machine.state import UNKNOWN
from ..shell.port import Scope
from .docker import client
from .program import Ends, Opens, Program, Rows


def names_daemon(text: str) -> bool:
    """Whether a text names Docker's socket, or its port on this machine."""
    return concerns_socket(text) or DAEMON_PORT.search(text) is not None


def _relay(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """One that is run for much else: what it opens is found, and nothing else is of interest."""
    return UNKNOWN


def _proxy(scope: Scope, argv: list[str], stdin: str | None) -> str:
    """One that is run to let others in."""
    line = " ".join(argv)
    opens = PROGRAMS[_name(argv)].opens
    if names_daemon(line) and opens is not None and not any(True for _ in opens(argv)):
        scope.note(f"what {_name(argv)} opens in front of Docker's socket could not be read")
    return UNKNOWN


def _name(argv: list[str]) -> str:
    return argv[0].rpartition("/")[2]


def _podman(scope: Scope, argv: list[str], stdin: str | None) -> str:
    return client(scope, argv, stdin)


def _row(opens: Opens) -> Program:
    return Program(_relay, opens=opens)


PROGRAMS: Rows = {
    "socat": _row(relays.socat),
    **dict.fromkeys(("nc", "ncat", "netcat"), Program(_relay, Ends.ASKED, opens=relays.netcat)),
    **dict.fromkeys(("ssh", "autossh"), _row(relays.ssh)),
    **dict.fromkeys(("systemd-socket-activate", "systemd-activate"), _row(relays.socket_activate)),
    "ghostunnel": Program(_proxy, opens=relays.ghostunnel),
    "gost": Program(_proxy, opens=relays.gost),
    **dict.fromkeys(("websocat", "websocat4"), Program(_proxy, opens=relays.websocat)),
    "simpleproxy": Program(_proxy, opens=relays.simpleproxy),
    "caddy": Program(_proxy, opens=relays.caddy),
    "podman": Program(_podman, opens=relays.podman),
    "buildkitd": _row(relays.buildkitd),
}
