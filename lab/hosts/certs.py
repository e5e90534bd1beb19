"""Certificates, good and bad: such as pulumi-tls makes, and such as an attacker or an accident would."""

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    @property
    def encrypted_key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        ).decode()


def authority(name: str) -> Certificate:
    return _make(name, None, ca=True, usages=[], names=[], starts=-1, days=3650)


def leaf(
    issuer: Certificate,
    usages: list[x509.ObjectIdentifier],
    addresses: list[str] | None = None,
    *,
    names: list[str] | None = None,
    starts: float = -0.01,
    days: float = 365,
    name: str = "leaf",
) -> Certificate:
    """A certificate of `issuer` that starts `starts` days from now and is valid for `days`.

    With `addresses` it is for localhost, too, as a host's is; `names` are others.
    """
    alternatives: list[x509.GeneralName] = [x509.DNSName(each) for each in names or []]
    if addresses:
        alternatives += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        alternatives.append(x509.DNSName("localhost"))
    return _make(name, issuer, ca=False, usages=usages, names=alternatives, starts=starts, days=days)


def _make(
    name: str,
    issuer: Certificate | None,
    *,
    ca: bool,
    usages: list[x509.ObjectIdentifier],
    names: list[x509.GeneralName],
    starts: float,
    days: float,
) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime.now(datetime.UTC) + starts * _DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_key_usage(ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        public = issuer.key.public_key()
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
        )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign((issuer.key if issuer else key), hashes.SHA256()), key)


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def parse(pem: str, key_pem: str) -> Certificate:
    """A certificate and its key from their PEM texts."""
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Certificate(x509.load_pem_x509_certificate(pem.encode()), key)
