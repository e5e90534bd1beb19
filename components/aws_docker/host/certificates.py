"""Makes a host's TLS material with pulumi-tls: who may claim to be the server, and who may log in.

The server has a CA of its own, and so has each client: dockerd has no revocation list, so the CA is what can be
taken back. Taking a client's name away takes its CA from the host's bundle, and leaves every other client alone.
Leaves carry exactly one extended key usage. The CAs' keys stay in the stack's state and never reach a host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi
import pulumi_tls as tls


class KeyAlgorithm(str, Enum):
    """The algorithm of every key, CAs included. Sources: RFC 8422 (ECDSA in TLS), NIST SP 800-57 (RSA sizes)."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


# Always said in full: pulumi-tls would default to P-224, which Docker's clients do not speak.
_KEY_ARGUMENTS: Mapping[KeyAlgorithm, dict[str, Any]] = {
    KeyAlgorithm.ECDSA_P256: {"algorithm": "ECDSA", "ecdsa_curve": "P256"},
    KeyAlgorithm.ECDSA_P384: {"algorithm": "ECDSA", "ecdsa_curve": "P384"},
    KeyAlgorithm.RSA_3072: {"algorithm": "RSA", "rsa_bits": 3072},
    KeyAlgorithm.RSA_4096: {"algorithm": "RSA", "rsa_bits": 4096},
}

LEAST_SIZES: Mapping[KeyAlgorithm, tuple[int, int, int]] = {
    KeyAlgorithm.ECDSA_P256: (225, 620, 560),
    KeyAlgorithm.ECDSA_P384: (285, 700, 640),
    KeyAlgorithm.RSA_3072: (2460, 1500, 1440),
    KeyAlgorithm.RSA_4096: (3260, 1850, 1790),
}
"""Bytes that a server's key, its certificate and a CA's certificate (PEM) take at least."""


@dataclass(frozen=True)
class Policy:
    """How certificates are made: algorithm, validity in days, and the generation whose change renews every leaf."""

    algorithm: KeyAlgorithm
    ca_validity_days: int
    certificate_validity_days: int
    generation: int


@dataclass(frozen=True)
class Leaf:
    """One certificate and its key (PEM), and the CA certificate that proves it."""

    ca_pem: pulumi.Output[str]
    certificate_pem: pulumi.Output[str]
    key_pem: pulumi.Output[str]
    expires_at: pulumi.Output[str]


def server(
    name: str,
    policy: Policy,
    addresses: pulumi.Input[Sequence[str]],
    hostnames: pulumi.Input[Sequence[str]],
    opts: pulumi.ResourceOptions,
) -> Leaf:
    """The server's certificate, for exactly these addresses and names: Docker's clients check them (RFC 6125)."""
    return _leaf(
        name, "server", "server_auth", policy, opts, {"ip_addresses": addresses, "dns_names": hostnames}
    )


def client(name: str, client_name: str, policy: Policy, opts: pulumi.ResourceOptions) -> Leaf:
    """One client's certificate, under a CA that signs nothing else."""
    return _leaf(name, f"client-{client_name}", "client_auth", policy, opts, {})


def _leaf(
    name: str, role: str, usage: str, policy: Policy, opts: pulumi.ResourceOptions, names: dict[str, Any]
) -> Leaf:
    key_arguments = _KEY_ARGUMENTS[policy.algorithm]
    renewed = pulumi.ResourceOptions.merge(
        opts, pulumi.ResourceOptions(replacement_trigger=policy.generation)
    )
    # RFC 5280 limits a common name to 64 characters; nothing reads it but people.
    common_name = f"{name} {role}"[:61]

    ca_key = tls.PrivateKey(f"{name}-{role}-ca-key", **key_arguments, opts=opts)
    ca = tls.SelfSignedCert(
        f"{name}-{role}-ca",
        private_key_pem=ca_key.private_key_pem,
        is_ca_certificate=True,
        # Python 3.13 refuses a CA that does not say cert_signing (RFC 5280, 4.2.1.3).
        allowed_uses=["cert_signing", "crl_signing"],
        set_subject_key_id=True,
        validity_period_hours=policy.ca_validity_days * 24,
        subject={"common_name": f"{common_name} CA"},
        opts=opts,
    )
    key = tls.PrivateKey(f"{name}-{role}-key", **key_arguments, opts=renewed)
    request = tls.CertRequest(
        f"{name}-{role}-request",
        private_key_pem=key.private_key_pem,
        subject={"common_name": common_name},
        **names,
        opts=opts,
    )
    uses = ["digital_signature", usage]
    if key_arguments["algorithm"] == "RSA":
        uses.append("key_encipherment")
    certificate = tls.LocallySignedCert(
        f"{name}-{role}-certificate",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=ca_key.private_key_pem,
        ca_cert_pem=ca.cert_pem,
        allowed_uses=uses,
        validity_period_hours=policy.certificate_validity_days * 24,
        opts=opts,
    )
    return Leaf(ca.cert_pem, certificate.cert_pem, key.private_key_pem, certificate.validity_end_time)
