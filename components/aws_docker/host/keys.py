"""The keys and certificates that there can be: algorithms, sizes, and how the server's key reaches its host. Pure."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class KeyAlgorithm(str, Enum):
    """The algorithm of every key, CAs included. Sources: RFC 8422 (ECDSA in TLS), NIST SP 800-57 (RSA sizes)."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


class KeyDelivery(str, Enum):
    """How the server's key reaches the host."""

    PARAMETER_STORE = "parameter-store"
    USER_DATA = "user-data"


LEAST_SIZES: Final[Mapping[KeyAlgorithm, tuple[int, int, int]]] = {
    KeyAlgorithm.ECDSA_P256: (225, 620, 560),
    KeyAlgorithm.ECDSA_P384: (285, 700, 640),
    KeyAlgorithm.RSA_3072: (2460, 1500, 1440),
    KeyAlgorithm.RSA_4096: (3260, 1850, 1790),
}
"""Bytes that a server's key, its certificate and a CA's certificate (PEM) take at least."""
