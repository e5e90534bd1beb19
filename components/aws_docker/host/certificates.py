"""Makes a host's TLS material with pulumi-tls: who may claim to be the server, and who may log in.

The servers have a CA of their own, and so has each client: dockerd has no revocation list, so the CA is what can be
taken back. Taking a client's name away takes its CA from the host's bundle, and leaves every other client alone.
Leaves carry exactly one extended key usage. The CAs' keys stay in the stack's state and never reach a host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_tls as tls

from . import access
from .children import Children, once_known
from .keys import KeyAlgorithm
from .plan import Certificates

__all__ = ["Authority", "Identity", "KeyAlgorithm", "Leaf", "Materials", "identity", "materials", "server"]

# Always said in full: pulumi-tls would default to P-224, which Docker's clients do not speak.
_KEY_ARGUMENTS: Mapping[KeyAlgorithm, dict[str, Any]] = {
    KeyAlgorithm.ECDSA_P256: {"algorithm": "ECDSA", "ecdsa_curve": "P256"},
    KeyAlgorithm.ECDSA_P384: {"algorithm": "ECDSA", "ecdsa_curve": "P384"},
    KeyAlgorithm.RSA_3072: {"algorithm": "RSA", "rsa_bits": 3072},
    KeyAlgorithm.RSA_4096: {"algorithm": "RSA", "rsa_bits": 4096},
}


@dataclass(frozen=True)
class Authority:
    """A CA: its key, which never leaves the stack's state, and its certificate (PEM)."""

    key_pem: pulumi.Output[str]
    certificate_pem: pulumi.Output[str]


@dataclass(frozen=True)
class Leaf:
    """One certificate and its key (PEM), and the CA certificate that proves it."""

    ca_pem: pulumi.Output[str]
    certificate_pem: pulumi.Output[str]
    key_pem: pulumi.Output[str]
    expires_at: pulumi.Output[str]


@dataclass(frozen=True)
class Identity:
    """Who may claim to be a server, and who the clients are: the same on every machine that serves them."""

    servers: Authority
    clients: Mapping[str, Leaf]


@dataclass(frozen=True)
class Materials:
    """What clients need, as a component puts it out; keys are secret. All are None or empty where nobody connects."""

    ca: pulumi.Output[str | None]
    first_certificate: pulumi.Output[str | None]
    first_key: pulumi.Output[str | None]
    certificates: pulumi.Output[Mapping[str, str]]
    keys: pulumi.Output[Mapping[str, str]]
    expire_at: pulumi.Output[str | None]
    """When the first of the servers' and clients' certificates expires."""


def identity(children: Children, plan: Certificates) -> Identity:
    """The servers' CA, and for each client a certificate under a CA that signs nothing else."""
    servers = _authority(children, "server", plan)
    clients: dict[str, Leaf] = {}
    for client in plan.clients:
        role = f"client-{client}"
        clients[client] = _leaf(children, role, "client_auth", plan, _authority(children, role, plan), {})
    return Identity(servers, clients)


def server(
    children: Children,
    plan: Certificates,
    authority: Authority,
    addresses: pulumi.Input[Sequence[str]],
    names: pulumi.Input[Sequence[str]],
) -> Leaf:
    """A server's certificate, for exactly these addresses and names: Docker's clients check them (RFC 6125)."""
    proved = {"ip_addresses": addresses, "dns_names": names}
    return _leaf(children, "server", "server_auth", plan, authority, proved)


def materials(identity: Identity | None, servers: Sequence[Leaf]) -> Materials:
    """What the clients of an identity, and of the servers that it proves, need."""
    clients: Mapping[str, Leaf] = identity.clients if identity else {}
    first = next(iter(clients.values()), None)
    return Materials(
        ca=pulumi.Output.from_input(identity.servers.certificate_pem if identity else None),
        first_certificate=pulumi.Output.from_input(first.certificate_pem if first else None),
        first_key=pulumi.Output.secret(first.key_pem) if first else pulumi.Output.from_input(None),
        certificates=by_name({name: leaf.certificate_pem for name, leaf in clients.items()}),
        keys=pulumi.Output.secret(by_name({name: leaf.key_pem for name, leaf in clients.items()})),
        expire_at=once_known(
            access.first_expiry, dates=[leaf.expires_at for leaf in (*servers, *clients.values())]
        ),
    )


def by_name(
    values: Mapping[str, pulumi.Output[str] | pulumi.Output[str | None]],
) -> pulumi.Output[Mapping[str, str]]:
    """A map that is put out; of what there is not, there is no entry."""
    # Of nothing, Output.all makes a list.
    known = pulumi.Output.all(**values) if values else pulumi.Output.from_input(dict[str, str]())
    return known.apply(lambda found: {name: value for name, value in found.items() if value is not None})


def _common_name(children: Children, role: str) -> str:
    # RFC 5280 limits a common name to 64 characters; nothing reads it but people.
    return f"{children.name} {role}"[:61]


def _authority(children: Children, role: str, plan: Certificates) -> Authority:
    key = tls.PrivateKey(
        children.named(f"{role}-ca-key"), **_KEY_ARGUMENTS[plan.algorithm], opts=children.options()
    )
    certificate = tls.SelfSignedCert(
        children.named(f"{role}-ca"),
        private_key_pem=key.private_key_pem,
        is_ca_certificate=True,
        # Python 3.13 refuses a CA that does not say cert_signing (RFC 5280, 4.2.1.3).
        allowed_uses=["cert_signing", "crl_signing"],
        set_subject_key_id=True,
        validity_period_hours=plan.ca_validity_days * 24,
        subject={"common_name": f"{_common_name(children, role)} CA"},
        opts=children.options(),
    )
    return Authority(key.private_key_pem, certificate.cert_pem)


def _leaf(
    children: Children,
    role: str,
    usage: str,
    plan: Certificates,
    authority: Authority,
    proved: Mapping[str, pulumi.Input[Sequence[str]]],
) -> Leaf:
    key_arguments = _KEY_ARGUMENTS[plan.algorithm]
    key = tls.PrivateKey(
        children.named(f"{role}-key"),
        **key_arguments,
        opts=children.options(replacement_trigger=plan.generation),
    )
    request = tls.CertRequest(
        children.named(f"{role}-request"),
        private_key_pem=key.private_key_pem,
        subject={"common_name": _common_name(children, role)},
        ip_addresses=proved.get("ip_addresses"),
        dns_names=proved.get("dns_names"),
        opts=children.options(),
    )
    uses = ["digital_signature", usage]
    if key_arguments["algorithm"] == "RSA":
        uses.append("key_encipherment")
    certificate = tls.LocallySignedCert(
        children.named(f"{role}-certificate"),
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=authority.key_pem,
        ca_cert_pem=authority.certificate_pem,
        allowed_uses=uses,
        validity_period_hours=plan.validity_days * 24,
        # From then on the provider plans to replace it, at any run (terraform-provider-tls, common_cert.go).
        early_renewal_hours=plan.renew_before_days * 24 or None,
        opts=children.options(),
    )
    return Leaf(
        authority.certificate_pem, certificate.cert_pem, key.private_key_pem, certificate.validity_end_time
    )
