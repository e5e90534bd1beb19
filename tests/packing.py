"""Packs the programs that run on hosts as user-data carries them, and notes their digests: what `make agent` runs.

They travel compressed without their comments. The bytes are kept in the repository, as zlib's differ between builds and
other bytes would replace hosts; the digests tell the policies and the audit which hosts are ours, release by release.
"""

import base64
import hashlib
from pathlib import Path
from typing import Final

import zopfli.gzip

import aws_docker
from aws_docker.host import userdata

FOLDER: Final = Path(userdata.__file__).parent
PROGRAMS: Final = tuple(dict.fromkeys(name for names in userdata.PACKED for name in names))


def file_of(names: tuple[str, ...]) -> Path:
    """Where programs stand that are compressed together."""
    return FOLDER / f"{'-'.join(names)}.yaml.gz.b64"


def digest(name: str) -> str:
    """The SHA-256 of a program as it is installed."""
    return hashlib.sha256(userdata.installed((FOLDER / f"{name}.py").read_text()).encode()).hexdigest()


def main() -> None:
    """All programs."""
    for names in userdata.PACKED:
        packed = zopfli.gzip.compress("".join(map(userdata.part, names)).encode())
        file_of(names).write_text(base64.b64encode(packed).decode() + "\n")
    swarm = zopfli.gzip.compress(userdata.installed((FOLDER / "swarm.py").read_text()).encode())
    (FOLDER / "swarm.gz.b64").write_text(base64.b64encode(swarm).decode() + "\n")
    _note("agents.sha256", [digest("agent")])
    _note("programs.sha256", [f"{digest(name)}  {name}.py" for name in PROGRAMS if name != "agent"])


def _note(listing: str, lines: list[str]) -> None:
    """One release's lines in a listing; those of earlier releases stay."""
    release = f"  {aws_docker.__version__}"
    path = FOLDER / listing
    earlier = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in earlier if not line.endswith(release)]
    path.write_text("\n".join([*kept, *(line + release for line in lines)]) + "\n")


if __name__ == "__main__":
    main()
