"""Serves one of the stand-ins, by name: aws, tls, docker, and preview-PACKAGE for those that only plan."""

import gc
import sys


def main(name: str) -> None:
    # It ends with the engine's run: looking for garbage costs more than it could free, most of all while it loads.
    gc.disable()
    from lab.engine.providers.plugin import Plugin, serve

    # Each is a process of its own, and loads only what it serves.
    if name == "tls":
        from lab.engine.providers import tls

        serve(Plugin("tls", tls.KINDS, {}, lambda _: None))
    elif name == "docker":
        from lab.engine.providers import docker

        serve(Plugin("docker", docker.KINDS, {}, docker.Client))
    elif name in ("aws", "preview-aws"):
        from lab.engine.providers.aws import compute, functions, identity, networks, security_groups
        from lab.engine.providers.aws.api import Api
        from lab.engine.providers.preview import PreviewPlugin

        kinds = [*networks.KINDS, *security_groups.KINDS, *compute.KINDS, *identity.KINDS]
        serve({"aws": Plugin, "preview-aws": PreviewPlugin}[name]("aws", kinds, functions.FUNCTIONS, Api))
    else:
        from lab.engine.providers.preview import PreviewPlugin

        serve(PreviewPlugin(name.removeprefix("preview-"), [], {}, lambda _: None))


main(sys.argv[1])
