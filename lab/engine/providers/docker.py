"""The stand-in for Pulumi's docker provider: containers on a real daemon, through the real Docker client.

Only what the examples need, and it refuses the rest. No registry can be reached from the lab, so an image that the
daemon lacks is one of busybox under that name, which sleeps. Source: pulumi_docker's schema, and Docker's own client.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.engine.providers.plugin import Inputs, Kind, Refused, State
from lab.engine.providers.values import UNKNOWN

_TAKEN = {"image", "name", "command", "ports"}
_MATERIALS = {"caMaterial": "ca.pem", "certMaterial": "cert.pem", "keyMaterial": "key.pem"}


class Client:
    """What `docker.Provider` is configured with, and the client that speaks to that daemon."""

    def __init__(self, configuration: Inputs) -> None:
        self._configuration = configuration
        host = configuration.get("host")
        if host == UNKNOWN:
            return  # a preview: as the real provider does, nothing is asked before the host is known
        if not host:
            raise Refused("the stand-in takes a daemon by `host` only")
        # The real provider asks the daemon for a sign of life when it is configured.
        self("version")

    @contextmanager
    def _settings(self) -> Iterator[dict[str, str]]:
        with tempfile.TemporaryDirectory() as folder:
            for name, file in _MATERIALS.items():
                (Path(folder) / file).touch(0o600)
                (Path(folder) / file).write_text(self._configuration.get(name) or "")
            yield {
                "DOCKER_HOST": self._configuration["host"],
                "DOCKER_TLS_VERIFY": "1",
                "DOCKER_CERT_PATH": folder,
                "DOCKER_CONFIG": folder,
            }

    def __call__(self, *arguments: str) -> str:
        with self._settings() as settings:
            done = subprocess.run(
                [os.environ["LAB_DOCKER"], *arguments],
                env={"PATH": os.defpath, **settings},
                capture_output=True,
                text=True,
                timeout=60,
            )
        if done.returncode:
            raise Refused(done.stderr.strip()[-500:])
        return done.stdout.strip()


class Container(Kind):
    token = "docker:index/container:Container"
    replaced_by = frozenset({"*"})
    computed = frozenset({"name"})
    name_length = 63
    provider: Client

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        return [
            (each, "the stand-in does not take this argument")
            for each in inputs.keys() - _TAKEN - {"__defaults"}
        ]

    def create(self, inputs: Inputs) -> str:
        docker, image = self.provider, inputs["image"]
        if image not in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split():
            docker("import", "--change", 'CMD ["/bin/sleep", "86400"]', os.environ["LAB_BUSYBOX"], image)
        published: list[str] = []
        for port in inputs.get("ports") or []:
            outside = f"{port.get('ip') or '0.0.0.0'}:{int(port['external'])}"
            published += ["--publish", f"{outside}:{int(port['internal'])}"]
        return docker(
            "run", "--detach", "--name", inputs["name"], *published, image, *(inputs.get("command") or [])
        )

    def read(self, identity: str, state: State) -> State | None:
        try:
            (found,) = json.loads(self.provider("container", "inspect", identity))
        except Refused as error:
            if "No such container" in str(error):
                return None
            raise
        return {**state, "id": found["Id"], "name": found["Name"].removeprefix("/")}

    def delete(self, identity: str, state: State) -> None:
        self.provider("rm", "--force", "--volumes", identity)


KINDS: list[type[Kind]] = [Container]
