"""Which listeners a program opens that passes whoever connects on to Docker's socket or port. Pure.

One function a program; which program is which is for programs/relays.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ...core.dockerd import Access, Binding, Listener, TcpAddress
from ..machine.state import names
from .found import DAEMON_PORT, EVERYWHERE, concerns_socket, number, plain, tcp


def socat(argv: Sequence[str]) -> Iterator[Listener]:
    addresses = [word for word in argv[1:] if not word.startswith("-")]
    behind = [
        word
        for word in addresses
        if concerns_socket(word) or DAEMON_PORT.search(word) or "dial-stdio" in word
    ]
    for address in addresses:
        found = re.match(r"(tcp[46]?|openssl|ssl)-(?:listen|l):([^,:]*)", address, re.I)
        if not found or not [word for word in behind if word != address]:
            continue
        options: dict[str, str] = {}
        for option in address.split(",")[1:]:
            key, _, value = option.lower().partition("=")
            options[key] = value
        access, reason = plain("socat")
        if found[1].lower() in ("openssl", "ssl"):
            if options.get("verify", "1") == "0":
                access = Access.NO_CLIENT_CHECK
                reason = "socat asks no client for a certificate (verify=0): whoever connects is root"
            elif "cafile" in options or "ca" in options or "capath" in options:
                access, reason = (
                    Access.MUTUAL_TLS,
                    "socat asks clients for a certificate that its cafile signed",
                )
            else:
                access = Access.PUBLIC_AUTHORITIES
                reason = "socat checks client certificates without a cafile of its own"
        yield tcp(options.get("bind", "") or EVERYWHERE, number(found[2]), access, reason)


def netcat(argv: Sequence[str]) -> Iterator[Listener]:
    words = list(argv)
    listens = any(re.fullmatch(r"-[a-zA-Z46]*l[a-zA-Z46]*|--listen", word) for word in words)
    if not listens or not concerns_socket(" ".join(words)):
        return
    port = next((word for word in words if word.isdigit() and int(word[:6]) > 0), "")
    host = next((word for word in words if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", word, re.A)), EVERYWHERE)
    yield tcp(host, number(port), *plain("netcat"))


def ssh(argv: Sequence[str]) -> Iterator[Listener]:
    for at, word in enumerate(argv):
        flag = re.match(r"-[a-zA-Z]*([LR])(.*)", word, re.S)
        if not flag:
            continue
        forward = flag[2] or (argv[at + 1] if at + 1 < len(argv) else "")
        found = re.match(r"(?:(\[[^\]]*\]|[^:\[\]]*):)?(\d{1,5}):(/.*|[^:]*:237[56])$", forward, re.A)
        if found and (concerns_socket(found[3]) or DAEMON_PORT.search(found[3])):
            host = (found[1] or "localhost").replace("*", EVERYWHERE)
            access, reason = plain("ssh")
            listener = tcp(host, number(found[2]), access, reason)
            # What -R opens is on the other machine.
            yield replace(listener, binding=Binding.UNKNOWN) if flag[1] == "R" else listener


def socket_activate(argv: Sequence[str]) -> Iterator[Listener]:
    """systemd-socket-activate in front of a program that passes on."""
    line = " ".join(argv)
    if not leads(line) and "docker" not in line:
        return
    for at, word in enumerate(argv[:-1]):
        if word in ("-l", "--listen") and (":" in argv[at + 1] or argv[at + 1].isdigit()):
            host, _, port = argv[at + 1].rpartition(":")
            yield tcp(host or EVERYWHERE, number(port), *plain("systemd-socket-activate"))


# --- Proxies ---


def leads(text: str) -> bool:
    """Whether a text names where Docker's API is served on this machine."""
    return concerns_socket(text) or DAEMON_PORT.search(text) is not None


def _values(argv: Sequence[str], flags: frozenset[str]) -> list[str]:
    """The values of a program's options, however they are written."""
    found: list[str] = []
    for at, word in enumerate(argv):
        name, separator, value = word.partition("=")
        if name in flags and separator:
            found.append(value)
        elif word in flags and at + 1 < len(argv):
            found.append(argv[at + 1])
    return found


def _at(text: str, access: Access, reason: str) -> Listener:
    """The listener at an address such as `:2375`, `tcp://0.0.0.0:2375` or `2375`."""
    text = re.sub(r"^[a-z0-9+]+:(?://)?", "", text.strip(), flags=re.I)
    text = text.partition("/")[0]
    if text.isdigit():
        return tcp(EVERYWHERE, number(text), access, reason)
    host, _, port = text.rpartition(":")
    return tcp(host.strip("[]").replace("*", EVERYWHERE) or EVERYWHERE, number(port), access, reason)


_GHOSTUNNEL_ACCESS: Final = names(
    "--allow-cn --allow-ou --allow-dns --allow-dns-san --allow-uri --allow-uri-san --allow-policy"
)


def ghostunnel(argv: Sequence[str]) -> Iterator[Listener]:
    """`ghostunnel server`: TLS, and clients' certificates unless that is switched off."""
    if "server" not in argv or not any(leads(each) for each in _values(argv, names("--target"))):
        return
    if any(word.startswith("--disable-authentication") for word in argv):
        access = Access.NO_CLIENT_CHECK
        reason = (
            "ghostunnel asks no client for a certificate (--disable-authentication): whoever connects is root"
        )
    elif _values(argv, names("--cacert")):
        access, reason = Access.MUTUAL_TLS, "ghostunnel asks clients for a certificate that its cacert signed"
    else:
        access = Access.PUBLIC_AUTHORITIES
        reason = "ghostunnel checks client certificates without a cacert of its own"
    for address in _values(argv, names("--listen")):
        if not address.startswith("unix:"):
            yield _at(address, access, reason)


def gost(argv: Sequence[str]) -> Iterator[Listener]:
    """gost's `-L` services, with a target in them or a forward chain behind."""
    behind = _values(argv, names("-F"))
    for service in _values(argv, names("-L")):
        scheme, rest = re.fullmatch(r"(?:([a-z0-9+]+)://)?(.*)", service, re.S | re.I).groups("")  # pyright: ignore[reportOptionalMemberAccess]
        address, _, target = rest.partition("/")
        user, _, address = address.rpartition("@")
        if not (leads(target) or leads("/" + target) or any(leads(each) for each in behind)):
            continue
        access, reason = plain("gost")
        if "mtls" in scheme and "cafile" in rest.lower():
            access, reason = Access.MUTUAL_TLS, "gost asks clients for a certificate"
        elif user:
            access, reason = (
                Access.UNREADABLE,
                "gost asks for a password, and what it protects is not known here",
            )
        yield _at(address.removeprefix("="), access, reason)


def websocat(argv: Sequence[str]) -> Iterator[Listener]:
    """websocat as a server before the socket."""
    words = [word for word in argv[1:] if not word.startswith("-")]
    if not any(leads(word) for word in words):
        return
    for word in words:
        if found := re.match(
            r"(?:ws-l|ws-listen|tcp-l|tcp-listen|l-ws|inetd-ws|listen-ws|l-tcp):(?://)?(.*)", word, re.I
        ):
            yield _at(found[1], *plain("websocat"))
    given = _values(argv, names("-s --server-mode --server"))
    for word in given:
        if not leads(word):
            yield _at("127.0.0.1:" + word if word.isdigit() else word, *plain("websocat"))


def simpleproxy(argv: Sequence[str]) -> Iterator[Listener]:
    """simpleproxy from a port to Docker's."""
    if any(leads(each) for each in _values(argv, names("-R"))) or leads(" ".join(argv)):
        for word in _values(argv, names("-L")):
            yield _at(word, *plain("simpleproxy"))


def caddy(argv: Sequence[str]) -> Iterator[Listener]:
    """`caddy reverse-proxy` before the socket or the port."""
    if "reverse-proxy" not in argv or not any(leads(each) for each in _values(argv, names("--to -t"))):
        return
    for address in _values(argv, names("--from -f")) or [":443"]:
        # What stands before the port is the name that clients ask for: caddy listens everywhere.
        _, separator, port = re.sub(r"^https?://", "", address).rpartition(":")
        usual = 80 if address.startswith("http://") else 443
        yield tcp(EVERYWHERE, number(port) if separator else usual, *plain("caddy"))


def podman(argv: Sequence[str]) -> Iterator[Listener]:
    """`podman system service` by TCP: the same API, as root where it runs as root."""
    if not {"system", "service"} <= set(argv):
        return
    reason = "podman serves Docker's API and checks nobody, so whoever connects is root"
    certificates = names("--tls-client-ca")
    for word in argv[1:]:
        if word.startswith("tcp:"):
            access = Access.UNAUTHENTICATED
            if _values(argv, certificates):
                access, reason = (
                    Access.MUTUAL_TLS,
                    "podman asks clients for a certificate that tls-client-ca signed",
                )
            elif _values(argv, names("--tls-cert")):
                access = Access.NO_CLIENT_CHECK
            yield TcpAddress.parse(word.removeprefix("tcp:").removeprefix("//")).listener(access, reason)


def buildkitd(argv: Sequence[str]) -> Iterator[Listener]:
    """buildkitd by TCP: BuildKit's own API, which builds as root."""
    access = Access.UNAUTHENTICATED
    reason = "buildkitd serves BuildKit's API and checks nobody: whoever connects builds as root"
    if _values(argv, names("--tlscacert")):
        access, reason = (
            Access.MUTUAL_TLS,
            "buildkitd asks clients for a certificate that its tlscacert signed",
        )
    elif _values(argv, names("--tlscert")):
        access = Access.NO_CLIENT_CHECK
    for address in _values(argv, names("--addr")):
        if address.startswith("tcp:"):
            yield TcpAddress.parse(address.removeprefix("tcp:").removeprefix("//")).listener(access, reason)


BY_NAME: Final[Mapping[str, Callable[[Sequence[str]], Iterator[Listener]]]] = {
    "socat": socat,
    "ghostunnel": ghostunnel,
    "gost": gost,
    "websocat": websocat,
    "simpleproxy": simpleproxy,
    "caddy": caddy,
    "buildkitd": buildkitd,
}
"""Programs that also come as containers of their name."""
