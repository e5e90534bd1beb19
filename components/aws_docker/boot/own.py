"""Recognises the hosts of this package: their program in user-data, and what its configuration document makes it open.

The program is known by its digest, so that a changed one is read like any other; those of earlier releases stay
known, since their hosts do. What it makes of a document is what agent.py's `command` says; a document in Parameter
Store is not in the user-data, and opens nothing without TLS.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

SETTINGS = "/etc/dockerhost/host.json"
"""Where the host's settings stand."""


@cache
def _known(listing: str) -> frozenset[str]:
    listed = files("aws_docker.host").joinpath(listing).read_text(encoding="ascii")
    return frozenset(line.split()[0] for line in listed.splitlines())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def is_agent(text: str) -> bool:
    """Whether a file is the program that sets up this package's hosts, in this release or an earlier one."""
    return _digest(text) in _known("agents.sha256")


def opens_nothing(text: str) -> bool:
    """Whether a file is another of their programs: these start no listener."""
    return _digest(text) in _known("programs.sha256")


def document_path(settings: str) -> str | None:
    """Where the configuration document stands, from the host's settings; None where it is in Parameter Store."""
    found = _mapping(settings).get("document")
    return found if isinstance(found, str) else None


def command_line(document: str) -> list[str]:
    """The command line of dockerd that the program makes of a configuration document."""
    settings = _mapping(document)
    listen: Any = settings.get("listen")
    addresses = cast(list[Any], listen) if isinstance(listen, list) else []
    argv = ["dockerd", "-H", "fd://"]
    for address in [*addresses, *(["127.0.0.1"] if settings.get("tunnel") is True else [])]:
        argv += ["-H", f"tcp://[{address}]:2376" if ":" in str(address) else f"tcp://{address}:2376"]
    if len(argv) > 3:
        argv += ["--tlsverify"]
        for flag, name in (("cacert", "client-ca.pem"), ("cert", "server.pem"), ("key", "server-key.pem")):
            argv += [f"--tls{flag}", f"/etc/dockerhost/current/{name}"]
    return argv


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}
