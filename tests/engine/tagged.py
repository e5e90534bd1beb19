"""A forge on loopback that serves this tree, committed and tagged in a bare repository of its own, and a language host
that installs what a tag holds: `pulumi package add https://…@v1.2.3` finds nothing of the checkout.
"""

import os
import shutil
import ssl
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.engine.language_host import main
from lab.hosts import certs
from tests.conftest import ROOT
from tests.engine.pulumis_language_host import PulumisLanguageHost


class TaggedLanguageHost(PulumisLanguageHost):
    """Makes a plugin's environment as Pulumi's own does, with third-party packages from the lab's and no index."""

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        plugin = Path(request.directory)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", plugin / "venv"], check=True)
        (site_packages,) = (plugin / "venv" / "lib").glob("python*/site-packages")
        # The lab's own editable install of this package does not come along: a path file is not followed from another.
        (site_packages / "third-party.pth").write_text(
            f"{sysconfig.get_path('purelib')}\n{plugin / 'components'}\n"
        )
        yield from ()


def commit(repository: Path, version: str) -> None:
    """This tree as it stands, less what git ignores, as version `version`: tagged, in a bare repository."""
    work = repository.with_suffix(".work")
    tracked = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, work / name)
    package = work / "components" / "aws_docker" / "__init__.py"
    lines = [
        f'__version__ = "{version}"' if line.startswith("__version__ = ") else line
        for line in package.read_text().splitlines()
    ]
    package.write_text("\n".join(lines) + "\n")
    _git(work, "init", "--quiet", "--initial-branch=main")
    _git(work, "add", "--all", "--force")
    _git(work, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--message=x")
    _git(work, "tag", f"v{version}")
    _git(work, "clone", "--quiet", "--bare", str(work), str(repository))
    shutil.rmtree(work)


def _git(folder: Path, *arguments: str) -> str:
    # Without the user's settings: they may sign, or call hooks.
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


FORGE = "forge.example"


@contextmanager
def forge(root: Path, trust: Path) -> Iterator[str]:
    """Serves the bare repositories below `root` as https://forge.example, which nobody is, to whoever takes this for a
    proxy; yields the proxy's address, and writes the CA to trust to `trust`. A port in the address would not do: Pulumi
    names a folder after it, and no virtual environment can be made below a colon.
    """
    authority = certs.authority("forge CA")
    pair = certs.leaf(authority, [certs.SERVER], names=[FORGE])
    trust.write_text(authority.pem)
    keys = trust.with_suffix(".pair")
    keys.write_text(pair.pem + pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys)
    handler = type("Handler", (_GitBackend,), {"root": root, "context": context})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _GitBackend(BaseHTTPRequestHandler):
    """A proxy that leads to one place: git-http-backend(1), called as a web server would call it (RFC 3875)."""

    protocol_version = "HTTP/1.1"
    root: Path
    context: ssl.SSLContext

    def do_CONNECT(self) -> None:
        if self.path != f"{FORGE}:443":
            return self.send_error(403)
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.request = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False
        return None

    def finish(self) -> None:
        super().finish()
        # The server closes the socket that it accepted, which the wrapped one has taken over.
        self.connection.close()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": asked.path,
            "QUERY_STRING": asked.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
        )
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response_only(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    main(TaggedLanguageHost())
