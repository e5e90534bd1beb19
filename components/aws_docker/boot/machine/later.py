"""What files of a machine are run or read later, by what: cron, rc.local, upstart, supervisor, login shells. Pure."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .state import base

_RUN_BY_THEMSELVES = re.compile(
    r"/etc/(?:rc\.local|rc\.d/.*|init\.d/.*|profile\.d/.*\.sh|profile|bash\.bashrc|cron\.(?:hourly|daily|weekly)/.*|network/if-up\.d/.*|local\.d/.*)"
    r"|/var/lib/cloud/scripts/.*|/(?:root|home/[^/]+)/\.(?:bashrc|profile|bash_profile)"
)
_CRON = re.compile(r"/etc/(?:crontab|cron\.d/[^/]+)|/var/spool/cron/.*")
_UPSTART = re.compile(r"/etc/init/[^/]+\.(?:conf|override)")
CONFIGURED: Final = re.compile(
    r"/etc/docker/|/etc/(?:default|sysconfig|conf\.d)/docker|/docker(?:-\w+)?\.(?:service|socket)|/\.config/docker/daemon\.json"
    r"|/var/snap/docker/|/etc/ecs/ecs\.config|(?i:/programdata/docker/)|docker-compose[^/]*\.ya?ml$"
)
"""Files that configure a Docker engine of the machine's own."""
DAEMON_JSON: Final = re.compile(
    r".*/\.config/docker/daemon\.json|/var/snap/docker/[^/]+/config/daemon\.json|(?i:[a-z]:/programdata/docker/config/daemon\.json)|.*\$.*/daemon\.json"
)
"""Where a dockerd finds its configuration without being told, beside /etc/docker."""


class Script(NamedTuple):
    """A script in a file, and whether it is a program of its own, in whichever language its first line says."""

    text: str
    program: bool = False


def job(path: str) -> str:
    """The upstart job that an override belongs to."""
    return path.removesuffix(".override") + ".conf"


def scripts(path: str, text: str, job: str = "") -> Iterator[Script]:
    """The scripts in a file that something runs later; `job`: the text of the job that it overrides."""
    if _CRON.fullmatch(path):
        yield Script(
            re.sub(r"(?m)^\s*(?:@\w+|(?:\S+\s+){4}\S+)\s+(?:(?:root|ubuntu|ec2-user|admin)\s+)?", "", text)
        )
    elif _UPSTART.fullmatch(path):
        if path.endswith(".override"):
            # What it sets comes before what the job runs, and what it runs is run instead.
            text = text + "\n" + job
        yield Script(upstart(text))
    elif _RUN_BY_THEMSELVES.fullmatch(path) or text.lstrip().startswith("#!"):
        yield Script(text, program=True)
    elif base(path).startswith("supervisord") or "/supervisor/" in path:
        for command in re.findall(r"(?m)^\s*command\s*=\s*(.{0,2000})$", text):
            yield Script(command)


def upstart(text: str) -> str:
    """An upstart job as a script: what it sets, and what it runs."""
    text = re.sub(r"(?m)^\s*(?:(?:pre|post)-\w+ )?(?:end )?script\s*$", "", text)
    text = re.sub(r"(?m)^\s*(?:start|stop) on .*$|^\s*(?:description|author) .*$", "", text)
    return re.sub(r"(?m)^\s*env +(?=\w+=)", "export ", text)
