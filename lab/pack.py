"""Packs the programs that run on hosts as user-data carries them, and notes their digests: what `make agent` runs.

They travel compressed without their comments. The bytes are kept in the repository, as zlib's differ between builds and
other bytes would replace hosts; the digests tell the policies and the audit which hosts are ours, release by release.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import zopfli.gzip

import aws_docker
from aws_docker.host import userdata

_FOLDER: Final = Path(userdata.__file__).parent
PARTS: Final[dict[str, Callable[[str], str]]] = {
    "agent": userdata.head,
    "spot": partial(userdata.entry, userdata.SPOT_PATH),
    "upkeep": userdata.upkeep,
    "taker": partial(userdata.entry, userdata.SWARM_PATH),
}
"""What user-data says of each program, which is named as its file is."""


def digest(name: str) -> str:
    """The SHA-256 of a program as it is installed."""
    return hashlib.sha256(userdata.installed((_FOLDER / f"{name}.py").read_text()).encode()).hexdigest()


def main() -> None:
    """All programs."""
    for name, said in PARTS.items():
        text = said((_FOLDER / f"{name}.py").read_text())
        packed = zopfli.gzip.compress(text.encode())
        (_FOLDER / f"{name}.yaml.gz.b64").write_text(base64.b64encode(packed).decode() + "\n")
    swarm = userdata.installed((_FOLDER / "swarm.py").read_text())
    (_FOLDER / "swarm.gz.b64").write_text(
        base64.b64encode(zopfli.gzip.compress(swarm.encode())).decode() + "\n"
    )
    _note("agents.sha256", [digest("agent")])
    _note("programs.sha256", [f"{digest(name)}  {name}.py" for name in PARTS if name != "agent"])


def _note(listing: str, lines: list[str]) -> None:
    """One release's lines in a listing; those of earlier releases stay."""
    release = f"  {aws_docker.__version__}"
    path = _FOLDER / listing
    earlier = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in earlier if not line.endswith(release)]
    path.write_text("\n".join([*kept, *(line + release for line in lines)]) + "\n")


if __name__ == "__main__":
    main()
