"""The component plugin: how Pulumi programs in other languages reach DockerHost. The root's own program is
examples/quickstart (see Pulumi.yaml).
"""

from pulumi.provider.experimental import component_provider_host

from aws_docker import DockerHost, __version__

if __name__ == "__main__":
    component_provider_host(name="aws-docker", components=[DockerHost], version=__version__)
