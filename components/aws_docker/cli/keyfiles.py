"""Writes a client's certificate and key to disk so that nobody else can read them, not even for a moment, and so
that nothing is overwritten that this command did not write.
"""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from .connection import Connection
from .errors import CommandError

# Says that a folder is ours, and whose bundle it holds.
MARK = ".aws-docker.json"


def write_bundle(connection: Connection, folder: Path) -> None:
    """Write ca.pem, cert.pem and key.pem (mode 0600) into `folder` (0700), which is new, empty, or holds the same
    client's from before; raises CommandError for any other folder.
    """
    mark = json.dumps({"endpoint": connection.endpoint, "client": connection.client}) + "\n"
    _make_private(folder)
    _check_ours(folder, mark)
    folder.chmod(0o700)
    # The mark comes first: a folder in which writing was interrupted is still known as ours.
    for name, content in (
        (MARK, mark),
        ("ca.pem", connection.ca),
        ("cert.pem", connection.certificate),
        ("key.pem", connection.key),
    ):
        _replace(folder / name, content)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that does not exist yet, mode 0600; raises CommandError where it does."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{file} exists", "remove it, or choose another name") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    file.chmod(0o600)  # where the umask forbids it even to us


def default_folder(connection: Connection) -> Path:
    """Where `env` keeps a bundle: among Docker's own settings, one folder for each host and client."""
    settings = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    # Addresses repeat from one VPC to another; the CA does not.
    identity = hashlib.sha256(f"{connection.endpoint} {connection.ca}".encode()).hexdigest()[:8]
    host = urlsplit(connection.endpoint).hostname or "host"
    return settings / "aws-docker" / f"{_plain(host)}-{identity}" / _plain(connection.client)


def _plain(name: str) -> str:
    """A name that is one folder's name, whatever a stack put out."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".") or "-"


def _make_private(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_private(folder.parent)
    try:
        folder.mkdir(0o700)
        folder.chmod(0o700)  # where the umask forbids it even to us
    except FileExistsError:
        if not folder.is_dir():  # and not made by another run meanwhile
            raise CommandError(f"{folder} is a file", "name a folder") from None


def _check_ours(folder: Path, mark: str) -> None:
    # A link counts with what it points to: whoever owns either decides what is read here later.
    owners = {folder.lstat().st_uid, folder.stat().st_uid}
    if hasattr(os, "geteuid") and owners != {os.geteuid()}:
        raise CommandError(f"{folder} belongs to another user", "choose a folder of your own")
    marked = folder / MARK
    if marked.is_file():
        if (found := marked.read_text(encoding="utf-8")) != mark:
            raise CommandError(
                f"{folder} holds the bundle of another client or host: {found.strip()}",
                "choose another folder, or remove this one",
            )
    elif any(folder.iterdir()):
        raise CommandError(
            f"{folder} holds files that aws-docker did not write", "choose a new or empty folder"
        )


def _replace(file: Path, content: str) -> None:
    # mkstemp's file is never open to others; the rename leaves no half-written key.
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
        Path(temporary).chmod(0o600)  # where the umask forbids it even to us
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
