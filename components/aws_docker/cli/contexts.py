"""Docker contexts: the archive that `docker context import` reads, and the contexts of this machine's Docker client.

A context that this command made is refreshed in place, keys and all; any other is left alone. What Docker's client
accepts, it decides itself, and its refusal is passed on.
"""

import csv
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from .connection import Connection
from .errors import CommandError
from .keyfiles import write_bundle

_OURS = "aws-docker, client "


def context_archive(connection: Connection) -> bytes:
    """A tar that `docker context import` reads: metadata and TLS files (docker/cli, cli/context/store)."""
    metadata = {
        "Name": "aws-docker",  # replaced by the name that the import is given
        "Metadata": {"Description": _OURS + connection.client},
        "Endpoints": {"docker": {"Host": connection.endpoint, "SkipTLSVerify": False}},
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in (
            ("meta.json", json.dumps(metadata)),
            ("tls/docker/ca.pem", connection.ca),
            ("tls/docker/cert.pem", connection.certificate),
            ("tls/docker/key.pem", connection.key),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            member.mode = 0o600
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


def save_context(name: str, connection: Connection) -> str | None:
    """Make or refresh a context of the Docker client; gives the endpoint that it had, or None where it is new.

    Raises CommandError for a context that this command did not make, and with the client's own words.
    """
    before = endpoint_of(name)
    with tempfile.TemporaryDirectory(prefix="aws-docker-") as folder:
        write_bundle(connection, Path(folder))
        files = {part: f"{folder}/{part}.pem" for part in ("ca", "cert", "key")}
        docker(
            "context",
            "create" if before is None else "update",
            "--description",
            _OURS + connection.client,
            "--docker",
            _comma_separated({"host": connection.endpoint, **files}),
            "--",
            name,
        )
    return before


def remove_context(name: str) -> None:
    """Remove a context that this command made; raises CommandError for any other, and for the one in use."""
    if endpoint_of(name) is not None:
        docker("context", "rm", "--", name)


def is_context(name: str) -> bool:
    """Whether there is a context of that name, whoever made it."""
    return _run("context", "inspect", "--", name).returncode == 0


def endpoint_of(name: str) -> str | None:
    """The endpoint of a context that this command made, None where there is no such context; raises CommandError."""
    asked = _run("context", "inspect", "--", name)
    if asked.returncode != 0:
        return None  # whatever else may be wrong with it, creating it will say
    context: Any = json.loads(asked.stdout)[0]
    if not str(context["Metadata"].get("Description", "")).startswith(_OURS):
        remove = "" if name == "default" else f", or remove it: docker context rm {name}"
        raise CommandError(
            f"the context {name!r} is not one that aws-docker made", f"choose another name{remove}"
        )
    return str(context["Endpoints"]["docker"].get("Host", ""))


def docker(*words: str) -> str:
    """What Docker's client prints; raises CommandError where it is missing or refuses."""
    asked = _run(*words)
    if asked.returncode != 0:
        lines = [line.strip() for line in asked.stderr.splitlines() if line.strip()]
        # Version 20.10 says what it would do before it says why it does not.
        reason = (lines or ["no reason was given"])[-1].removeprefix("ERROR: ")
        raise CommandError(f"docker {' '.join(words[:2])}: {reason}", "see docs/clients.md")
    return asked.stdout


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CommandError(
            "the command `docker` is not on PATH",
            "install Docker's client, or write an archive for another machine: aws-docker context --file",
        ) from None


def _comma_separated(values: dict[str, str]) -> str:
    """As Docker's client reads a map (pflag's stringToString), where a folder's name may hold a comma."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(f"{name}={value}" for name, value in values.items())
    return text.getvalue()
