"""Which listeners the configuration of a server opens in front of Docker's socket: nginx, HAProxy, containerd. Pure."""

import re
from collections.abc import Iterator

from ...core.dockerd import Access, Listener
from .found import EVERYWHERE, number, plain, tcp


def web_server(text: str) -> Iterator[Listener]:
    """The listeners of an nginx or HAProxy configuration that leads to Docker's socket."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    text = "\n".join(lines)
    if not re.search(r"(?:server|proxy_pass|reverse_proxy)\s[^\n]{0,200}docker\.sock", text):
        return
    checks = re.search(r"ssl_verify_client\s+on|verify\s+required", text)
    for found in re.finditer(r"^\s*(?:listen|bind)\s+([^\s;]{1,200})", text, re.M):
        host, separator, port = found[1].rpartition(":")
        if not separator and not port.isdigit():
            host, port = port, "80"
        if port.startswith("/") or host.startswith("unix"):
            continue
        access, reason = plain("a proxy")
        if checks:
            access, reason = Access.MUTUAL_TLS, "the proxy asks clients for a certificate"
        yield tcp(host.replace("*", EVERYWHERE) or EVERYWHERE, number(port), access, reason)


def containerd(text: str) -> Iterator[Listener]:
    """The listener of a containerd that serves its own API by TCP: whoever connects starts containers with it."""
    grpc = re.search(r"\[grpc\]([^\[]*)", text)
    options = (
        dict(re.findall(r"^\s*(tcp_\w{1,20})\s*=\s*[\"']([^\"'\n]{1,200})[\"']", grpc[1], re.M))
        if grpc
        else {}
    )
    if "tcp_address" not in options:
        return
    host, _, port = options["tcp_address"].rpartition(":")
    if "tcp_tls_ca" in options:
        access, reason = (
            Access.MUTUAL_TLS,
            "containerd asks clients for a certificate that its tcp_tls_ca signed",
        )
    else:
        access, reason = Access.UNAUTHENTICATED, "containerd checks nobody, so whoever connects is root"
    yield tcp(host or EVERYWHERE, number(port), access, reason)
