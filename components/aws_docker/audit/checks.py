"""What the audit, the probe and verify may find: data, from which SARIF and docs/audit.md take their words. Pure.

A new kind of finding is one row here, one in docs/audit.md (a test compares), and what finds it.
"""

from typing import Final

from ..core.checks import Check, Severity

_CRITICAL, _HIGH, _MEDIUM, _LOW = Severity

CHECKS: Final = {
    check.id: check
    for check in (
        Check(
            "open-to-the-internet-without-tls",
            "The internet reaches a Docker API that asks no client for a certificate.",
            "Whoever connects to a Docker API is root on its host.",
            "Take the security group's rule away, then start dockerd with --tlsverify.",
            _CRITICAL,
        ),
        Check(
            "api-in-clear-text",
            "A Docker API answers in clear text to whoever connects.",
            "Whoever connects to a Docker API is root on its host.",
            "Close the port, then start dockerd with --tlsverify.",
            _CRITICAL,
        ),
        Check(
            "api-without-client-certificate",
            "A Docker API answers over TLS to clients without a certificate.",
            "TLS encrypts, and whoever connects is root on the host.",
            "Close the port, then start dockerd with --tlsverify and --tlscacert.",
            _CRITICAL,
        ),
        Check(
            "open-to-the-internet",
            "The internet reaches a port of the Docker API.",
            "Only TLS stands between the internet and root: network and TLS must hold together.",
            "Narrow the security group's rule to the sources that need it.",
            _HIGH,
        ),
        Check(
            "swarm-open-to-the-internet",
            "The internet reaches a port of a Docker Swarm.",
            "Whoever has a token joins at 2377, and overlay networks (4789) take packets from whoever sends some.",
            "Take the security group's rule away, and let members in by a group of their own.",
            _HIGH,
        ),
        Check(
            "unexpected-authority",
            "The server's certificate is not of the expected CA.",
            "It may be another server at this address, which would be told what clients send.",
            "Find out which server answers before any client connects.",
            _HIGH,
        ),
        Check(
            "drift",
            "What is configured, or what the wire says, is not what the stack intends.",
            "Exposure that nobody intended is exposure that nobody watches.",
            "Bring the configuration back with pulumi up --refresh, or write into the stack what is meant.",
            _HIGH,
        ),
        Check(
            "open-wider-than-trusted",
            "Addresses that are not trusted reach a port of the Docker API.",
            "Only trusted sources may reach the Docker API, by private networks too.",
            "Narrow the security group's rule, or name the sources with --trusted.",
            _MEDIUM,
        ),
        Check(
            "swarm-open-wider-than-members",
            "Whole networks reach a port of a Docker Swarm.",
            "Only its members need to: every other machine there could forge packets of overlay networks (4789).",
            "Let members in by a group of their own, whose rules name itself.",
            _MEDIUM,
        ),
        Check(
            "trusted-without-tls",
            "Trusted sources reach a Docker API that asks no client for a certificate.",
            "Every process at a trusted address is then root on the host.",
            "Start dockerd with --tlsverify.",
            _MEDIUM,
        ),
        Check(
            "private-key-in-user-data",
            "User-data holds a private key, or a Swarm's join token.",
            "Every process on the instance, and whoever may describe it, can read user-data.",
            "Make a new one, deliver it by Parameter Store or Secrets Manager, and take the old one back.",
            _MEDIUM,
        ),
        Check(
            "document-without-tls",
            "A document of Systems Manager starts a Docker API that asks no client for a certificate.",
            "Each instance that it is sent to has one; who reaches it, the instance's security groups decide.",
            "Start dockerd with --tlsverify in the document, and send it again.",
            _MEDIUM,
        ),
        Check(
            "task-without-tls",
            "A task definition of ECS hands the Docker API to whoever connects, without a certificate.",
            "Whoever connects is root on the instance, by a daemon in a container or by the instance's socket.",
            "Publish no such port, or have the container ask for client certificates.",
            _MEDIUM,
        ),
        Check(
            "private-key-in-document",
            "A document of Systems Manager or a task definition holds a private key, or a Swarm's join token.",
            "Whoever may read documents and task definitions has it, and so has its history.",
            "Make a new one, deliver it by Parameter Store or Secrets Manager, and take the old one back.",
            _MEDIUM,
        ),
        Check(
            "certificate-expired",
            "The server's certificate is not valid today.",
            "Docker's clients refuse it, and people then switch verification off.",
            "Renew the certificate.",
            _MEDIUM,
        ),
        Check(
            "certificate-for-another-name",
            "The server's certificate is for other names or addresses.",
            "Docker's clients refuse it, and people then switch verification off.",
            "Issue a certificate for the address that clients connect to.",
            _MEDIUM,
        ),
        Check(
            "old-tls",
            "The server speaks a TLS version older than 1.2.",
            "TLS 1.0 and 1.1 are broken (RFC 8996); dockerd has not spoken them since 17.x.",
            "Upgrade what terminates TLS there.",
            _MEDIUM,
        ),
        Check(
            "bundle-refused",
            "The client bundle does not work with this server.",
            "A client that should be served is not.",
            "Write the bundle again with aws-docker bundle, and compare the CA that the server trusts.",
            _MEDIUM,
        ),
        Check(
            "certificate-expiring",
            "A certificate expires within 60 days.",
            "The day after, clients are refused, and people then switch verification off.",
            "Renew it; for a host of this package docs/rotation.md has the commands.",
            _LOW,
        ),
        Check(
            "disk-nearly-full",
            "A disk of a host of this package is 85 % full or more, by the host's own word.",
            "On a full disk builds and pulls fail, and a host keeps the configuration that it has.",
            "Set prune_images_after_days, or enlarge the disk; docs/years.md has the commands.",
            _LOW,
        ),
        Check(
            "security-updates-failed",
            "The last security updates of a host of this package failed, by the host's own word.",
            "What is known to be broken stays so, and nobody else says it.",
            "See journalctl -u dockerhost-updates on the host; docs/years.md says what it needs.",
            _LOW,
        ),
        Check(
            "listener-without-tls",
            "User-data starts a Docker API that asks no client for a certificate; no packet reaches it now.",
            "The next security-group rule opens it.",
            "Start dockerd with --tlsverify.",
            _LOW,
        ),
    )
}
