#!/usr/bin/python3 -I
# What runs within the watch, installed as /usr/local/sbin/dockerhost-idle: where its document says so, a host that
# nobody uses powers itself off, and EC2 stops the instance. What cannot be judged is use, and so are a start and a new
# document.
#
# It travels in user-data as agent.py does, to hosts whose document may come to ask for it.
from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

agent: dict[str, Any] = globals()["agent"]  # the watch's own: what it reports is told from there
run, report, settings_of = agent["run"], agent["report"], agent["settings_of"]
configuration, CURRENT, RUN = agent["configuration"], agent["CURRENT"], agent["RUN"]
guard, ready = agent["guard"], agent["ready"]


def engine(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect("/run/docker.sock")
        link.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        head, _, body = b"".join(iter(lambda: link.recv(65536), b"")).partition(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        raise RuntimeError("dockerd: %r" % head[:64])
    return body.strip()


def use(state: str, since: float) -> str:
    """What the host is used for, now or since then; nothing where it is not."""
    if state != "active":
        return "docker.service is " + state
    for table in Path("/proc/net").glob("tcp*"):
        for line in table.read_text().splitlines()[1:]:
            port = int(line.split()[1][-4:], 16)
            if line.split()[3] == "01" and port in (22, 2376):
                return "a connection to port %d" % port
    if engine("/containers/json") != b"[]":
        return "a container"
    if engine("/events?since=%.6f&until=%.6f" % (since, time.time())):
        return "an event of Docker's"
    if any(Path("/run/systemd/sessions").glob("*")):
        return "a login"
    for process in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if process.read_text().startswith(("ssm-session-", "ssm-document-")):
                return "Session Manager"
    # The rest of the boot, the bootstrap, updates: all that systemd is still starting.
    return run("systemctl", "list-jobs", "--no-legend")


def mark(settings: dict[str, Any]) -> str:
    """Another, once somebody has sent something to 2376, or the document has changed."""
    counted = re.findall(r"packets \d+", run("nft", "list", "table", "inet", "dockerhost"))
    return settings["digest"] + "".join(counted)


class Idle:
    def __init__(self) -> None:
        self.used, self.looked = time.monotonic(), time.time()
        self.seen: str = ""
        self.why: str = ""

    def look(self, state: str) -> float:
        """Powers the host off when its time has come; gives the seconds until it is to look again."""
        settings = settings_of(CURRENT)
        minutes = settings.get("stop_when_idle_minutes", 0)
        looked, seen, why = time.time(), "", ""
        try:
            if minutes:
                seen = mark(settings)
                why = use(state, self.looked)
        except Exception as error:
            why = str(error)
        if why != self.why:
            print("in use: %s" % (why or "no more"), flush=True)
        if why or not minutes or seen != self.seen:
            self.used = time.monotonic()
        self.looked, self.seen, self.why = looked, seen, why
        left = self.used + 60 * (minutes or 1) - time.monotonic()
        if left <= 0:
            report("asleep", "nobody used Docker for %g minutes: `aws-docker start` wakes it" % minutes)
            said, told, until = (RUN / "status.json").read_text(), RUN / "told", time.monotonic() + 10
            while "status" in configuration() and time.monotonic() < until:
                if told.exists() and told.read_text() == said:
                    break
                guard()
                time.sleep(0.2)
            with contextlib.suppress(Exception):  # what cannot be judged is use
                if not use(state, looked) and mark(settings) == seen:
                    subprocess.run(["systemctl", "poweroff"], capture_output=True)
                    os._exit(0)  # where the power stays on, the next watch begins anew
            self.used = time.monotonic()  # somebody came in these seconds
            ready()
        return max(5, min(60, left))
