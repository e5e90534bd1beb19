"""Docker hosts on AWS whose API answers to trusted sources over mutual TLS, and to nobody else."""

from .arguments import DockerHostArgs, KeyDelivery, OperatingSystem
from .certificates import KeyAlgorithm
from .host import DockerHost, DockerHostError

__version__ = "0.1.0"

__all__ = [
    "DockerHost",
    "DockerHostArgs",
    "DockerHostError",
    "KeyAlgorithm",
    "KeyDelivery",
    "OperatingSystem",
]
