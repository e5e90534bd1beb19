"""Asks a real dockerd of one of the lab's systems what it makes of a daemon.json: in namespaces of its own, on a
throw-away layer over the system's image.

Run as a program, in those namespaces, it reads a request as JSON on standard input and answers on standard output.
"""

import contextlib
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.hosts import image
from lab.processes import die_with_lab

Document = dict[str, Any]


class Engine:
    """The dockerd that a system's packages bring."""

    def __init__(self, system: str) -> None:
        base = image.ensure(system, print)
        self._layers = [str(base.with_docker), str(base.root)]
        (version,) = self._ask("version", [{}])
        major, minor = re.findall(r"\d+", version or "")[:2]
        self.version = int(major), int(minor)

    def load(self, documents: Sequence[Document]) -> list[str | None]:
        """What it says of each when it only reads it, or None where it has nothing against it."""
        return self._ask("load", documents)

    def start(self, documents: Sequence[Document]) -> list[str | None]:
        """What it says of each when it shall start with it, or None where it then serves."""
        return self._ask("start", documents)

    def _ask(self, how: str, documents: Sequence[Document]) -> list[str | None]:
        request = json.dumps({"how": how, "layers": self._layers, "documents": documents})
        alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        done = subprocess.run(
            [*alone, sys.executable, "-m", "tests.host.engines"],
            input=request,
            capture_output=True,
            text=True,
            preexec_fn=die_with_lab,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)


def _mount(layers: Sequence[str], folder: Path) -> Path:
    """The system, as it is after its packages were installed."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    root = folder / "root"
    for each in (root, folder / "upper", folder / "work"):
        each.mkdir()
    options = f"lowerdir={':'.join(layers)},upperdir={folder}/upper,workdir={folder}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    for shared in ("dev", "proc", "sys"):
        subprocess.run(["mount", "--rbind", f"/{shared}", root / shared], check=True)
    for fresh in ("run", "tmp", "var/lib/docker"):
        (root / fresh).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / fresh], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return root


@functools.cache
def _can_validate(root: Path) -> bool:
    return b"--validate" in subprocess.run(["chroot", root, "dockerd", "--help"], capture_output=True).stdout


def _load(root: Path, document: Document) -> str | None:
    (root / "tmp/daemon.json").write_text(json.dumps(document))
    program = ["dockerd", "--config-file", "/tmp/daemon.json"]
    if _can_validate(root):
        program.append("--validate")
    else:
        # Before 23.0 it can't only read: as nobody, it goes no further.
        program = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *program]
    done = subprocess.run(["chroot", root, *program], capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    return None if "configuration OK" in said or "started with root" in said else _last(said)


@contextlib.contextmanager
def _containerd(root: Path) -> Iterator[None]:
    """One for all starts: each dockerd would start its own."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["chroot", root, "containerd"], **quiet)
    try:
        until = time.monotonic() + 60
        while not (root / "run/containerd/containerd.sock").exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _start(root: Path, document: Document) -> str | None:
    (root / "tmp/daemon.json").write_text(json.dumps(document))
    program = ["dockerd", "--config-file", "/tmp/daemon.json", "-H", "unix:///run/test.sock"]
    if "containerd" not in document:
        program += ["--containerd", "/run/containerd/containerd.sock"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(["chroot", root, *program], stdout=log, stderr=log)
        said, until = "", time.monotonic() + 60
        while process.poll() is None and "API listen on" not in said and time.monotonic() < until:
            time.sleep(0.05)
            log.seek(0)
            said = log.read()
        process.kill()
        process.wait()
        log.seek(0)
        said = log.read()
    # As on a new host: the next one shall find nothing.
    for left in [*root.glob("var/lib/docker/*"), *root.glob("run/docker*")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for bridge in ("docker0", "docker9"):
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)
    return None if "API listen on" in said else _last(said)


def _last(said: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", said).strip().rpartition("\n")[2]


def _answer(request: Any) -> list[str | None]:
    # Private: what is mounted here is gone with this process.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        root = _mount(request["layers"], Path(folder))
        try:
            if request["how"] == "version":
                told = subprocess.run(
                    ["chroot", root, "dockerd", "--version"], capture_output=True, text=True
                )
                return [told.stdout]
            if request["how"] == "load":
                return [_load(root, document) for document in request["documents"]]
            with _containerd(root):
                return [_start(root, document) for document in request["documents"]]
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", folder], check=True)


if __name__ == "__main__":
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)
