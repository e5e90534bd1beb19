#!/usr/bin/python3 -I
# What runs on the host as /usr/local/sbin/dockerhost-upkeep, every two minutes: it removes images that nobody uses, has
# the distribution's own security updates installed in their window, and says when a disk is nearly full.
#
# What it shall do is in the configuration document ("upkeep"), which changes while the host lives. Nothing here opens
# or closes anything; no failure here keeps Docker from running. It travels in user-data as agent.py does.
from __future__ import annotations

import contextlib
import json
import os
import runpy
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

agent = runpy.run_path("/usr/local/sbin/dockerhost")
run, write = agent["run"], agent["write"]
DATA, RUN, APT = agent["DOCKER_DATA"], agent["RUN"], " ".join(agent["APT"])
FULL = 85
UNITS = Path("/etc/systemd/system")
TIMER = "dockerhost-updates.timer"


def nearly_full() -> str:
    """The first disk that is nearly full, of its bytes or its files; in steps, so that it is told at changes."""
    for path in (DATA, "/"):
        at = os.statvfs(path)
        for used, left in (
            (at.f_blocks - at.f_bfree, at.f_bavail),
            (at.f_files - at.f_ffree, at.f_favail),
        ):
            percent = 100 * used // max(1, used + left) // 5 * 5
            if percent >= FULL:
                return "%s is %d %% full" % (path, percent)
    return ""


def prune(days: int) -> None:
    """Removes images that had no container for so many days, or for an hour where a disk is nearly full."""
    docker, now = ("timeout", "60", "docker"), time.time()
    # Docker keeps no time of an image's last use: what is in use at each look is noted.
    notes = Path(DATA) / "dockerhost-images.json"
    containers = run(*docker, "ps", "-aq").split()
    used: list[str] = run(*docker, "inspect", "-f", "{{.Image}}", *containers).split() if containers else []
    shown = "{{.ID}} {{.Repository}}:{{.Tag}}"
    images = [line.split() for line in run(*docker, "images", "--no-trunc", "--format", shown).splitlines()]
    known: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(notes.read_text())
    last = {image: now if image in used else known.get(image, now) for image, _ in images}
    keep = 3600 if nearly_full() else days * 86400
    for image, name in images:
        if last[image] <= now - keep:
            # By name, and never by force: of several names each goes alone, and none from under a container.
            subprocess.run([*docker, "rmi", image if "<none>" in name else name], capture_output=True)
    # Last: on a full disk there is room only now.
    write(notes, json.dumps(last))


def schedule(window: list[Any] | None) -> None:
    """One timer on every system; the distribution's own does nothing beside it."""
    steps = ["dnf -y --releasever=latest --security upgrade"]
    files: dict[Path, str] = {}
    if shutil.which("apt-get"):
        have = "command -v unattended-upgrade || apt-get %s install -y unattended-upgrades" % APT
        steps = ["apt-get %s update" % APT, "sh -c '%s'" % have, "unattended-upgrade"]
        files[Path("/etc/apt/apt.conf.d/99dockerhost")] = 'APT::Periodic::Unattended-Upgrade "0";\n'
    # Debian's package leaves the dockerd of before running, without its file.
    process = "readlink /proc/$$(systemctl show -p MainPID --value docker)/exe"
    steps.append("sh -c 'case $$(%s) in *deleted*) systemctl restart docker; esac'" % process)
    files[UNITS / "dockerhost-updates.service"] = (
        "[Unit]\nDescription=Installs the distribution's security updates\n[Service]\nType=oneshot\n"
        "Environment=DEBIAN_FRONTEND=noninteractive\n%sExecStopPost=sh -c 'echo $$SERVICE_RESULT >%s/updates'\n"
        % ("".join("ExecStart=%s\n" % step for step in steps), RUN)
    )
    if window:
        when = "OnCalendar=%s\nRandomizedDelaySec=%d\nPersistent=true\n" % tuple(window)
        files[UNITS / TIMER] = "[Timer]\n%s[Install]\nWantedBy=timers.target\n" % when
    elif (UNITS / TIMER).exists():
        run("systemctl", "disable", "--now", TIMER)
        (UNITS / TIMER).unlink()
    changed = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in changed:
        write(path, files[path])
    if changed:
        run("systemctl", "daemon-reload")
    if changed and window:
        run("systemctl", "reenable", TIMER)
        run("systemctl", "restart", TIMER)


def main() -> None:
    settings = agent["CURRENT"] / "settings.json"
    wanted: dict[str, Any] | None = None
    if settings.exists():
        wanted = json.loads(settings.read_text()).get("upkeep")
    if wanted is None:
        return  # before the first document nothing is known of what is wanted
    days = wanted.get("prune_images_after_days")
    failed: list[str] = []
    for work in (
        lambda: schedule(wanted.get("security_updates")),
        lambda: prune(days) if days else None,
    ):
        try:
            work()
        except Exception as error:
            failed.append(str(error))
    updated = RUN / "updates"
    said = {"disk": nearly_full(), "updates": updated.read_text().strip() if updated.exists() else ""}
    write(RUN / "upkeep.json", json.dumps(said))
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    os.umask(0o022)
    main()
