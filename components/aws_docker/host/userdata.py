"""Renders what a host is told: its user-data and its configuration document. Pure: same input, same bytes.

User-data says how the host sets itself up, and does not change while the host lives: a change replaces the machine.
The configuration document says whom it serves, and changes in place: the host fetches it every minute.

User-data travels as gzip, which cloud-init unpacks: the host's program would not fit otherwise.
"""

import base64
import gzip
import io
import json
import re
import struct
import textwrap
import tokenize
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ..core.errors import InvalidInput
from ..core.standing import digest_of
from .systems import SYSTEMS, OperatingSystem

USER_DATA_LIMIT = 16 * 1024
"""Bytes of user-data, before base64 (AWS: "Run commands when you launch an EC2 instance with user data input")."""

PARAMETER_LIMIT = 8 * 1024
"""Bytes of an advanced parameter (AWS Systems Manager quotas); up to 4 KiB it is a standard one, which is free."""

DOCUMENT_PATH = "/etc/dockerhost/document.json"

STATUS_AT_FIRST = json.dumps(
    {"version": 1, "state": "pending", "reason": "the host has not written its state yet"},
    separators=(",", ":"),
)
"""What stands in a host's status parameter before the host has written anything."""

PROGRAM_PATH = "/usr/local/sbin/dockerhost"
"""Where agent.py is installed; other programs of ours stand beside it, with their name behind it."""

PACKED = (
    ("agent", "idle", "upkeep", "taker"),
    ("agent", "idle", "upkeep", "spot"),
    ("agent", "idle", "upkeep"),
    ("agent", "idle"),
    ("agent",),
    ("spot",),
)
"""The programs that are compressed together, and beforehand; those that hold the most first."""

_UNITS: Mapping[str, Mapping[str, str]] = {
    "agent": {
        "dockerhost-bootstrap.service": f"""\
[Unit]
Description=Sets up the guarded Docker host, again until it succeeds
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=30
ExecStart={PROGRAM_PATH} bootstrap
[Install]
WantedBy=multi-user.target
""",
    },
    "upkeep": {
        "dockerhost-upkeep.service": f"""\
[Unit]
Description=Removes unused images, schedules security updates, looks at the disk
[Service]
ExecStart={PROGRAM_PATH}-upkeep
""",
        "dockerhost-upkeep.timer": """\
[Timer]
OnActiveSec=0
OnUnitInactiveSec=2min
[Install]
WantedBy=timers.target
""",
    },
    "spot": {
        "dockerhost-spot.service": f"""\
[Unit]
Description=Ends the containers when EC2 is about to take the instance
[Service]
Restart=always
ExecStart={PROGRAM_PATH}-spot
[Install]
WantedBy=multi-user.target
""",
    },
}
"""The units that come with a program."""

_HEAD = """\
#cloud-config
bootcmd:
# An image may have Docker in it, open, or ours, made for another host: the bootstrap is who starts it.
- [cloud-init-per, instance, dockerhost, systemctl, mask, --now, docker.service, docker.socket]
write_files:
"""


def configuration_document(
    *,
    daemon: Mapping[str, Any],
    listen: Sequence[str] = (),
    trusted: Sequence[str] = (),
    server_key: str = "",
    server_certificate: str = "",
    client_authorities: Sequence[str] = (),
    chosen: Sequence[str] = (),
    swarm: Mapping[str, Any] | None = None,
    upkeep: Mapping[str, Any] | None = None,
    published: Sequence[str] = (),
    stop_when_idle_minutes: int | None = None,
    tunnel: bool = False,
) -> str:
    """What a host serves, as JSON: the addresses dockerd listens on, the trusted networks, the TLS material (PEM)
    and daemon.json. With `tunnel` it serves its own loopback, too. With neither that nor trusted networks the host is
    local only, and the document holds no secret.

    `chosen` names the options of daemon.json that we chose and the user did not: of them, a host keeps what it has,
    unless a trusted source needs another. `upkeep` is what upkeep.py shall do. `published` names ports of containers
    that the trusted networks reach; `stop_when_idle_minutes` has it power itself off when nobody uses it. `swarm` is
    what a member of a Swarm is told: see swarm.py.

    Raises InvalidInput where the document is larger than a parameter can be.
    """
    document: dict[str, Any] = {
        "version": 1,
        "listen": list(listen),
        "trusted": list(trusted),
        "daemon": dict(daemon),
    }
    if chosen:
        document["chosen"] = list(chosen)
    if swarm is not None:
        document["swarm"] = dict(swarm)
    if upkeep is not None:
        document["upkeep"] = dict(upkeep)
    if published:
        document["published"] = list(published)
    if stop_when_idle_minutes is not None:
        document["stop_when_idle_minutes"] = stop_when_idle_minutes
    if tunnel:
        document["tunnel"] = True
    if listen or tunnel:
        document["server_key"] = server_key
        document["server_certificate"] = server_certificate
        document["client_authorities"] = list(client_authorities)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if len(text) > PARAMETER_LIMIT:
        raise InvalidInput(
            "clients",
            f"{len(client_authorities)} clients, {len(trusted)} trusted networks",
            f"the host's configuration takes {len(text)} bytes and a parameter holds {PARAMETER_LIMIT}: name fewer "
            "clients on this host, or choose the key algorithm ecdsa-p256",
        )
    return text


def installed(program: str) -> str:
    """A program as it is installed on a host: without the lines that are empty or only a comment, and with one space
    for each four, where they are no part of a text."""
    text = re.sub(r"(?m)^ *#(?!!).*\n", "", program)
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            kept.update(range(token.start[0] + 1, token.end[0] + 1))
    return "".join(
        line if number in kept else re.sub("^ +", lambda found: " " * (len(found[0]) // 4), line)
        for number, line in enumerate(text.splitlines(keepends=True), 1)
        if line.strip() or number in kept
    )


@cache
def swarm_program() -> str:
    """swarm.py, as a parameter holds it for a Swarm's members: user-data has no room for it."""
    return files("aws_docker.host").joinpath("swarm.gz.b64").read_text().strip()


def _file(path: str, mode: str, content: str) -> str:
    text = textwrap.indent(content.rstrip("\n"), "   ")
    return f'- path: "{path}"\n  permissions: "{mode}"\n  content: |\n{text}\n'


@cache
def part(name: str) -> str:
    """What user-data says of a program of ours, with its units; the agent's is how every user-data begins."""
    program = installed(files("aws_docker.host").joinpath(f"{name}.py").read_text())
    path = PROGRAM_PATH + ("" if name == "agent" else f"-{name}")
    units = (
        _file(f"/etc/systemd/system/{unit}", "0644", text) for unit, text in _UNITS.get(name, {}).items()
    )
    return (_HEAD if name == "agent" else "") + _file(path, "0755", program) + "".join(units)


@cache
def _packed(names: tuple[str, ...]) -> bytes:
    # Compressed beforehand: zlib's output differs between builds, and other bytes would replace the host.
    return base64.b64decode(files("aws_docker.host").joinpath(f"{'-'.join(names)}.yaml.gz.b64").read_text())


@cache
def _text(names: tuple[str, ...]) -> str:
    return gzip.decompress(_packed(names)).decode()


def compressed(text: str) -> bytes:
    """User-data as EC2 gets it: members of one gzip file (RFC 1952), our programs compressed and the rest as it is."""
    programs = b""
    while names := next((each for each in PACKED if text.startswith(_text(each))), None):
        programs += _packed(names)
        text = text.removeprefix(_text(names))
    rest = text.encode()
    # A stored block (RFC 1951, 3.2.4) of at most 65,535 bytes: the same bytes on every machine.
    block = b"\1" + struct.pack("<HH", len(rest), len(rest) ^ 0xFFFF) + rest
    member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + struct.pack("<II", zlib.crc32(rest), len(rest))
    return programs + member


def user_data(
    os: str,
    *,
    parameter: str | None = None,
    document: str | None = None,
    volume_id: str | None = None,
    status: str | None = None,
    swarm: str | None = None,
    spot: bool = False,
) -> str:
    """The `#cloud-config` that makes a stock image of `os` (an OperatingSystem, or its value) a Docker host, as text.

    `parameter` names the SSM parameter that holds the configuration document; `document` is the document itself,
    for hosts without an instance role. Exactly one of the two is given. `status` names the SSM parameter that the host
    writes its state to, where its role lets it. `swarm` names the one that holds a Swarm's members' program, which the
    host takes for what it is by its digest. A `spot` host hears that EC2 is about to stop it.

    Raises InvalidInput where EC2 would refuse the size.
    """
    host: dict[str, Any] = {"install": SYSTEMS[OperatingSystem(os)].install}
    if volume_id is not None:
        host["volume"] = volume_id
    if status is not None:
        host["status"] = status
    programs, rest = ["agent"], ""
    if document is None:
        host["parameter"] = parameter
        programs += ["idle", "upkeep"]
    else:
        host["document"] = DOCUMENT_PATH
        rest += _file(DOCUMENT_PATH, "0400", document)
        # Beside the document there is no room for all of them, and it does not change while the host lives.
        if "stop_when_idle_minutes" in json.loads(document):
            programs.append("idle")
    if spot:
        programs.append("spot")
    if swarm is not None:
        host["swarm"] = [swarm, digest_of(swarm_program())]
        programs.append("taker")
    rest += _file("/etc/dockerhost/host.json", "0644", json.dumps(host)) + "runcmd:\n"
    begun = ["dockerhost-bootstrap.service"]
    if "spot" in programs:
        begun.insert(0, "dockerhost-spot.service")
    if "upkeep" in programs:
        begun.append("dockerhost-upkeep.timer")
    rest += "".join(f"- [systemctl, enable, --now, {unit}]\n" for unit in begun)
    text = "".join(map(part, programs)) + rest
    size = len(rest.encode())
    size = len(compressed(text)) if size < USER_DATA_LIMIT else size
    if size > USER_DATA_LIMIT:
        raise InvalidInput(
            "key_delivery",
            "user-data",
            f"the user-data would take {size} bytes and EC2 accepts {USER_DATA_LIMIT}: deliver by "
            "Parameter Store, or choose the key algorithm ecdsa-p256 and fewer clients",
        )
    return text


def encoded(text: str) -> str:
    """User-data as EC2 takes it, in base64."""
    return base64.b64encode(compressed(text)).decode()
