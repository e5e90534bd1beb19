"""One host, with whatever arguments the configuration says."""

import pulumi

from aws_docker import DockerHost

host = DockerHost("build", pulumi.Config().require_object("args"))

pulumi.export("endpoint", host.endpoint)
pulumi.export("ca_material", host.ca_material)
pulumi.export("cert_material", host.cert_material)
pulumi.export("key_material", host.key_material)
