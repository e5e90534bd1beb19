#!/usr/bin/python3 -I
# What runs on a Swarm's member as /usr/local/sbin/dockerhost-swarm, beside the host's program, whose functions it
# uses: it makes the host a member, keeps the list of members right where it leads, and says when dockerd may restart.
#
# It opens nothing: ports and listeners are the host's program's. It asks dockerd by its socket, since a join token
# on a command line could be read by everybody.
from __future__ import annotations

import base64
import contextlib
import http.client
import importlib.machinery
import ipaddress
import json
import os
import socket
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any
from urllib.parse import quote

# What can be known of a member is here: its own word for why it is none yet, and the two halves of its turn.
RUN = Path("/run/dockerhost")
SAYS, WAITS, TURN = RUN / "swarm", RUN / "waits", RUN / "turn"
# Beside the state of a member: whose it is. The bootstrap removes both before another instance's dockerd sees them.
OWNER = Path("/var/lib/docker/dockerhost-swarm")
UNIT = """[Unit]
Description=Keeps the guarded Docker host a member of its Swarm
After=docker.service
ConditionPathIsSymbolicLink=!/etc/systemd/system/docker.service
[Service]
Restart=always
RestartSec=5
ExecStart=%s
[Install]
WantedBy=dockerhost-watch.service
"""
PROGRAM = "/usr/local/sbin/dockerhost-swarm"
PORT = 2377
LOCK = "dockerhost-turn"
# Seconds: how long a step of a turn may take, and how long each worker's turn is.
PATIENCE, SLOT = 90, 30


class Later(Exception):
    """What is waited for."""


class Turn(Exception):
    state = "waiting"


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Link(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect("/run/docker.sock")


def ask(method: str, path: str, body: Any = None) -> Any:
    link = Link("docker")
    try:
        link.request(
            method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"}
        )
        answer = link.getresponse()
        text = answer.read().decode()
    finally:
        link.close()
    found = json.loads(text) if text.strip() else None
    if answer.status >= 400:
        raise Refusal(answer.status, str(found and found.get("message"))[:300])
    return found


def filtered(path: str, **filters: Any) -> Any:
    return ask("GET", "%s?filters=%s" % (path, quote(json.dumps(filters))))


class Member:
    def __init__(self, host: Any) -> None:
        self.host = host
        self.looked = 0.0
        self.pending = 0.0
        self.entering = False
        self.instance = ""

    def settings(self) -> dict[str, Any]:
        return self.host.settings_of(self.host.CURRENT)["swarm"]

    # Parameter Store

    def get(self, name: str) -> str:
        return self.host.parameter_store("GetParameter", Name=name, WithDecryption=True)["Parameter"]["Value"]

    def put(self, swarm: dict[str, Any], name: str, value: str, **more: Any) -> None:
        if more.get("Type") == "SecureString" and swarm.get("key"):
            more["KeyId"] = swarm["key"]
        self.host.parameter_store("PutParameter", Name=name, Value=value, **more)

    # Membership

    def step(self) -> None:
        swarm = self.settings()
        if not self.instance:
            self.instance = self.host.metadata()("instance-id")
        about = ask("GET", "/info")["Swarm"]
        state = about["LocalNodeState"]
        if state == "inactive":
            self.enter(swarm)
        elif state == "active":
            self.pending, self.entering = 0, False
            if about.get("ControlAvailable"):
                self.manage(swarm, about)
            self.say("")
        elif state == "locked":
            self.say("it is locked: docker swarm unlock")
        else:
            # A join that fails goes on for ever: it may have a token that is none any more.
            self.pending = self.pending or time.monotonic()
            self.say("%s: %s" % (state, about.get("Error") or "it joins"))
            if (state == "error" and self.entering) or time.monotonic() > self.pending + PATIENCE:
                self.pending = 0
                ask("POST", "/swarm/leave?force=true")
        with contextlib.suppress(Later):
            self.turn(swarm, about)

    def say(self, why: str) -> None:
        if SAYS.exists() and SAYS.read_text() == why:
            return
        self.host.write(SAYS, why)
        print(why or "this host is a member of the Swarm", flush=True)
        # The host's program passes it on.
        subprocess.run([self.host.AGENT, "sync"], capture_output=True)

    def enter(self, swarm: dict[str, Any]) -> None:
        role = "manager" if swarm["name"] in swarm["managers"] else "worker"
        token = self.get(swarm["tokens"][role])
        address = swarm["address"]
        own = {"ListenAddr": "%s:%d" % (address, PORT), "AdvertiseAddr": address, "DataPathAddr": address}
        if token.startswith("SWMTKN-"):
            others = [swarm["members"][name] for name in swarm["managers"] if name != swarm["name"]]
            # dockerd takes one of them at random, and gives up after a few that are no managers yet.
            remotes = ["%s:%d" % (other, PORT) for other in others if answers(other)]
            if not remotes:
                raise Later("no manager of the Swarm answers")
            self.entering = True
            self.host.write(OWNER, self.instance)
            ask("POST", "/swarm/join", {**own, "RemoteAddrs": remotes, "JoinToken": token})
        elif role == "worker":
            raise Later("no manager has begun the Swarm yet")
        else:
            self.begin(swarm, own)

    def begin(self, swarm: dict[str, Any], own: dict[str, Any]) -> None:
        # The one act that decides who begins: of several that put it, one does.
        mine = {"name": swarm["name"], "instance": self.instance}
        try:
            self.put(swarm, swarm["claim"], json.dumps(mine), Type="String", Overwrite=False)
        except OSError as error:
            if "ParameterAlreadyExists" not in str(error):
                raise
        claim = json.loads(self.get(swarm["claim"]))
        if "cluster" in claim:
            raise Later("the Swarm has begun, and no manager has put its tokens out yet")
        if claim["name"] != swarm["name"]:
            raise Later("%(name)s (%(instance)s) begins the Swarm" % claim)
        # Nobody has had a token: whatever an earlier instance of this name had begun has ended with it.
        if claim != mine:
            self.put(swarm, swarm["claim"], json.dumps(mine), Type="String", Overwrite=True)
        pool = {"DefaultAddrPool": [swarm["pool"]], "SubnetSize": 24} if swarm.get("pool") else {}
        self.host.write(OWNER, self.instance)
        ask("POST", "/swarm/init", {**own, **pool})

    # Where it manages

    def manage(self, swarm: dict[str, Any], about: dict[str, Any]) -> None:
        nodes = ask("GET", "/nodes")
        leads = any(n["ID"] == about["NodeID"] and n.get("ManagerStatus", {}).get("Leader") for n in nodes)
        if time.monotonic() >= self.looked:
            self.publish(swarm, about["Cluster"]["ID"], leads)
            self.looked = time.monotonic() + 60
        if leads:
            self.tidy(swarm, nodes)

    def publish(self, swarm: dict[str, Any], cluster: str, leads: bool) -> None:
        if swarm["name"] not in swarm["managers"]:
            return  # its role may read these no more
        try:
            claim = json.loads(self.get(swarm["claim"]))
        except OSError as error:
            if "ParameterNotFound" not in str(error):
                raise
            claim = {"instance": self.instance}  # somebody has taken it away: it is put back
        owner = claim.get("cluster")
        if owner != cluster and (owner is not None or claim["instance"] != self.instance):
            # An old state, from a copied disk or a snapshot: there is one Swarm.
            ask("POST", "/swarm/leave?force=true")
            raise Later("it left a Swarm that is not this fleet's")
        if not leads:
            return
        tokens = ask("GET", "/swarm")["JoinTokens"]
        for role in ("worker", "manager"):
            name, token = swarm["tokens"][role], tokens[role.title()]
            if self.get(name) != token:
                self.put(swarm, name, token, Type="SecureString", Overwrite=True)
        if owner is None:
            mine = {"name": swarm["name"], "instance": self.instance, "cluster": cluster}
            self.put(swarm, swarm["claim"], json.dumps(mine), Type="String", Overwrite=True)

    def tidy(self, swarm: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
        """Makes the nodes what the document says they are: one change at a time, each of which the Swarm may refuse."""
        names = {address: name for name, address in swarm["members"].items()}
        up: dict[str, dict[str, Any]] = {}
        for node in nodes:
            if node["Status"]["State"] == "ready":
                up[address_of(node)] = node
        for node in nodes:
            address = address_of(node)
            if node["Status"]["State"] == "down" and (address not in names or address in up):
                # A host that has gone, or the one that another has come for.
                if node["Spec"]["Role"] == "manager":
                    change(node, Role="worker")
                else:
                    ask("DELETE", "/nodes/%s?force=true" % node["ID"])
                return
        for address, node in up.items():
            name = names.get(address)
            if name and node["Spec"].get("Labels", {}).get("host") != name:
                change(node, Labels={**(node["Spec"].get("Labels") or {}), "host": name})
                return
        if not all(reachable(node) for node in nodes if node["Spec"]["Role"] == "manager"):
            return
        wanted = {
            address: "manager" if names[address] in swarm["managers"] else "worker" for address in names
        }
        for role in ("manager", "worker"):
            for address, node in up.items():
                if wanted.get(address) == role != node["Spec"]["Role"]:
                    change(node, Role=role)
                    return

    # A turn: dockerd restarts on one manager at a time, and nothing of the Swarm's runs there meanwhile.

    def turn(self, swarm: dict[str, Any], about: dict[str, Any]) -> None:
        managing = about["LocalNodeState"] == "active" and about.get("ControlAvailable")
        if not WAITS.exists():
            if managing:
                self.end(about["NodeID"])
        elif managing:
            self.managers_turn(about["NodeID"])
        elif about["LocalNodeState"] == "active":
            workers = sorted(set(swarm["members"]) - set(swarm["managers"]))
            now = time.time()
            if workers and (
                now // SLOT % len(workers) == workers.index(swarm["name"]) and now % SLOT < SLOT / 2
            ):
                self.restart()
        else:
            self.restart()

    def restart(self) -> None:
        TURN.touch()
        try:
            subprocess.run([self.host.AGENT, "sync"], capture_output=True)
        finally:
            TURN.unlink()
            WAITS.unlink()

    def managers_turn(self, own: str) -> None:
        nodes = ask("GET", "/nodes")
        managers = [node for node in nodes if node["Spec"]["Role"] == "manager"]
        if len(managers) == 1:
            self.restart()
            return
        node = next(each for each in nodes if each["ID"] == own)
        others = [each for each in managers if each["ID"] != own and reachable(each)]
        if len(others) < len(managers) // 2 + 1:
            raise Later("a restart waits: without this manager the Swarm would lose its quorum")
        self.take(node, nodes)
        complete = services()
        if node["Spec"]["Availability"] == "active":
            change(node, Availability="drain")
        until(lambda: not filtered("/containers/json", label=["com.docker.swarm.task.id"]))
        until(lambda: services() >= complete)
        self.restart()
        self.end(own, complete)

    def take(self, node: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
        labels = {"node": node["ID"], "availability": node["Spec"]["Availability"]}
        lock = {"Name": LOCK, "Labels": labels, "Data": base64.b64encode(b"-").decode()}
        try:
            # A name is taken once: every manager agrees on it.
            ask("POST", "/configs/create", lock)
        except Refusal as error:
            if error.status != 409:
                raise
            held = self.held()
            holder = held and held["Spec"]["Labels"].get("node")
            if holder == node["ID"]:
                return
            if held and not any(n["ID"] == holder and n["Status"]["State"] == "ready" for n in nodes):
                ask("DELETE", "/configs/%s" % held["ID"])
            raise Later("a restart waits for its turn: another manager restarts") from None

    def held(self) -> Any:
        return next((c for c in filtered("/configs", name=[LOCK]) if c["Spec"]["Name"] == LOCK), None)

    def end(self, own: str, complete: Any = frozenset()) -> None:
        """Ends this node's turn, if it has one: it takes tasks again, if it did before."""
        held: Any = None

        def back() -> bool:
            nonlocal held
            held = self.held()
            return not (held and held["Spec"]["Labels"].get("node") == own) or reachable(node_of(own))

        until(back)
        if not (held and held["Spec"]["Labels"].get("node") == own):
            return
        node = node_of(own)
        if not reachable(node):
            raise Later("a restart is not over: this manager is not back in the Swarm")
        before = held["Spec"]["Labels"].get("availability", "active")
        if node["Spec"]["Availability"] != before:
            change(node, Availability=before)
        until(lambda: services() >= complete)
        ask("DELETE", "/configs/%s" % held["ID"])


def answers(address: str) -> bool:
    try:
        socket.create_connection((address, PORT), 2).close()
    except OSError:
        return False
    return True


def until(condition: Any) -> None:
    """Waits for what should come, and no longer than it may keep the others waiting."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, Refusal):
            pass
        time.sleep(0.5)


def node_of(own: str) -> dict[str, Any]:
    return ask("GET", "/nodes/%s" % own)


def services() -> frozenset[str]:
    """The services that have all the tasks that they want."""
    listed = ask("GET", "/services?status=true")
    status = {each["ID"]: each["ServiceStatus"] for each in listed}
    return frozenset(i for i, each in status.items() if each["RunningTasks"] >= each["DesiredTasks"])


def reachable(node: dict[str, Any]) -> bool:
    ready = node["Status"]["State"] == "ready"
    return ready and node.get("ManagerStatus", {}).get("Reachability") == "reachable"


def address_of(node: dict[str, Any]) -> str:
    # Where a manager is reached; a worker is where its connection comes from.
    return node.get("ManagerStatus", {}).get("Addr", "").rsplit(":", 1)[0] or node["Status"].get("Addr", "")


def change(node: dict[str, Any], **changes: Any) -> None:
    # Refused where somebody has changed the node since it was read.
    node["Spec"].update(changes)
    ask("POST", "/nodes/%s/update?version=%d" % (node["ID"], node["Version"]["Index"]), node["Spec"])
    node.update(node_of(node["ID"]))


def program() -> Any:
    loader = importlib.machinery.SourceFileLoader("dockerhost", "/usr/local/sbin/dockerhost")
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    return module


# What the host's program asks of this one.


def read(swarm: dict[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError for what is no member's part of a document."""
    for address in (swarm["address"], *swarm["members"].values()):
        ipaddress.IPv4Address(address)
    if swarm["members"][swarm["name"]] != swarm["address"] or not swarm["tokens"]["worker"]:
        raise ValueError


def rules(swarm: dict[str, Any], links: dict[str, str]) -> tuple[str, str]:
    """The firewall's rules for what comes in, and for what containers send: the control plane, gossip and overlay
    networks (VXLAN) are for the members, and for no container."""
    ports = "%s { 2377, 4789, 7946 }"
    members, address = ", ".join(swarm["members"].values()), swarm["address"]
    dport = "meta l4proto { tcp, udp } " + ports % "th dport"
    incoming = "".join(
        'iifname "%s" ip saddr { %s } ip daddr %s %s accept\n' % (link, members, address, dport)
        for link in ("lo", *links.values())
    )
    published = "ct status dnat meta l4proto { tcp, udp } " + ports % "ct original proto-dst"
    # A container's packets leave under the host's own address, which the other members admit.
    return incoming + dport + " drop\n", "ip daddr { %s } %s drop\n%s drop\n" % (members, dport, published)


def may_restart() -> None:
    """Raises Turn where other members come first; they are told that this one waits."""
    if not TURN.exists():
        WAITS.touch()
        raise Turn("a restart waits for this host's turn in the Swarm")


def outside() -> str:
    """Why this host is no member of a Swarm that works; empty where it is."""
    says = SAYS.read_text() if SAYS.exists() else "it starts"
    return says and "the Swarm: " + says


def install() -> None:
    Path("/etc/systemd/system/dockerhost-swarm.service").write_text(UNIT % PROGRAM)
    Path(PROGRAM).chmod(0o755)
    # It starts with the watch, which the bootstrap starts once Docker runs.
    subprocess.run(["systemctl", "enable", "dockerhost-swarm.service"], check=True, capture_output=True)


def main() -> None:
    os.umask(0o077)
    sys.dont_write_bytecode = True
    member = Member(program())
    well = time.monotonic()
    while True:
        try:
            member.step()
            well = time.monotonic()
        except Exception as error:
            print("%s: %s" % (type(error).__name__, error), flush=True)
            # A new leader takes a moment, and is no news.
            if not SAYS.exists() or SAYS.read_text() or time.monotonic() > well + 15:
                member.say(str(error))
        time.sleep(3)


if __name__ == "__main__":
    main()
