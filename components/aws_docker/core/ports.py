"""Docker's ports, and nothing about who may reach them. Pure."""

from typing import Final, Literal

Transport = Literal["tcp", "udp"]

DOCKER_PLAIN_PORT: Final = 2375
"""Docker's port without TLS (IANA: docker). Nothing of ours opens it, for anyone."""
DOCKER_TLS_PORT: Final = 2376
"""Docker's TLS port (IANA: docker-s). The number proves nothing: without tlsverify it is as open as 2375."""
DOCKER_PORTS: Final = (DOCKER_PLAIN_PORT, DOCKER_TLS_PORT)

SWARM_MANAGEMENT_PORT: Final = 2377
"""Where a Swarm's managers are joined and kept (TCP, mutual TLS): its control plane."""
SWARM_PORTS: Final[tuple[tuple[Transport, int], ...]] = (
    ("tcp", SWARM_MANAGEMENT_PORT),
    ("tcp", 7946),
    ("udp", 7946),
    ("udp", 4789),
)
"""What a Swarm's members say among themselves (Docker, "Getting started with swarm mode"): the control plane, their
gossip, and the packets of overlay networks (VXLAN), which whoever may send some can forge."""
DOCKERS_OWN: Final = {
    DOCKER_PLAIN_PORT: "the Docker API's without TLS",
    DOCKER_TLS_PORT: "the Docker API's, and open to the trusted sources as it is",
    # Docker documentation, "Getting started with Swarm mode": open protocols and ports between the hosts.
    SWARM_MANAGEMENT_PORT: "where Swarm's managers are told what to do",
    4789: "Swarm's overlay networks'",
    7946: "where Swarm's nodes find each other",
    # Docker documentation, "Collect Docker metrics with Prometheus".
    9323: "where dockerd tells its metrics to whoever asks",
}
"""The ports of Docker and Swarm themselves, which no container's port is taken for, and whose each is."""
