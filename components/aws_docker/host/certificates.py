"""Makes a host's TLS material with pulumi-tls: who may claim to be the server, and who may log in.

The servers have a CA of their own, and so has each client: dockerd has no revocation list, so the CA is what can be
taken back. Taking a client's name away takes its CA from the host's bundle, and leaves every other client alone.
Leaves carry exactly one extended key usage. The CAs' keys stay in the stack's state and never reach a host.

A CA is renewed with an overlap: each generation of it is a resource of its own, so that none has to go for another to
come. The first generation signs the servers', which is what every client knows; the last signs the clients'; hosts and
clients trust all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pulumi
import pulumi_tls as tls

from . import access, advice
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

    name: str
    """What the certificate is called in the stack."""
    key_pem: pulumi.Output[str]
    certificate_pem: pulumi.Output[str]
    expires_at: pulumi.Output[str]


@dataclass(frozen=True)
class Leaf:
    """One certificate and its key (PEM)."""

    name: str
    """What the certificate is called in the stack."""
    certificate_pem: pulumi.Output[str]
    key_pem: pulumi.Output[str]
    expires_at: pulumi.Output[str]


@dataclass(frozen=True)
class Identity:
    """Who may claim to be a server, and who the clients are: the same on every machine that serves them."""

    servers: Sequence[Authority]
    """Every generation of the servers' CA, the oldest first."""
    authorities: Mapping[str, Sequence[Authority]]
    """Every generation of each client's CA."""
    clients: Mapping[str, Leaf]

    @property
    def client_authorities(self) -> list[pulumi.Output[str]]:
        """The CA certificates by which a host knows clients."""
        return [each.certificate_pem for authorities in self.authorities.values() for each in authorities]


@dataclass(frozen=True)
class Materials:
    """What clients need, as a component puts it out; keys are secret. All are None or empty where nobody connects."""

    ca: pulumi.Output[str | None]
    first_certificate: pulumi.Output[str | None]
    first_key: pulumi.Output[str | None]
    certificates: pulumi.Output[Mapping[str, str]]
    keys: pulumi.Output[Mapping[str, str]]
    expire_at: pulumi.Output[str | None]
    """When the first of the servers' and clients' certificates expires, or of the CAs that prove them."""


def identity(children: Children, plan: Certificates) -> Identity:
    """The servers' CA, and for each client a certificate under a CA that signs nothing else."""
    authorities: dict[str, Sequence[Authority]] = {}
    clients: dict[str, Leaf] = {}
    servers = _authorities(children, "server", plan)
    for client in plan.clients:
        role = f"client-{client}"
        authorities[client] = _authorities(children, role, plan)
        clients[client] = _leaf(children, role, "client_auth", plan, authorities[client][-1], {})
    return Identity(servers, authorities, clients)


def server(
    children: Children,
    plan: Certificates,
    identity: Identity,
    addresses: pulumi.Input[Sequence[str]],
    names: pulumi.Input[Sequence[str]],
) -> Leaf:
    """A server's certificate, for exactly these addresses and names: Docker's clients check them (RFC 6125)."""
    proved = {"ip_addresses": addresses, "dns_names": names}
    return _leaf(children, "server", "server_auth", plan, identity.servers[0], proved)


def materials(identity: Identity | None, servers: Sequence[Leaf]) -> Materials:
    """What the clients of an identity, and of the servers that it proves, need."""
    clients: Mapping[str, Leaf] = identity.clients if identity else {}
    first = next(iter(clients.values()), None)
    dates = [each.expires_at for each in (*_leaves(identity, servers), *_every_authority(identity))]
    return Materials(
        ca=pulumi.Output.from_input(_bundle(identity.servers) if identity else None),
        first_certificate=pulumi.Output.from_input(first.certificate_pem if first else None),
        first_key=pulumi.Output.secret(first.key_pem) if first else pulumi.Output.from_input(None),
        certificates=by_name({name: leaf.certificate_pem for name, leaf in clients.items()}),
        keys=pulumi.Output.secret(by_name({name: leaf.key_pem for name, leaf in clients.items()})),
        expire_at=once_known(access.first_expiry, dates=dates),
    )


def warn_of_ends(
    component: pulumi.Resource, plan: Certificates, identity: Identity | None, servers: Sequence[Leaf]
) -> None:
    """Has Pulumi say which certificates end soon, of those that a run leaves as they are."""

    def show(found: Sequence[str]) -> None:
        for warning in found:
            pulumi.log.warn(warning, component)

    leaves, authorities = (
        {each.name: each.expires_at for each in some}
        for some in (_leaves(identity, servers), _every_authority(identity))
    )
    once_known(
        partial(advice.ending, plan, now=datetime.now(UTC)), leaves=leaves, authorities=authorities
    ).apply(show)


def _leaves(identity: Identity | None, servers: Sequence[Leaf]) -> list[Leaf]:
    return [*servers, *identity.clients.values()] if identity else []


def _every_authority(identity: Identity | None) -> list[Authority]:
    if identity is None:
        return []
    return [*identity.servers, *(each for some in identity.authorities.values() for each in some)]


def _bundle(authorities: Sequence[Authority]) -> pulumi.Output[str]:
    """CA certificates as one PEM file: a single one as it is."""
    first, *others = (each.certificate_pem for each in authorities)
    return pulumi.Output.concat(first, *others) if others else first


def by_name(
    values: Mapping[str, pulumi.Output[str] | pulumi.Output[str | None]],
) -> pulumi.Output[Mapping[str, str]]:
    """A map that is put out; of what there is not, there is no entry."""
    # Of nothing, Output.all makes a list.
    known = pulumi.Output.all(**values) if values else pulumi.Output.from_input(dict[str, str]())
    return known.apply(lambda found: {name: value for name, value in found.items() if value is not None})


def _common_name(children: Children, role: str, end: str = "") -> str:
    # RFC 5280 limits a common name to 64 characters; nothing reads it but people.
    return f"{children.name} {role}"[: min(61, 64 - len(end))] + end


def _authorities(children: Children, role: str, plan: Certificates) -> list[Authority]:
    return [_authority(children, role, plan, generation) for generation in plan.ca_generations]


def _authority(children: Children, role: str, plan: Certificates, generation: int) -> Authority:
    # No client's name holds an @: none of its resources is called so.
    mark, called = (f"@{generation}", f" CA {generation}") if generation > 1 else ("", " CA")
    key = tls.PrivateKey(
        children.named(f"{role}-ca{mark}-key"), **_KEY_ARGUMENTS[plan.algorithm], opts=children.options()
    )
    name = children.named(f"{role}-ca{mark}")
    certificate = tls.SelfSignedCert(
        name,
        private_key_pem=key.private_key_pem,
        is_ca_certificate=True,
        # Python 3.13 refuses a CA that does not say cert_signing (RFC 5280, 4.2.1.3).
        allowed_uses=["cert_signing", "crl_signing"],
        set_subject_key_id=True,
        validity_period_hours=plan.ca_validity_days * 24,
        subject={"common_name": _common_name(children, role, called)},
        opts=children.options(),
    )
    return Authority(name, key.private_key_pem, certificate.cert_pem, certificate.validity_end_time)


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
    name = children.named(f"{role}-certificate")
    certificate = tls.LocallySignedCert(
        name,
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=authority.key_pem,
        ca_cert_pem=authority.certificate_pem,
        allowed_uses=uses,
        validity_period_hours=plan.validity_days * 24,
        # From then on the provider plans to replace it, at any run (terraform-provider-tls, common_cert.go).
        early_renewal_hours=plan.renew_before_days * 24 or None,
        opts=children.options(),
    )
    return Leaf(name, certificate.cert_pem, key.private_key_pem, certificate.validity_end_time)
