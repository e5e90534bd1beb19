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
    KeyAlgorithm.ECDSA_P256: (220, 600, 520),
    KeyAlgorithm.ECDSA_P384: (280, 690, 605),
    KeyAlgorithm.RSA_3072: (2440, 1480, 1400),
    KeyAlgorithm.RSA_4096: (3220, 1830, 1750),
}
"""Bytes that a server's key, its certificate and a CA's certificate (PEM) take at least: with the shortest names, and
shorter than chance makes serial numbers, signatures and an RSA key's numbers in 2**60 tries. A test measures them."""
