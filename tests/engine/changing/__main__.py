"""One host, with whatever arguments the configuration says."""

import pulumi

from aws_docker import DockerHost

host = DockerHost("build", pulumi.Config().require_object("args"))

pulumi.export("endpoint", host.endpoint)
