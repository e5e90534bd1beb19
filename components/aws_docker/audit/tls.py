"""How a probe speaks TLS, and what it sees of a handshake: a request for our certificate, and the server's own.

Judges nothing. Python's ssl does not say whether a server asked for a certificate, nor what it showed where the
handshake failed; its message callback does.
"""

import ssl
from typing import Any

from ..core.errors import InvalidInput
from .conversations import End

_HANDSHAKE = 22
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13
"""Types of a record, and of messages of a handshake (RFC 8446, sections 4 and 5.1)."""


class Contexts:
    """The contexts of one probe, and what was seen of its connections, by file descriptor."""

    def __init__(self, authority: str | None, certificate_files: tuple[str, str] | None) -> None:
        """Raises InvalidInput for an authority or a client's certificate that cannot be used."""
        self.asked: set[int] = set()
        """The connections whose server asked for our certificate."""
        self.shown: dict[int, tuple[str, bytes]] = {}
        """The TLS version and the certificate of servers: all that is known where the handshake does not end."""
        self.plain = self._watched(_accepting_context())
        verifying = None if authority is None else _verifying_context(authority, certificate_files)
        self.verified = None if verifying is None else self._watched(verifying)

    def forget(self, descriptor: int) -> None:
        """Keep nothing of a connection that is closed."""
        self.asked.discard(descriptor)
        self.shown.pop(descriptor, None)

    def _watched(self, context: ssl.SSLContext) -> ssl.SSLContext:
        def message(
            sock: ssl.SSLSocket, direction: str, version: Any, content: Any, kind: Any, data: bytes
        ) -> None:
            if direction == "read" and content == _HANDSHAKE:
                if kind == _CERTIFICATE_REQUEST:
                    self.asked.add(sock.fileno())
                elif kind == _CERTIFICATE and (shown := first_certificate(data, version)) is not None:
                    name = ssl.TLSVersion(version).name.replace("_", ".")
                    self.shown[sock.fileno()] = (name, shown)

        # Python's own tests and debuggers use it since 3.8; a test of ours says when it changes. Without it, mutual TLS
        # is still known by a TLS 1.3 alert.
        context._msg_callback = message  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return context


def _accepting_context() -> ssl.SSLContext:
    # Takes whatever the server is and has: what is old or invalid is to be seen, and nothing secret is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _verifying_context(authority: str, certificate_files: tuple[str, str] | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError):
        raise InvalidInput("ca", "…", "give the CA's certificate as PEM", "holds no certificate") from None
    if certificate_files is not None:
        certificate, key = certificate_files
        try:
            # Without a password of its own, OpenSSL would ask the terminal for one.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError:
            hint = "give a certificate and its own key, unencrypted, as `aws-docker bundle` writes them"
            raise InvalidInput("bundle", certificate, hint, "cannot be used with its key") from None
    return context


def certificate_of(sock: ssl.SSLSocket) -> bytes | None:
    """The certificate (DER) that a server showed in a handshake that has ended."""
    try:
        return sock.getpeercert(binary_form=True)
    except ValueError:  # no handshake
        return None


def first_certificate(message: bytes, version: int) -> bytes | None:
    """The server's own certificate (DER) in a TLS handshake's Certificate message; None where it holds none."""
    # Type and length; from TLS 1.3 on a context with its length; the list's length; the certificate's length.
    at = 4 if version < ssl.TLSVersion.TLSv1_3 else 5 + message[4] if len(message) > 4 else len(message)
    length = int.from_bytes(message[at + 3 : at + 6], "big")
    certificate = message[at + 6 : at + 6 + length]
    return certificate if length and len(certificate) == length else None


def tls_end(reason: str) -> tuple[End, str]:
    """How a conversation ended, by OpenSSL's reason for the failure, and a detail of it."""
    if "ALERT" in reason:
        return End.ALERT, reason
    if reason in (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "BAD_RECORD_TYPE",
    ):
        return End.NO_TLS, reason
    if "EOF" in reason:
        return End.CLOSED, ""
    return End.FAILED, reason.lower().replace("_", " ")
