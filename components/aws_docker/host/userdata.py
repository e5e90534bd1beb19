"""Renders what a host is told: its user-data and its configuration document. Pure: same input, same bytes.

User-data says how the host sets itself up, and does not change while the host lives: a change replaces the machine.
The configuration document says whom it serves, and changes in place: the host fetches it every minute.
"""

import json
import textwrap
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from ..core.errors import InvalidInput
from .systems import SYSTEMS, OperatingSystem

USER_DATA_LIMIT = 16 * 1024
"""Bytes of user-data, before base64 (AWS: "Run commands when you launch an EC2 instance with user data input")."""

PARAMETER_LIMIT = 8 * 1024
"""Bytes of an advanced parameter (AWS Systems Manager quotas); up to 4 KiB it is a standard one, which is free."""

DOCUMENT_PATH = "/etc/dockerhost/document.json"

_BOOTSTRAP_PATH = "/etc/systemd/system/dockerhost-bootstrap.service"
_BOOTSTRAP_UNIT = """\
[Unit]
Description=Sets up the guarded Docker host, again until it succeeds
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=30
ExecStart=/usr/local/sbin/dockerhost bootstrap
[Install]
WantedBy=multi-user.target
"""


def configuration_document(
    *,
    daemon: Mapping[str, Any],
    listen: Sequence[str] = (),
    trusted: Sequence[str] = (),
    server_key: str = "",
    server_certificate: str = "",
    client_authorities: Sequence[str] = (),
) -> str:
    """What a host serves, as JSON: the addresses dockerd listens on, the trusted networks, the TLS material (PEM)
    and daemon.json. Without trusted networks the host is local only, and the document holds no secret.

    Raises InvalidInput where the document is larger than a parameter can be.
    """
    document: dict[str, Any] = {
        "version": 1,
        "listen": list(listen),
        "trusted": list(trusted),
        "daemon": dict(daemon),
    }
    if listen:
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


def user_data(
    os: str, *, parameter: str | None = None, document: str | None = None, volume_id: str | None = None
) -> str:
    """The `#cloud-config` that makes a stock image of `os` (an OperatingSystem, or its value) a Docker host.

    `parameter` names the SSM parameter that holds the configuration document; `document` is the document itself,
    for hosts without an instance role. Exactly one of the two is given.

    Raises InvalidInput where EC2 would refuse the size.
    """
    host: dict[str, Any] = {"install": SYSTEMS[OperatingSystem(os)].install}
    if volume_id is not None:
        host["volume"] = volume_id
    entries: list[dict[str, str]] = []
    if document is None:
        host["parameter"] = parameter
    else:
        host["document"] = DOCUMENT_PATH
        entries.append({"path": DOCUMENT_PATH, "permissions": "0400", "content": document})
    # Compressed beforehand: zlib's output differs between builds, and other bytes would replace the host.
    agent = files("aws_docker.host").joinpath("agent.py.gz.b64").read_text().strip()
    entries += [
        {"path": "/etc/dockerhost/host.json", "permissions": "0644", "content": json.dumps(host)},
        {"path": "/usr/local/sbin/dockerhost", "permissions": "0755", "encoding": "gz+b64", "content": agent},
        {"path": _BOOTSTRAP_PATH, "permissions": "0644", "content": _BOOTSTRAP_UNIT},
    ]
    lines = ["#cloud-config", "write_files:"]
    for entry in entries:
        content = entry.pop("content").rstrip("\n")
        lines += [
            f"{'  ' if n else '- '}{key}: {json.dumps(value)}" for n, (key, value) in enumerate(entry.items())
        ]
        lines += ["  content: |", textwrap.indent(content, "   ")]
    lines += [
        # An image may have Docker in it, open, or ours, made for another host: the bootstrap is who starts it.
        "bootcmd:",
        "- [cloud-init-per, instance, dockerhost, systemctl, mask, --now, docker.service, docker.socket]",
        "runcmd:",
        "- [systemctl, enable, --now, dockerhost-bootstrap.service]",
    ]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > USER_DATA_LIMIT:
        raise InvalidInput(
            "key_delivery",
            "user-data",
            f"the user-data would take {len(text.encode())} bytes and EC2 accepts {USER_DATA_LIMIT}: deliver by "
            "Parameter Store, or choose the key algorithm ecdsa-p256 and fewer clients",
        )
    return text
