#!/usr/bin/python3 -I
# What runs on a spot host as /usr/local/sbin/dockerhost-spot: it hears that EC2 is about to take the instance, two
# minutes ahead, and ends the containers as a shutdown does, of which their restart policies know nothing: they run
# again when the instance does. The watch says it. Nothing is powered off here: EC2 starts again what it has stopped
# itself. Standard library only, Python 3.9; user-data carries it to spot hosts, so keep it small.
import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

NOTICE = Path("/run/dockerhost/notice")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path: str, name: str, value: str, method: str = "GET") -> str:
    message = urllib.request.Request(
        "http://169.254.169.254/latest/" + path,
        headers={"X-aws-ec2-metadata-token" + name: value},
        method=method,
    )
    with OPENER.open(message, timeout=5) as response:
        return response.read(4096).decode()


def notice() -> str:
    """What EC2 is about to do; nothing while that is nothing."""
    token = ask("api/token", "-ttl-seconds", "60", "PUT")
    try:
        said = json.loads(ask("meta-data/spot/instance-action", "", token))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return ""
        raise
    return "EC2 is to %s this spot instance at %s" % (said["action"], said["time"])


def heed() -> None:
    try:
        heard = notice()
    except Exception:
        return  # a metadata service that is gone, or garbled, announces nothing and takes nothing back
    if heard and not NOTICE.exists():
        NOTICE.parent.mkdir(exist_ok=True)
        NOTICE.write_text(heard)
        # Before the containers: else it would start them again.
        subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"])
        subprocess.run(["systemctl", "stop", "docker-*.scope"])
    elif NOTICE.exists() and not heard:
        NOTICE.unlink()
        subprocess.run(["systemctl", "start", "docker.service"])


if __name__ == "__main__":
    while True:
        heed()
        time.sleep(5)
