#!/usr/bin/python3 -I
# What runs on the host as /usr/local/sbin/dockerhost: it turns the configuration document into a guarded
# dockerd.
#
# Everything here fails closed: docker is masked until every check has passed, a configuration becomes current
# by one symlink swap, and docker cannot start without the gate. Standard library only, Python 3.9, because
# that is what every stock image has. It travels compressed in user-data (`make agent`), where 16 KiB is all
# there is: keep it small.
from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import hmac
import ipaddress
import json
import os
import re
import runpy
import select
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Generator, Iterable

ETC = Path("/etc/dockerhost")
CURRENT = ETC / "current"
GENERATIONS = ETC / "generations"
BEGUN = ETC / "installing"
RUN = Path("/run/dockerhost")
AGENT = "/usr/local/sbin/dockerhost"
DROP_IN = Path("/etc/systemd/system/docker.service.d/10-dockerhost.conf")
DOCKER = ("docker.service", "docker.socket")
DOCKER_DATA = "/var/lib/docker"
CONTAINERD_DATA = "/var/lib/containerd"
# With Docker's data, whose networks it is about: they outlive an instance together.
KEPT = Path(DOCKER_DATA) / "dockerhost-networks.json"
# What spot.py has heard: dockerd is stopped on purpose, until EC2 has stopped the instance.
NOTICE = RUN / "notice"
IMDS = "http://169.254.169.254/latest/"
# Unattended upgrades hold the lock for minutes.
APT = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
PEM = r"-----BEGIN (%s)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n?"

UNITS = {
    "firewall": """[Unit]
Description=Drops everything to Docker's ports until the gate has passed
Wants=network-pre.target
Before=network-pre.target docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f %s/closed.nft
[Install]
WantedBy=multi-user.target
"""
    % ETC,
    # While Docker is masked, the bootstrap has yet to come, or has failed: it starts the watch.
    "watch": """[Unit]
Description=Keeps Docker's firewall loaded and its configuration current
After=docker.service
ConditionPathIsSymbolicLink=!/etc/systemd/system/docker.service
[Service]
Restart=always
RestartSec=5
ExecStart=%s watch
[Install]
WantedBy=multi-user.target
"""
    % AGENT,
}


class Refused(Exception):
    document = ""


def run(*argv: str, stdin: str | None = None) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise Refused("%s: %s" % (" ".join(argv[:2]), (done.stderr or done.stdout).strip()[-300:]))
    return done.stdout


# What the host says of itself: in a file, on the console, and where it has a role, in a parameter of its own, for
# those who cannot log in. Nothing is decided by it, and no failure to say it changes anything.


def plain(text: str) -> str:
    # One bounded line without what may be a secret: what stands before an @, and long words of base64.
    line = re.sub(r"\S+@|[\w+/=]{40,}", "...", " ".join(text.split()))
    return line.replace("{{", "{ {")[:400]  # Parameter Store takes no "{{"


@functools.lru_cache(maxsize=1)
def about(settings: str, dockerd: str, _built: float) -> dict[str, str]:
    # The document in force, the engine, the end of the certificate: asked again where one of them has changed.
    in_force = json.loads(settings)
    ends = ""
    if in_force["listen"]:
        date = openssl(CURRENT, "server.pem", "-enddate").split("=")[1].strip()
        ends = stamp(ssl.cert_time_to_seconds(date))
    engine = run(dockerd, "--version").split()[2].strip(",") if dockerd else ""
    return {"document": in_force["digest"], "engine": engine, "certificate_expires_at": ends}


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def report(state: str, reason: str = "", refused: str = "") -> None:
    said = {"version": 1, "state": state, "reason": plain(reason), "refused": refused}
    with contextlib.suppress(Exception):
        dockerd = shutil.which("dockerd") or ""
        settings = CURRENT / "settings.json"
        in_force = settings.read_text() if settings.exists() else '{"listen": [], "digest": ""}'
        said.update(about(in_force, dockerd, Path(dockerd).stat().st_mtime if dockerd else 0))
        upkeep = RUN / "upkeep.json"
        said.update(json.loads(upkeep.read_text()) if upkeep.exists() else {})
    line = json.dumps(said)
    status = RUN / "status.json"
    if status.exists() and status.read_text() == line + "\n":
        return
    write(status, line + "\n")
    print(line, flush=True)
    CHANGED.set()
    try:
        # `aws ec2 get-console-output` shows this line where nobody can log in.
        with open("/dev/console", "w") as console:
            console.write("dockerhost: %s\n" % line)
    except OSError:
        pass


def write(path: Path, text: str) -> None:
    # Replaced whole: a reader never sees half of it.
    new = path.with_suffix(".%s" % os.getpid())
    new.write_text(text)
    new.chmod(0o644)
    new.rename(path)


CHANGED = threading.Event()


def tell(host: dict[str, Any]) -> None:
    status, told = RUN / "status.json", RUN / "told"
    said = status.read_text()
    if told.exists() and told.read_text() == said:
        return
    instance = metadata()("instance-id")
    value = json.dumps({**json.loads(said), "instance": instance, "at": stamp(time.time())})
    # An attempt that failed may still arrive, after a later one: that one is then repeated.
    failed = RUN / "failed"
    doubtful = failed.exists()
    failed.touch()
    # Without a type it is never made anew, after the stack has taken it away.
    parameter_store("PutParameter", Name=host["status"], Value=value, Overwrite=True)
    failed.unlink()
    write(told, "" if doubtful else said)


def teller(host: dict[str, Any]) -> None:
    # In a thread of its own: what answers slowly must not keep the watch from the firewall.
    while True:
        with contextlib.suppress(Exception):
            tell(host)
        time.sleep(1)
        CHANGED.wait(60)
        CHANGED.clear()


# The document comes from Parameter Store, signed with the instance role's credentials (AWS Signature Version
# 4), or stands in user-data.


def request(
    url: str, data: bytes | None = None, headers: dict[str, str] | None = None, method: str | None = None
) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    message = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with opener.open(message, timeout=5) as response:
            return response.read(65536).decode()
    except urllib.error.HTTPError as error:
        raise OSError("%s answered %s %s" % (message.host, error.code, error.read(300))) from None


def metadata() -> Callable[[str], str]:
    token = request(IMDS + "api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}, method="PUT")
    return lambda path: request(IMDS + "meta-data/" + path, headers={"X-aws-ec2-metadata-token": token})


def parameter_store(action: str, **arguments: Any) -> dict[str, Any]:
    imds = metadata()
    role = "iam/security-credentials/"
    credentials = json.loads(imds(role + imds(role).split()[0]))
    region = imds("placement/region")
    server = "ssm.%s.%s" % (region, imds("services/domain"))
    body = json.dumps(arguments).encode()
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": server,
        "x-amz-date": now,
        "x-amz-security-token": credentials["Token"],
        "x-amz-target": "AmazonSSM." + action,
    }
    signed = ";".join(headers)
    canonical = "POST\n/\n\n%s\n%s\n%s" % (
        "".join("%s:%s\n" % pair for pair in headers.items()),
        signed,
        hashlib.sha256(body).hexdigest(),
    )
    scope = "%s/%s/ssm/aws4_request" % (now[:8], region)
    to_sign = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (now, scope, hashlib.sha256(canonical.encode()).hexdigest())
    key = ("AWS4" + credentials["SecretAccessKey"]).encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        credentials["AccessKeyId"],
        scope,
        signed,
        key.hex(),
    )
    return json.loads(request("https://%s/" % server, body, headers))


def fetch(host: dict[str, Any]) -> str:
    if "document" in host:
        return Path(host["document"]).read_text()
    return parameter_store("GetParameter", Name=host["parameter"], WithDecryption=True)["Parameter"]["Value"]


# A generation is one directory that holds everything made from one document. `current` points at exactly one.


def read(document: str) -> tuple[dict[str, Any], list[str]]:
    # Messages never quote the document: it holds the server's key.
    try:
        settings = json.loads(document)
        listen = [str(ipaddress.ip_address(address)) for address in settings["listen"]]
        trusted = [str(ipaddress.ip_network(network)) for network in settings["trusted"]]
        tunnel = ["127.0.0.1"] if settings.get("tunnel") is True else []
        tls = (
            [settings["server_key"], settings["server_certificate"], *settings["client_authorities"]]
            if listen or tunnel
            else []
        )
        daemon = dict(settings["daemon"])
        if "swarm" in settings:
            member()["read"](settings["swarm"])
        idle = float(settings.get("stop_when_idle_minutes", 0))
        if not idle >= 0:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("the configuration document is not valid (%s)" % type(error).__name__) from None
    if settings.get("version") != 1:
        raise Refused("the configuration document is of another version")
    if bool(listen) != bool(trusted) or len(tls) == 2:
        raise Refused("a listener needs a trusted source, a key, a certificate and a client CA")
    for address in map(ipaddress.ip_address, listen):
        if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
            raise Refused("%s is not one address of a network interface" % address)
    if any(network.endswith("/0") for network in trusted):
        raise Refused("the whole internet is not a trusted source")
    for name, text in enumerate(tls):
        # In brackets: who looks for keys in user-data shall not find this program.
        kind = "CERTIFICATE" if name else "(?:EC |RSA )?PRIVATE[ ]KEY"
        if not isinstance(text, str) or not re.fullmatch(PEM % kind, text):
            raise Refused("%s is not one PEM %s" % ("a certificate" if name else "the server key", "block"))
    if [key for key in daemon if key == "hosts" or key.startswith("tls")]:
        raise Refused("daemon.json may not set listeners or TLS: they stand on dockerd's command line")
    # Loopback is served where a tunnel was asked for, and never as one address among those of interfaces.
    found: dict[str, Any] = {"listen": listen + tunnel, "trusted": trusted, "daemon": daemon}
    for name in ("chosen", "upkeep", "swarm"):
        if name in settings:
            found[name] = settings[name]
    if "published" in settings:
        found["published"] = [str(ports) for ports in settings["published"]]
        for ports in found["published"]:
            ends = (
                [int(end) for end in ports.split("-")] if re.fullmatch("[0-9]+(-[0-9]+)?", ports) else [2375]
            )
            if ends[0] < 2377 and ends[-1] > 2374:
                raise Refused("a published port is no port, or the API's")
    if idle:
        found["stop_when_idle_minutes"] = idle
    return found, tls


def command(settings: dict[str, Any]) -> str:
    # Listener and tlsverify on one line: half of it cannot be in force.
    argv = [shutil.which("dockerd") or "/usr/bin/dockerd", "-H", "fd://"]
    for address in settings["listen"]:
        argv += ["-H", "tcp://%s:2376" % ("[%s]" % address if ":" in address else address)]
    if settings["listen"]:
        argv += ["--tlsverify"]
        for flag, name in (("cacert", "client-ca.pem"), ("cert", "server.pem"), ("key", "server-key.pem")):
            argv += ["--tls" + flag, "%s/%s" % (CURRENT, name)]
    argv += ["--config-file", "%s/daemon.json" % CURRENT, "--containerd", "/run/containerd/containerd.sock"]
    return " ".join(argv)


def digest_of(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def kept_networks() -> dict[str, Any]:
    try:
        return json.loads(KEPT.read_text())
    except (OSError, ValueError):
        return {}


def running() -> bool:
    # Until no container runs, dockerd leaves its bridge as it is, whatever daemon.json says.
    return any(Path("/run/containerd/io.containerd.runtime.v2.task/moby").glob("*"))


def overlaps(network: str, others: Iterable[str]) -> bool:
    one = ipaddress.ip_interface(network).network
    return any(
        one.version == other.version and one.overlaps(other) for other in map(ipaddress.ip_network, others)
    )


def container_networks(settings: dict[str, Any]) -> dict[str, Any]:
    # Docker's own networks: what was chosen once is kept, and gives way to a trusted source alone.
    # Pools give way at once, which moves no network; the bridge gives way when no container runs.
    daemon, trusted, chosen = settings["daemon"], settings["trusted"], settings.get("chosen", ())
    found = {name: daemon[name] for name in ("bip", "default-address-pools") if name in daemon}
    for name, kept in kept_networks().items():
        if name == "bip" and name in found:
            ours = name in chosen
            if running() or (ours and not (CURRENT.exists() and overlaps(kept, trusted))):
                found[name] = kept
            elif ours:
                # Whose networks are on no interface yet, before dockerd runs, is not known.
                taken = [r["dst"] for r in routes("-4") if r["dst"] != "default"]
                pools = [ipaddress.ip_network(pool["base"]) for pool in daemon["default-address-pools"]]
                free = [daemon[name], *("%s/%d" % (pool[1], pool.prefixlen) for pool in reversed(pools))]
                found[name] = next((bridge for bridge in free if not overlaps(bridge, taken)), kept)
        elif name in chosen and name in found:
            found[name] = [pool for pool in kept if not overlaps(pool["base"], trusted)] or found[name]
    return found


def stage(document: str) -> Path:
    settings, tls = read(document)
    settings["digest"] = digest_of(document)
    settings["networks"] = container_networks(settings)
    daemon = {**settings["daemon"], **settings["networks"]}
    if "bip" in daemon and not any(name.startswith("host-gateway-ip") for name in daemon):
        # Else containers that run while dockerd starts leave it without one (moby/moby#42753, #53089).
        daemon["host-gateway-ip"] = daemon["bip"].split("/")[0]
    # One of three names, two of which are kept: what is said of it stays the same while a document stays refused.
    others = [GENERATIONS / name for name in "abc" if GENERATIONS / name != CURRENT.resolve()]
    generation = next((other for other in others if not other.exists()), others[0])
    shutil.rmtree(generation, ignore_errors=True)
    generation.mkdir(mode=0o700)
    mount = "RequiresMountsFor=%s\n" % DOCKER_DATA if "volume" in configuration() else ""
    files = {
        "settings.json": json.dumps(settings),
        "daemon.json": json.dumps(daemon, indent=2) + "\n",
        "docker.conf": "[Unit]\nRequires=dockerhost-firewall.service\nAfter=dockerhost-firewall.service\n%s"
        "[Service]\nExecStartPre=%s gate\nExecStart=\nExecStart=%s\n" % (mount, AGENT, command(settings)),
    }
    if tls:
        files["server-key.pem"], files["server.pem"] = tls[:2]
        files["client-ca.pem"] = "".join(tls[2:])
    for name, text in files.items():
        mode = 0o400 if name == "server-key.pem" else 0o444
        with open(os.open(generation / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
    return generation


def configuration() -> dict[str, Any]:
    return json.loads((ETC / "host.json").read_text())


def settings_of(generation: Path) -> dict[str, Any]:
    return json.loads((generation / "settings.json").read_text())


def openssl(generation: Path, name: str, *options: str, command: str = "x509") -> str:
    return run(
        "openssl",
        command,
        "-in",
        str(generation / name),
        "-noout" if command == "x509" else "-pubout",
        *options,
    )


def check(generation: Path) -> None:
    # dockerd starts with each of these faults: an expired certificate, a leaf as CA, a key that all can read.
    settings = settings_of(generation)
    if not settings["listen"]:
        return
    key = os.lstat(generation / "server-key.pem")
    if not stat.S_ISREG(key.st_mode) or stat.S_IMODE(key.st_mode) != 0o400 or key.st_uid:
        raise Refused("server-key.pem must be a file of root with mode 0400")
    if openssl(generation, "server.pem", "-pubkey") != openssl(generation, "server-key.pem", command="pkey"):
        raise Refused("server-key.pem is not the key of server.pem")
    told = openssl(generation, "server.pem", "-ext", "extendedKeyUsage", "-dates")
    if not re.search("Extended Key Usage:.*\n *TLS Web Server Authentication\n", told):
        raise Refused("server.pem must have the one key usage serverAuth")
    for address in settings["listen"]:
        if "does match" not in openssl(generation, "server.pem", "-checkip", address):
            raise Refused("server.pem does not name %s" % address)
    dates = dict(re.findall("(notBefore|notAfter)=(.*)", told))
    # A certificate made a moment ago may be ahead of this clock, which time sync has yet to set.
    ahead = ssl.cert_time_to_seconds(dates["notBefore"]) - time.time()
    if ahead > 60:
        raise Refused("server.pem is not valid before %s" % dates["notBefore"])
    time.sleep(max(0, ahead))
    if ssl.cert_time_to_seconds(dates["notAfter"]) < time.time():
        raise Refused("server.pem expired on %s" % dates["notAfter"])
    bundle = (generation / "client-ca.pem").read_text()
    if not re.fullmatch("(?:%s)+" % (PEM % "CERTIFICATE"), bundle):
        raise Refused("client-ca.pem is not a bundle of certificates")
    for authority in re.finditer(PEM % "CERTIFICATE", bundle):
        text = run("openssl", "x509", "-noout", "-ext", "basicConstraints,keyUsage", stdin=authority.group())
        if "CA:TRUE" not in text or "Certificate Sign" not in text:
            raise Refused("client-ca.pem holds a certificate that is not a CA")


def validate(generation: Path) -> None:
    # Engines from 23 on judge their options without starting; an earlier one does not know the question.
    asked = command(settings_of(generation)).replace(str(CURRENT), str(generation)) + " --validate"
    done = subprocess.run(asked.split(), capture_output=True, text=True)
    if done.returncode and "unknown flag: --validate" not in done.stderr:
        raise Refused("dockerd: %s" % done.stderr.strip().split("\n")[-1])


# The firewall. One table of our own, ahead of Docker's chains: a drop here is final, whatever Docker accepts
# later.


def links() -> list[dict[str, Any]]:
    said = ""
    for _ in range(100):
        done = subprocess.run(("ip", "-j", "address"), capture_output=True, text=True)
        said = done.stderr.strip()
        if not said:
            return json.loads(done.stdout)
        # A container's interface that comes or goes interrupts the list: it may then lack an address.
    raise Refused("ip address: %s" % said[-300:])


def uplinks(addresses: Iterable[str]) -> dict[str, str]:
    own = {
        a.get("local"): link["ifname"]
        for link in links()
        for a in link["addr_info"]
        if not a.get("tentative")
    }
    return {address: own[address] for address in addresses if address in own}


def routes(family: str) -> list[dict[str, Any]]:
    return json.loads(run("ip", "-j", family, "route"))


def obstruction(settings: dict[str, Any]) -> str:
    # Which networks, of containers as a rule, swallow the answers to a trusted source.
    found: list[str] = []
    for listen, link in uplinks(settings["listen"]).items():
        version = ipaddress.ip_address(listen).version
        sources = [n for n in map(ipaddress.ip_network, settings["trusted"]) if n.version == version]
        for route in routes("-%d" % version):
            device = route.get("dev", "no device")
            text = route["dst"] if route["dst"] != "default" else "::/0" if version == 6 else "0.0.0.0/0"
            network = ipaddress.ip_network(text)
            for source in sources if link not in ("lo", device) else ():
                if network.overlaps(source):
                    both = max(network, source, key=lambda n: n.prefixlen)
                    if any(way(address, listen) != link for address in (both[0], both[-1])):
                        found.append("%s lies in the way of trusted %s" % (whose(device, text), source))
    return "; ".join(found)


def way(address: object, listen: str) -> str:
    try:
        return json.loads(run("ip", "-j", "route", "get", str(address), "from", listen))[0]["dev"]
    except Refused:
        return ""


def whose(device: str, network: str) -> str:
    docker = ("timeout", "5", "docker", "network")
    shown = '{{.Name}} br-{{slice .Id 0 12}} {{index .Options "com.docker.network.bridge.name"}}'
    with contextlib.suppress(Refused):
        for line in run(*docker, "inspect", "-f", shown, *run(*docker, "ls", "-q").split()).splitlines():
            name, *devices = line.split()
            if device in devices:
                return "container network %s (%s, %s)" % (name, device, network)
    return "network %s (%s)" % (network, device)


def ruleset(settings: dict[str, Any]) -> str:
    accepts = forwards = ""
    published = ", ".join(settings.get("published", ()))
    # What has come between two looks at who uses the host.
    accept = "counter accept" if "stop_when_idle_minutes" in settings else "accept"
    if settings["listen"]:
        # A tunnel that ends on the host (SSM port forwarding) comes in by lo; containers never do, not even where
        # Docker lets a bridge route 127.0.0.1 (route_localnet).
        accepts = 'iifname "lo" tcp dport 2376 %s\n' % accept
    for address, link in uplinks(settings["listen"]).items():
        family = "ip6" if ":" in address else "ip"
        trusted = ", ".join(n for n in settings["trusted"] if (":" in n) == (":" in address))
        if trusted and link != "lo":
            accepts += 'iifname "%s" %s saddr { %s } %s daddr %s tcp dport 2376 %s\n' % (
                link,
                family,
                trusted,
                family,
                address,
                accept,
            )
            if published:
                source = 'iifname "%s" %s saddr { %s }' % (link, family, trusted)
                accepts += "%s tcp dport { %s } accept\n" % (source, published)
                forwards += "%s ct status dnat meta l4proto tcp ct original proto-dst { %s } accept\n" % (
                    source,
                    published,
                )
    if published:
        # What a published port is asked for is rewritten before it comes by, and conntrack knows the port; what a
        # container with the host's network, or docker-proxy, is asked for is the host's. What comes from a bridge is
        # Docker's business. Answers have the other direction, except what a router says of one: that it is too large.
        bridge = 'meta iifkind "bridge" '
        accepts = (
            '%stcp dport { %s } accept\n%siifname != "lo" tcp dport { %s } ct direction original drop\n'
            % (
                bridge,
                published,
                accepts,
                published,
            )
        )
        forwards = (
            'meta l4proto { icmp, ipv6-icmp } ct state related accept\n%saccept\n%smeta oifkind "bridge" '
            "ct direction original drop\n"
        ) % (bridge, forwards)
    if "swarm" in settings:
        more, before = member()["rules"](settings["swarm"], uplinks([settings["swarm"]["address"]]))
        accepts, forwards = accepts + more, before + forwards
    return """add table inet dockerhost
delete table inet dockerhost
table inet dockerhost {
chain input {
type filter hook input priority -10; policy accept;
tcp dport 2375 drop
%stcp dport 2376 drop
}
chain forward {
type filter hook forward priority -10; policy accept;
ip daddr 169.254.169.254 drop
ip6 daddr fd00:ec2::254 drop
ct status dnat meta l4proto tcp ct original proto-dst 2375-2376 drop
%s}
}
""" % (accepts, forwards)


def loaded() -> str:
    return run("nft", "-s", "list", "table", "inet", "dockerhost")  # without what counters have counted


def load_firewall(settings: dict[str, Any]) -> None:
    run("nft", "-f", "-", stdin=ruleset(settings))
    (RUN / "firewall").write_text(loaded())


CLOSED: dict[str, Any] = {"listen": [], "trusted": []}


# The gate: before every start of dockerd, not only the first.


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", unit, "-p", name, "--value").strip()


def gate() -> None:
    settings = settings_of(CURRENT)
    commands = re.findall(r"argv\[\]=(.*?) ; ignore_errors=no ;", show("docker.service", "ExecStart"))
    if commands != [command(settings)]:
        raise Refused("docker.service would not run the command it was given: is there another drop-in?")
    if show("docker.socket", "Listen") not in ("/run/docker.sock (Stream)", "/var/run/docker.sock (Stream)"):
        raise Refused("docker.socket listens on more than /run/docker.sock")
    until = time.time() + 60
    while len(uplinks(settings["listen"])) < len(settings["listen"]):
        if time.time() > until:
            raise Refused("no interface has the address %s" % ", ".join(settings["listen"]))
        time.sleep(1)
    check(CURRENT)
    load_firewall(settings)


def answer(address: str, wrap: bool) -> bytes:
    with socket.create_connection((address, 2376), timeout=5) as link:
        try:
            if wrap:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                link = context.wrap_socket(link)
            link.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return link.recv(64)
        except OSError:
            return b""


def self_test(settings: dict[str, Any]) -> None:
    for address in settings["listen"]:
        if b" 200 " in answer(address, False) + answer(address, True):
            raise Refused("dockerd answered a client without a certificate")
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.settimeout(0.3)
            if not probe.connect_ex((address, 2375)):
                raise Refused("something answers on 2375")


# Configuration: fetched, staged, checked, swapped in, tried; the one before comes back if it fails.


def swap(generation: Path) -> None:
    link = ETC / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(generation)
    os.sync()
    link.rename(CURRENT)


def start(settings: dict[str, Any]) -> None:
    run("systemctl", "daemon-reload")
    gate()  # here as well: a drop-in can take it out of the unit
    # Twice: dockerd's own start can fail on a container that ends at the same moment.
    for last in (False, True):
        subprocess.run(["systemctl", "reset-failed", *DOCKER], capture_output=True)
        try:
            run("systemctl", "restart", "docker.service")
            break
        except Refused as error:
            if last:
                raise Refused("systemctl restart: %s" % (last_words() or error)) from None
    self_test(settings)


def last_words() -> str:
    # What dockerd said last, in the start that failed: systemctl knows no more than that it failed.
    with contextlib.suppress(Refused):
        run("journalctl", "--sync")
        start = "_SYSTEMD_INVOCATION_ID=" + show("docker.service", "InvocationID")
        return run("journalctl", "-q", "-o", "cat", "-n", "1", start).strip()
    return ""


def contents(generation: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in generation.iterdir() if p.name != "settings.json"}


def sync(document: str) -> None:
    before = CURRENT.resolve() if CURRENT.exists() else None
    digest = digest_of(document)
    rejected = RUN / "rejected"
    if before:
        old = settings_of(before)
        if old["digest"] == digest and old["networks"] == container_networks(old):
            return
    # After an hour it is tried again: what it failed on may have been something else.
    if rejected.exists() and rejected.stat().st_mtime > time.time() - 3600:
        known, why = rejected.read_text().split(" ", 1)
        if known == digest:
            raise Refused(why)
    GENERATIONS.mkdir(mode=0o700, exist_ok=True)
    kept = [before]
    try:
        generation = stage(document)
        check(generation)
        validate(generation)
        same = before and contents(before) == contents(generation)
        settings = settings_of(generation)
        if before and not same and "swarm" in settings:
            member()["may_restart"]()
        swap(generation)
        kept.append(generation)
        try:
            if same:
                load_firewall(settings)
            else:
                start(settings)
        except Exception as error:
            rejected.write_text("%s %s" % (digest, error))
            if before:
                swap(before)
                start(settings_of(before))
                kept.pop()
            raise
        KEPT.write_text(json.dumps(settings["networks"]))
    finally:
        for old in GENERATIONS.iterdir():
            if old not in kept:
                shutil.rmtree(old, ignore_errors=True)


def ready() -> None:
    settings = settings_of(CURRENT)
    way = obstruction(settings)
    state = show("docker.service", "ActiveState")
    outside = member()["outside"]() if "swarm" in settings else ""
    if NOTICE.exists():
        report("interrupted", NOTICE.read_text())
    elif state != "active":
        report("closed", "docker.service is %s: somebody has stopped it" % state)
    elif way:
        report("obstructed", way)
    elif outside:
        report("joining", outside)
    else:
        report("ready", "dockerd listens on %s" % (", ".join(settings["listen"]) or "its local socket only"))


def follow() -> int:
    # Fetches the document, and says what came of it.
    refused = ""
    try:
        document = fetch(configuration())
        refused = digest_of(document)
        sync(document)
    except Exception as error:
        report(getattr(error, "state", "stale"), "the configuration in force is kept: %s" % error, refused)
        return 1
    ready()
    return 0


def close() -> None:
    # A mask outlives a reboot, and a package's own start scripts.
    for action in ("mask", "stop"):
        subprocess.run(["systemctl", action, *DOCKER], capture_output=True)
    for unit in DOCKER:
        if show(unit, "LoadState") != "masked" or show(unit, "ActiveState") in ("active", "activating"):
            raise Refused("%s cannot be masked and stopped" % unit)


def mount_volume(volume: str) -> None:
    # Formatted only if blank: blkid's 2 means that it found no signature of any kind.
    names = [
        "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_" + volume.replace("-", ""),
        "/dev/xvdf",
        "/dev/sdf",
    ]
    until = time.time() + 300
    while not any(map(os.path.exists, names)):
        if time.time() > until:
            raise Refused("the data volume %s did not appear" % volume)
        time.sleep(1)
    device = next(filter(os.path.exists, names))
    probe = subprocess.run(
        ["blkid", "-p", "-o", "value", "-s", "TYPE", device], capture_output=True, text=True
    )
    if probe.returncode == 2:
        run("mkfs.ext4", "-q", "-L", "docker", device)
    elif probe.returncode or probe.stdout.strip() not in ("ext4", "xfs"):
        raise Refused("the data volume %s holds something that is not a file system of ours" % volume)
    mount(DOCKER_DATA, device)
    # Newer engines keep images with containerd.
    images = DOCKER_DATA + "/containerd-root"
    Path(images).mkdir(exist_ok=True)
    mount(CONTAINERD_DATA, images, "Options=bind\n")
    drop_in = Path("/etc/systemd/system/containerd.service.d/10-dockerhost.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Unit]\nRequiresMountsFor=%s\n" % CONTAINERD_DATA)
    run("systemctl", "daemon-reload")
    run("systemctl", "try-restart", "containerd.service")


def mount(where: str, what: str, options: str = "") -> None:
    unit = where.strip("/").replace("/", "-") + ".mount"
    Path("/etc/systemd/system", unit).write_text(
        "[Mount]\nWhat=%s\nWhere=%s\n%s[Install]\nWantedBy=multi-user.target\n" % (what, where, options)
    )
    run("systemctl", "enable", "--no-reload", unit)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", unit)


def repair() -> bool:
    # A power cut in the middle of an installation: apt then refuses to work, and what it had unpacked may be
    # half there. Rpm does not wait for the disk: files of what it calls installed may be empty.
    begun = BEGUN.exists()
    broken: list[str] = []
    if shutil.which("dpkg"):
        journal = any(p.name.isdigit() for p in Path("/var/lib/dpkg/updates").iterdir())
        if journal or run("dpkg", "--audit"):
            broken = ["dpkg", "--configure", "-a"]
    elif begun:
        since = BEGUN.stat().st_mtime
        packages = [
            line.split() for line in run("rpm", "-qa", "--qf", "%{INSTALLTIME} %{NAME}\n").splitlines()
        ]
        verify = ("rpm", "-V", "--nodeps", "--noscripts")
        new = [name for at, name in packages if int(at) >= since - 1]
        half = [name for name in new if subprocess.run([*verify, name], capture_output=True).returncode]
        if half:
            broken = ["dnf", "reinstall", "-y", *half]
    if broken:
        report("installing", "what was interrupted")
        run(*broken)
    return begun or bool(broken)


def install(tools: list[Any]) -> None:
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    interrupted = repair()
    for tool, commands in tools:
        if interrupted or not shutil.which(tool):
            report("installing", tool)
            if not BEGUN.exists():
                BEGUN.touch()
                os.sync()
            for program, *arguments in commands:
                run(program, *(APT if program == "apt-get" else ()), *arguments)
        if tool == "nft":
            (ETC / "closed.nft").write_text(ruleset(CLOSED))
            run("systemctl", "enable", "--no-reload", "dockerhost-firewall.service")
            run("systemctl", "start", "dockerhost-firewall.service")
            load_firewall(CLOSED)
        if not shutil.which(tool):
            raise Refused("%s is missing after its installation" % tool)
    if BEGUN.exists():
        os.sync()
        BEGUN.unlink()


@functools.lru_cache(maxsize=1)
def member() -> dict[str, Any]:
    # What a Swarm's members have besides: taker.py, and swarm.py, once that has taken it.
    names = {**globals(), "__name__": "swarm"}
    exec(Path(AGENT + "-taker").read_text(), names)  # noqa: S102
    return names


def bootstrap() -> int:
    host = configuration()
    document = ""
    try:
        for name, text in UNITS.items():
            unit = Path("/etc/systemd/system/dockerhost-%s.service" % name)
            unit.write_text(text)
            unit.chmod(0o644)
        close()
        DROP_IN.unlink(missing_ok=True)
        CURRENT.unlink(missing_ok=True)
        (RUN / "rejected").unlink(missing_ok=True)
        install(host["install"])
        if "volume" in host:
            report("mounting", host["volume"])
            mount_volume(host["volume"])
        report("fetching", "the configuration document")
        until = time.time() + 300
        while True:
            # A role that was made a moment ago is not known everywhere at once.
            try:
                document = fetch(host)
                break
            except (OSError, ValueError, KeyError, IndexError) as error:
                if time.time() > until:
                    raise Refused("the configuration document cannot be fetched: %s" % error) from None
                report("fetching", "the configuration document, again after: %s" % error)
                time.sleep(3)
        for link, name in ((DROP_IN, "docker.conf"), (Path("/etc/docker/daemon.json"), "daemon.json")):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.parent.chmod(0o755)
            link.unlink(missing_ok=True)
            link.symlink_to(CURRENT / name)
        if Path(DOCKER_DATA, "dockerhost-swarm").exists():
            # Our Swarm's, on a data volume or a copied disk: an earlier instance was the member.
            shutil.rmtree(DOCKER_DATA + "/swarm", ignore_errors=True)
        if "swarm" in host:
            member()["take"](host)
        # What is enabled matters at the next boot: systemd need not read all units again for it.
        run("systemctl", "unmask", "--no-reload", *DOCKER)
        sync(document)
        off = [unit for unit in DOCKER if show(unit, "UnitFileState") != "enabled"]
        run("systemctl", "enable", "--no-reload", *off, "dockerhost-watch.service")
        run("systemctl", "disable", "--no-reload", "dockerhost-bootstrap.service")
        run("systemctl", "start", "dockerhost-watch.service")
        ready()
    except Exception as error:
        DROP_IN.unlink(missing_ok=True)
        close()
        refusal = Refused("closed: %s" % error)
        refusal.document = document and digest_of(document)
        raise refusal from None
    return 0


# The watch: whatever removes our table, it is back at once, or docker stops; and the document is fetched
# every minute.


def guard() -> tuple[str, int]:
    # Makes sure of the firewall and of dockerd's command line; gives docker.service's state and process.
    settings = settings_of(CURRENT)
    try:
        same = loaded() == (RUN / "firewall").read_text()
    except (Refused, OSError):
        same = False
    if not same:
        load_firewall(settings)
        print("the firewall had been changed and was loaded again", flush=True)
    # One call for both: this runs at each change of any rule, and every container changes some.
    shown = run("systemctl", "show", "docker.service", "-p", "ActiveState,MainPID")
    docker = dict(line.split("=", 1) for line in shown.splitlines())
    state, process = docker["ActiveState"], int(docker["MainPID"])
    try:
        running = Path("/proc/%d/cmdline" % process).read_text()
    except OSError:
        return state, 0
    if state == "active" and running.strip("\0").replace("\0", " ") != command(settings):
        raise Refused("dockerd runs with another command line")
    return state, process


def watch() -> None:
    # A netlink socket in the group of nftables' events (NFNLGRP_NFTABLES, 7) wakes us at each change of any
    # table.
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    events.bind((0, 1 << 6))
    # And one in the groups of IPv4 routes and links (RTMGRP_IPV4_ROUTE, RTMGRP_LINK): a container network may swallow
    # a trusted source, and a link that goes takes its routes with it without a word.
    changes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    changes.bind((0, 0x41))
    sockets = [events, changes]
    due, stopped = 0.0, None  # not known yet: another watch may have stopped it
    followed, woken = 1, []
    idle, look, noticed = None, float("inf"), False
    with contextlib.suppress(Exception):  # a host that stays awake is guarded all the same
        if Path(AGENT + "-idle").exists():
            idle, look = runpy.run_path(AGENT + "-idle", {"agent": globals()})["Idle"](), 0.0
    while True:
        process = 0
        if NOTICE.exists() != noticed:
            noticed, due = not noticed, 0.0
        with locked():
            try:
                state, process = guard()
                if (state == "failed" or (stopped and state != "active")) and not noticed:
                    start(settings_of(CURRENT))
                elif stopped is not False and state == "active":
                    gate()  # another has started it: it stays, if it may
                if stopped:
                    due = 0.0
                stopped = False
                if time.monotonic() >= due:
                    due = time.monotonic() + 60
                    followed = follow()
                elif changes in woken and not followed:
                    ready()
                if idle and time.monotonic() >= look:
                    look = time.monotonic() + idle.look(state)
            except Exception as error:
                subprocess.run(["systemctl", "stop", *DOCKER], capture_output=True)
                stopped = True
                report("closed", "docker is stopped: %s" % error)
        # The end of dockerd wakes us as well; while systemd starts it again, it has to be asked.
        waited: list[Any] = [*sockets]
        pause = max(5, min(due, look) - time.monotonic())
        try:
            waited.append(os.pidfd_open(process))
        except OSError:
            if not stopped:
                pause = 5
        woken = select.select(waited, [], [], pause)[0]
        for end in waited[2:]:
            os.close(end)
        if woken:
            time.sleep(0.05)
        # Many come at once; nobody keeps us here by making more.
        until = time.monotonic() + 1
        while time.monotonic() < until and (more := select.select(sockets, [], [], 0)[0]):
            woken += more
            with contextlib.suppress(OSError):  # more changes than the socket holds (ENOBUFS)
                more[0].recv(65536)


@contextlib.contextmanager
def locked() -> Generator[None, None, None]:
    with open(RUN / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(action: str) -> int:
    os.umask(0o077)
    RUN.mkdir(exist_ok=True)
    RUN.chmod(0o755)
    host: dict[str, Any] = {}
    try:
        if action == "gate":
            gate()
            return 0
        host = configuration()
        if "status" in host and action != "sync":
            threading.Thread(target=teller, args=(host,), daemon=True).start()
        if action == "watch":
            watch()
        with locked():
            code = {"bootstrap": bootstrap, "sync": follow}[action]()
    except Exception as error:
        code = 1
        report("refused", "%s: %s" % (action, error), getattr(error, "document", ""))
    if "status" in host:
        with contextlib.suppress(Exception):
            tell(host)
    return code


if __name__ == "__main__":
    # At once: OpenSSL's end must not meet a thread that still uses it.
    os._exit(main(sys.argv[1]))
