#!/usr/bin/python3 -I
# What runs on a spot host as /usr/local/sbin/dockerhost-spot: it hears that EC2 is about to take the instance, two
# minutes ahead, stops the containers as `docker stop` does, and dockerd. The watch says it. What restart policies are
# to keep running starts again when the instance does: `docker stop` alone would end `unless-stopped` for good. Nothing
# is powered off here: EC2 starts again what it has stopped itself. It travels in user-data as agent.py does.
import json
import runpy
import subprocess
import time
from pathlib import Path

agent = runpy.run_path("/usr/local/sbin/dockerhost")
NOTICE: Path = agent["NOTICE"]
STOPPED = Path("/etc/dockerhost/stopped")
DOCKER = ("docker.socket", "docker.service")


def notice() -> str:
    try:
        said = json.loads(agent["metadata"]()("spot/instance-action"))
    except OSError as error:
        if " answered 404 " in str(error):
            return ""
        raise
    return "EC2 is to %s this spot instance at %s" % (said["action"], said["time"])


def run(*argv: str) -> str:
    # Whatever hangs, the two minutes go on.
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=90).stdout


def end() -> None:
    ids = run("docker", "ps", "-q", "--no-trunc").split()
    if ids:
        policy = "{{.HostConfig.RestartPolicy.Name}} {{.Id}}"
        kept = [line.split() for line in run("docker", "inspect", "-f", policy, *ids).splitlines()]
        STOPPED.write_text(" ".join(name for how, name in kept if how != "no"))
        run("docker", "stop", *ids)


def heed() -> None:
    heard = notice()
    if heard and not NOTICE.exists():
        NOTICE.parent.mkdir(exist_ok=True)
        NOTICE.write_text(heard)
        try:
            end()
        finally:
            run("systemctl", "stop", *DOCKER)
    elif NOTICE.exists() and not heard:
        NOTICE.unlink()
        run("systemctl", "start", *DOCKER)
    elif STOPPED.exists() and not heard and run("systemctl", "is-active", DOCKER[1]) == "active\n":
        names = STOPPED.read_text().split()
        STOPPED.unlink()
        if names:
            run("docker", "start", *names)


if __name__ == "__main__":
    while True:
        try:
            heed()
        except Exception as error:
            # A metadata service that is gone, or garbled, announces nothing and takes nothing back.
            print(error, flush=True)
        time.sleep(5)
