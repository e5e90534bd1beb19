"""Docker's ports, and nothing about who may reach them. Pure."""

from typing import Final

DOCKER_PLAIN_PORT: Final = 2375
"""Docker's port without TLS (IANA: docker). Nothing of ours opens it, for anyone."""
DOCKER_TLS_PORT: Final = 2376
"""Docker's TLS port (IANA: docker-s). The number proves nothing: without tlsverify it is as open as 2375."""
DOCKER_PORTS: Final = (DOCKER_PLAIN_PORT, DOCKER_TLS_PORT)
