"""Docker hosts on AWS whose API answers to trusted sources over mutual TLS, and to nobody else."""

from .host.arguments import DockerHostArgs, KeyDelivery, OperatingSystem
from .host.certificates import KeyAlgorithm
from .host.component import DockerHost, DockerHostError

__version__ = "0.1.0"

__all__ = [
    "DockerHost",
    "DockerHostArgs",
    "DockerHostError",
    "KeyAlgorithm",
    "KeyDelivery",
    "OperatingSystem",
]
