"""Serves moto with the parameters by which publishers name their newest images, as everybody finds them in AWS.

The component looks them up, whatever provider it runs on. moto knows Amazon's own, with images that it does not have,
and lets nobody write below /aws: so they are answered here, from the images that the lab has registered.
"""

import sys
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.server import main
from moto.ssm import models as ssm

from lab.engine import associations, sessions

IMAGE_PARAMETERS = {
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64": ("al2023", "x86_64"),
    "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64": ("al2023", "arm64"),
    "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id": (
        "ubuntu-24.04",
        "x86_64",
    ),
    "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id": (
        "ubuntu-24.04",
        "arm64",
    ),
    "/aws/service/debian/release/12/latest/amd64": ("debian-12", "x86_64"),
    "/aws/service/debian/release/12/latest/arm64": ("debian-12", "arm64"),
    "/aws/service/debian/release/13/latest/amd64": ("debian-13", "x86_64"),
    "/aws/service/debian/release/13/latest/arm64": ("debian-13", "arm64"),
}
"""The system and the architecture of each; an image's name begins with both."""


class Parameters(ssm.ParameterDict):
    """An account's parameters in one region, and the publishers' own, which no list of the account's has."""

    def __contains__(self, name: str) -> bool:  # type: ignore[override]
        return bool(self._published(name)) or super().__contains__(name)

    def __getitem__(self, name: str) -> list[ssm.Parameter]:
        return self._published(name) or super().__getitem__(name)

    def _published(self, name: str) -> list[ssm.Parameter]:
        if name not in IMAGE_PARAMETERS:
            return []
        begins = "-".join([*IMAGE_PARAMETERS[name], ""])
        images: list[Any] = list(ec2_backends[self.account_id][self.region_name].amis.values())
        of_it = sorted((image.name, image.id) for image in images if (image.name or "").startswith(begins))
        return [
            ssm.Parameter(
                self.account_id, name, image_id, "String", None, None, None, utcnow(), version, "text"
            )
            for version, (_, image_id) in enumerate(of_it, 1)
        ]


if __name__ == "__main__":
    ssm.ParameterDict = Parameters
    associations.extend()
    sessions.extend()
    main(sys.argv[1:])
