"""Docker hosts on AWS whose API answers to trusted sources over mutual TLS, and to nobody else.

Names are loaded when they are asked for (PEP 562): the command, the audit and the policies import this package without
the Pulumi SDKs, which take a second and 100 MB.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .host.arguments import DockerFleetArgs, DockerHostArgs
    from .host.children import DockerHostError
    from .host.component import DockerHost
    from .host.fleet import DockerFleet
    from .host.keys import KeyAlgorithm, KeyDelivery
    from .host.systems import OperatingSystem

__version__ = "0.1.0"

__all__ = [
    "DockerFleet",
    "DockerFleetArgs",
    "DockerHost",
    "DockerHostArgs",
    "DockerHostError",
    "KeyAlgorithm",
    "KeyDelivery",
    "OperatingSystem",
]

_HOMES = {
    "DockerFleet": ".host.fleet",
    "DockerFleetArgs": ".host.arguments",
    "DockerHost": ".host.component",
    "DockerHostArgs": ".host.arguments",
    "DockerHostError": ".host.children",
    "KeyAlgorithm": ".host.keys",
    "KeyDelivery": ".host.keys",
    "OperatingSystem": ".host.systems",
}


def __getattr__(name: str) -> Any:
    """A public name from its module. Raises ModuleNotFoundError, with the line to run, where an SDK is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in {"pulumi", "pulumi_aws", "pulumi_tls"}:
            raise
        from .core.installation import install_line

        raise ModuleNotFoundError(
            f"{name} needs the module {error.name}; run: {install_line('component')}", name=error.name
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
