"""A user's machine for the command's tests, with a Docker API behind mutual TLS on loopback."""

import contextlib
import json
import os
import shlex
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aws_docker.cli import main


@dataclass
class Finished:
    status: int
    out: str
    err: str


@dataclass
class Stand:
    """A user's machine: an own home, and a `pulumi` that answers with these outputs, or with an error."""

    home: Path
    capture: pytest.CaptureFixture[str]
    environment: dict[str, str]

    def put_out(self, outputs: dict[str, Any]) -> None:
        self._pulumi(f"printf '%s' {shlex.quote(json.dumps(outputs))}")

    def answer(self, answers: dict[str, dict[str, Any]]) -> None:
        """Have `pulumi stack …` answer each of these in its way."""
        cases = [
            f"*' {word} '*) printf '%s' {shlex.quote(json.dumps(each))};;" for word, each in answers.items()
        ]
        self._pulumi(f'case " $* " in {" ".join(cases)} esac')

    def refuse(self, message: str) -> None:
        self._pulumi(f"printf '%s' {shlex.quote(message)} >&2; exit 255")

    def install(self, name: str, program: str) -> None:
        """Put a program of this machine's on the user's PATH."""
        (self.home / "bin").mkdir(exist_ok=True)
        (self.home / "bin" / name).symlink_to(program)

    def _pulumi(self, script: str) -> None:
        program = self.home / "bin" / "pulumi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$@" >"{self.home}/asked"\n{script}\n')
        program.chmod(0o755)

    def run(self, *command: str) -> Finished:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, cwd=self.home, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def aws_docker(self, *arguments: str) -> Finished:
        """The command in this process, which spares a second of imports; `run` runs the installed one."""
        self.capture.readouterr()
        status: Any = 0
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", ["aws-docker", *arguments]),
            contextlib.chdir(self.home),
        ):
            try:
                main()
            except SystemExit as end:
                status = end.code
        out, err = self.capture.readouterr()
        if isinstance(status, str):  # Python prints it and exits with 1
            status, err = 1, err + status + "\n"
        return Finished(status or 0, out, err)


@pytest.fixture
def stand(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Stand:
    path = [tmp_path / "bin", Path(sys.executable).parent, "/usr/bin", "/bin"]
    return Stand(
        tmp_path,
        capfd,
        {"HOME": str(tmp_path), "PATH": ":".join(map(str, path)), "SHELL": "/bin/bash", "COLUMNS": "200"},
    )


# --- A Docker API behind mutual TLS ---------------------------------------------------------------------------------


ADDRESSES = ("127.0.0.1", "127.0.0.2")


class Authority:
    """Issues certificates, as the component's CAs do."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
        builder = self._builder(self.name, self.key).add_extension(constraints, critical=True)
        self.certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())

    def leaf(self, name: str, usage: x509.ObjectIdentifier) -> tuple[str, str]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.IPAddress(IPv4Address(each)) for each in ADDRESSES]
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem(certificate), key_pem.decode()

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Api:
    """A server at ADDRESSES that answers to clients with a certificate only; it notes whose, and what they asked."""

    outputs: dict[str, Any]
    authority: Authority
    seen: list[str]
    asked: list[str]

    def client(self, name: str) -> dict[str, str]:
        """A new certificate of a client, in the outputs' form."""
        certificate, key = self.authority.leaf(name, ExtendedKeyUsageOID.CLIENT_AUTH)
        return {"cert_material": certificate, "key_material": key}

    def host(self, address: str, name: str) -> dict[str, str]:
        """The outputs of a host with one client."""
        endpoint = self.outputs["endpoint"].replace(ADDRESSES[0], address)
        return {"endpoint": endpoint, "ca_material": self.outputs["ca_material"], **self.client(name)}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    servers, clients = Authority("server CA"), Authority("client CA")
    server_certificate, server_key = servers.leaf("server", ExtendedKeyUsageOID.SERVER_AUTH)
    (tmp_path / "server.pem").write_text(server_certificate + server_key)
    seen: list[str] = []
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            subject = dict(pair[0] for pair in self.connection.getpeercert()["subject"])  # type: ignore[attr-defined]
            seen.append(subject["commonName"])
            path = self.path.rpartition("/")[2]
            asked.append(path)
            body = {"_ping": b"OK", "info": b"{}", "version": b'{"ApiVersion": "1.44"}'}.get(path, b"[]")
            absent = path == "json" and not self.path.endswith("/containers/json")
            if absent:
                body = b'{"message": "No such container"}'
            self.send_response(404 if absent else 200)
            self.send_header("Api-Version", "1.44")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=pem(clients.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    running: list[ThreadingHTTPServer] = []
    for address in ADDRESSES:
        server = ThreadingHTTPServer((address, running[0].server_port if running else 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        running.append(server)
    issued = {name: clients.leaf(name, ExtendedKeyUsageOID.CLIENT_AUTH) for name in ("alice", "ci")}
    yield Api(
        {
            "endpoint": f"tcp://127.0.0.1:{running[0].server_port}",
            "ca_material": pem(servers.certificate),
            "cert_material": issued["alice"][0],
            "key_material": issued["alice"][1],
            "client_cert_materials": {name: leaf[0] for name, leaf in issued.items()},
            "client_key_materials": {name: leaf[1] for name, leaf in issued.items()},
        },
        clients,
        seen,
        asked,
    )
    for server in running:
        server.shutdown()
        server.server_close()


def refused(done: Finished) -> str:
    """The one clean line of a refusal. What `env` prints, a shell evaluates: it has to fail as well."""
    assert (done.status, done.out) in ((1, ""), (1, "false\n"))
    line = done.err.removesuffix("\n")
    assert "\n" not in line
    assert line.startswith("aws-docker: ")
    return line
