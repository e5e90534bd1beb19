"""Reads a server's certificate, and decides when a certificate is about to expire. Pure."""

import datetime
from dataclasses import dataclass

from cryptography import x509

from ..core.checks import Severity
from ..core.expiry import EXPIRES_SOON
from .findings import Finding


def expires_soon(not_after: datetime.datetime, now: datetime.datetime) -> bool:
    """Whether a certificate that is valid now ends so soon that somebody should know."""
    return now <= not_after < now + EXPIRES_SOON


def expiring(what: str, subject: str, not_after: datetime.datetime) -> Finding:
    """The finding of a certificate that ends soon."""
    message = f"{what} expires on {not_after:%Y-%m-%d}."
    return Finding("certificate-expiring", Severity.LOW, subject, message)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What a server's certificate says."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime

    @classmethod
    def read(cls, der: bytes) -> "ServerCertificate | None":
        """The certificate, if it can be read."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            return cls(
                certificate.subject.rfc4514_string(),
                certificate.issuer.rfc4514_string(),
                _names(certificate),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            )
        except ValueError:
            return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))
