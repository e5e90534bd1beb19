"""What the audit's tests share: certificate authorities, a client's bundle, and an embedded cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.engine.cloud import Cloud
from lab.hosts import certs


@dataclass(frozen=True)
class Authorities:
    """Two CAs as the component has them, a server's certificate and a client's."""

    server_ca: certs.Certificate
    client_ca: certs.Certificate
    server: certs.Certificate
    client: certs.Certificate

    def server_with(self, days: float = 365, starts: float = -0.01) -> certs.Certificate:
        return certs.leaf(self.server_ca, [certs.SERVER], ["127.0.0.1"], days=days, starts=starts)


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    server_ca, client_ca = certs.authority("server CA"), certs.authority("client CA")
    return Authorities(
        server_ca,
        client_ca,
        certs.leaf(server_ca, [certs.SERVER], ["127.0.0.1"]),
        certs.leaf(client_ca, [certs.CLIENT]),
    )


def write_bundle(folder: Path, ca: certs.Certificate, client: certs.Certificate) -> Path:
    """A client's folder, as `aws-docker bundle` writes it."""
    folder.mkdir()
    (folder / "ca.pem").write_text(ca.pem)
    (folder / "cert.pem").write_text(client.pem)
    (folder / "key.pem").write_text(client.key_pem)
    return folder


@pytest.fixture
def bundle(authorities: Authorities, tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", authorities.server_ca, authorities.client)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with Cloud() as running:
        yield running
