"""What the probe sees of a handshake: by a callback of Python's ssl that is private, and pinned here."""

import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from aws_docker.audit.tls import Contexts

from .conftest import Authorities
from .servers import Server, context, docker


def test_the_message_callback_is_still_pythons_own() -> None:
    # Were it gone, setting it would set an attribute that nobody reads, and say nothing.
    assert isinstance(ssl.SSLContext._msg_callback, property)  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mutual", [True, False])
def test_what_is_seen_of_a_handshake(authorities: Authorities, version: ssl.TLSVersion, mutual: bool) -> None:
    server = context(authorities.server, authorities.client_ca if mutual else None)
    server.maximum_version = version
    contexts = Contexts(None, None)
    with Server(docker, server) as running, socket.create_connection(("127.0.0.1", running.port), 5) as plain:
        secured = contexts.plain.wrap_socket(plain, do_handshake_on_connect=False)
        with secured:
            try:
                secured.do_handshake()
            except ssl.SSLError:
                assert mutual
            assert contexts.asked == ({secured.fileno()} if mutual else set())
            name, der = contexts.shown[secured.fileno()]
            contexts.forget(secured.fileno())
    assert name == version.name.replace("_", ".")
    assert der == x509.load_pem_x509_certificate(authorities.server.pem.encode()).public_bytes(Encoding.DER)
    assert not contexts.asked
    assert not contexts.shown
