"""The stand-in for Pulumi's tls provider: real keys and certificates, with terraform-provider-tls' semantics.

Its internal/provider has them: resource_private_key.go, common_cert.go and the two resource_*_cert.go.
"""

import base64
import datetime
import hashlib
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.engine.providers.plugin import Inputs, Kind, Refused, State

_PEM = serialization.Encoding.PEM
_CURVES = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
_KEY_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
_EXTENDED_USAGES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
_SUBJECT = {
    "commonName": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "country": NameOID.COUNTRY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "postalCode": NameOID.POSTAL_CODE,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


class _Made(Kind):
    """What is made once and then only kept: there is nothing outside the state to read."""

    replaced_by = frozenset({"*"})
    _properties: dict[str, State]

    def __init__(self) -> None:
        self._properties = {}

    def create(self, inputs: Inputs) -> str:
        state = self.make(inputs)
        self._properties[state["id"]] = state
        return state["id"]

    def make(self, inputs: Inputs) -> State:
        raise NotImplementedError

    def read(self, identity: str, state: State) -> State | None:
        return self._properties.pop(identity, None) or self.refreshed(state)

    def refreshed(self, state: State) -> State:
        return state

    def delete(self, identity: str, state: State) -> None:
        """Nothing to delete but the state."""


class PrivateKey(_Made):
    token = "tls:index/privateKey:PrivateKey"
    # P224, unless told otherwise: the real provider's default.
    defaults = {"ecdsaCurve": "P224", "rsaBits": 2048}

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        if inputs["algorithm"] not in ("RSA", "ECDSA", "ED25519"):
            return [
                (
                    "algorithm",
                    f'value must be one of: ["RSA" "ECDSA" "ED25519"], got: "{inputs["algorithm"]}"',
                )
            ]
        if inputs["ecdsaCurve"] not in _CURVES:
            return [("ecdsaCurve", f'value must be one of: {sorted(_CURVES)}, got: "{inputs["ecdsaCurve"]}"')]
        return []

    def make(self, inputs: Inputs) -> State:
        if inputs["algorithm"] == "RSA":
            key: Any = rsa.generate_private_key(65537, int(inputs["rsaBits"]))
        elif inputs["algorithm"] == "ECDSA":
            key = ec.generate_private_key(_CURVES[inputs["ecdsaCurve"]]())
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        private, plain = serialization.PrivateFormat, serialization.NoEncryption()
        own = private.PKCS8 if inputs["algorithm"] == "ED25519" else private.TraditionalOpenSSL
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {
            "id": hashlib.sha1(der).hexdigest(),
            **inputs,
            "privateKeyPem": key.private_bytes(_PEM, own, plain).decode(),
            "privateKeyPemPkcs8": key.private_bytes(_PEM, private.PKCS8, plain).decode(),
            "publicKeyPem": public.public_bytes(
                _PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode(),
            **_openssh(key),
        }


class CertRequest(_Made):
    token = "tls:index/certRequest:CertRequest"

    def make(self, inputs: Inputs) -> State:
        key = _key(inputs["privateKeyPem"])
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name(inputs))
        if names := _alternatives(inputs):
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pem = builder.sign(key, _digest(key)).public_bytes(_PEM).decode()
        return {
            "id": hashlib.sha1(pem.encode()).hexdigest(),
            **inputs,
            "certRequestPem": pem,
            "keyAlgorithm": _algorithm(key),
        }


class _Certificate(_Made):
    replaced_by = frozenset(
        {"allowedUses", "validityPeriodHours", "isCaCertificate", "setSubjectKeyId", "setAuthorityKeyId"}
        | {
            "certRequestPem",
            "caCertPem",
            "caPrivateKeyPem",
            "privateKeyPem",
            "subject",
            "dnsNames",
            "ipAddresses",
        }
        | {"uris", "maxPathLength"}
    )
    defaults = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        uses = inputs["allowedUses"]
        unknown = [u for u in uses if isinstance(u, str) and u not in {**_KEY_USAGES, **_EXTENDED_USAGES}]
        return [("allowedUses", f'value must be one of the key usages, got: "{use}"') for use in unknown]

    def unplanned(self, state: State) -> set[str]:
        return {"readyForRenewal"} if _due(state) else set()

    def refreshed(self, state: State) -> State:
        return {**state, "readyForRenewal": _due(state)}

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        self._properties[identity] = {**state, **inputs}

    def signed(
        self,
        inputs: Inputs,
        subject: x509.Name,
        public: Any,
        names: Any,
        issuer_key: Any,
        authority: x509.Certificate | None = None,
    ) -> State:
        """A certificate that `authority` signs, or its own subject where there is none."""
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        end = now + datetime.timedelta(hours=int(inputs["validityPeriodHours"]))
        serial = x509.random_serial_number()
        is_ca = bool(inputs.get("isCaCertificate"))
        if is_ca and not subject.rdns:
            raise Refused(
                "Must contain at least one Distinguished Name when creating Certificate Authority (CA)"
            )
        issuer = authority.subject if authority else subject
        authority_id = _subject_key_id(authority) if authority and issuer != subject else None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(serial)
            .not_valid_before(now)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        uses = inputs["allowedUses"]
        if plain := {_KEY_USAGES[use] for use in uses if use in _KEY_USAGES}:
            flags = {flag: flag in plain for flag in _KEY_USAGES.values()}
            builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
        if extended := [_EXTENDED_USAGES[use] for use in uses if use in _EXTENDED_USAGES]:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        if is_ca or inputs.get("setSubjectKeyId"):
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        # Go's x509.CreateCertificate takes it from the CA's certificate, where that has one.
        if authority_id is not None:
            authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id)
            builder = builder.add_extension(authority, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return {
            "id": str(serial),
            **inputs,
            "certPem": builder.sign(issuer_key, _digest(issuer_key)).public_bytes(_PEM).decode(),
            "validityStartTime": _written(now),
            "validityEndTime": _written(end),
            "readyForRenewal": False,
        }


class SelfSignedCert(_Certificate):
    token = "tls:index/selfSignedCert:SelfSignedCert"
    defaults = {**_Certificate.defaults, "setAuthorityKeyId": False}

    def make(self, inputs: Inputs) -> State:
        key = _key(inputs["privateKeyPem"])
        subject = _name(inputs)
        state = self.signed(inputs, subject, key.public_key(), _alternatives(inputs), key)
        return {**state, "keyAlgorithm": _algorithm(key)}


class LocallySignedCert(_Certificate):
    token = "tls:index/locallySignedCert:LocallySignedCert"

    def make(self, inputs: Inputs) -> State:
        request = x509.load_pem_x509_csr(inputs["certRequestPem"].encode())
        if not request.is_signature_valid:
            raise Refused("the certificate request is not signed by its key")
        authority = x509.load_pem_x509_certificate(inputs["caCertPem"].encode())
        key = _key(inputs["caPrivateKeyPem"])
        if key.public_key() != authority.public_key():
            raise Refused("the CA's key is not the key of its certificate")
        try:
            names: Any = list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = []
        state = self.signed(inputs, request.subject, request.public_key(), names, key, authority)
        return {**state, "caKeyAlgorithm": _algorithm(key)}


def _written(moment: datetime.datetime) -> str:
    # As Go's time.RFC3339Nano writes it: local time, with nanoseconds where there are any.
    local = moment.astimezone() + datetime.timedelta(microseconds=519894)
    return local.isoformat(timespec="microseconds").replace("+00:00", "Z").replace(".519894", ".519894924")


def _subject_key_id(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return None


def _due(state: State) -> bool:
    end = state.get("validityEndTime")
    if not isinstance(end, str):
        return False
    early = datetime.timedelta(hours=float(state.get("earlyRenewalHours") or 0))
    at = datetime.datetime.fromisoformat(end)
    return datetime.datetime.now(datetime.UTC) > at - early


def _openssh(key: Any) -> State:
    """The same key as OpenSSH writes it, which knows no P-224."""
    if _is_p224(key):
        names = (
            "privateKeyOpenssh",
            "publicKeyOpenssh",
            "publicKeyFingerprintMd5",
            "publicKeyFingerprintSha256",
        )
        return dict.fromkeys(names, "")
    plain = serialization.NoEncryption()
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    blob = base64.b64decode(line.split()[1])
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return {
        "privateKeyOpenssh": key.private_bytes(_PEM, serialization.PrivateFormat.OpenSSH, plain).decode(),
        "publicKeyOpenssh": line.decode() + "\n",
        "publicKeyFingerprintMd5": hashlib.md5(blob).digest().hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }


def _key(pem: str) -> Any:
    try:
        return serialization.load_pem_private_key(pem.encode(), None)
    except ValueError as error:
        raise Refused("the private key is not a PEM that can be read") from error


def _is_p224(key: Any) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1)


def _algorithm(key: Any) -> str:
    kinds = {rsa.RSAPrivateKey: "RSA", ec.EllipticCurvePrivateKey: "ECDSA"}
    return next((name for kind, name in kinds.items() if isinstance(key, kind)), "ED25519")


def _digest(key: Any) -> Any:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _name(inputs: Inputs) -> x509.Name:
    subject = inputs.get("subject") or {}
    return x509.Name(
        [x509.NameAttribute(oid, subject[name]) for name, oid in _SUBJECT.items() if subject.get(name)]
    )


def _alternatives(inputs: Inputs) -> list[x509.GeneralName]:
    try:
        return [
            *(x509.DNSName(name) for name in inputs.get("dnsNames") or []),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in inputs.get("ipAddresses") or []),
            *(x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris") or []),
        ]
    except ValueError as error:
        raise Refused(str(error)) from error


KINDS: list[type[Kind]] = [PrivateKey, CertRequest, SelfSignedCert, LocallySignedCert]
