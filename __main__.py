"""The component plugin: how Pulumi programs in other languages reach the components. The root's own program is
examples/quickstart (see Pulumi.yaml).
"""

from aws_docker import __version__
from aws_docker.host.plugin import serve

if __name__ == "__main__":
    serve(__version__)
