"""A Python language host for the Pulumi engine, for machines where `pulumi-language-python` cannot be had.

It runs programs, policy packs and component plugins with the interpreter that runs the lab. Programs do not depend on
it: where the real one is on PATH, that is used.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2


class LanguageHost(LanguageServer):
    """Answers the engine; `Run` is the SDK's own, around the program that the request names."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="0.0.0")

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        yield language_pb2.InstallDependenciesResponse(stdout=b"the lab's interpreter has them already\n")

    def Run(self, request: Any, context: Any) -> Any:
        directory = Path(request.info.program_directory or request.pwd)
        entry = directory / (request.info.entry_point or ".")

        def program() -> None:
            os.chdir(request.pwd)
            sys.argv = [str(entry), *request.args[1:]]
            # As `python <entry>` would: the program's own folder comes first.
            sys.path.insert(0, str(entry if entry.is_dir() else entry.parent))
            runpy.run_path(str(entry), run_name="__main__")

        self.program = program
        return super().Run(request, context)

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        directory = request.info.program_directory or request.program
        if request.kind == "analyzer":
            command = [sys.executable, "-u", "-m", "pulumi.policy", *request.args, directory]
        else:
            command = [sys.executable, "-u", directory, *request.args]
        environment = {**os.environ, **dict(pair.split("=", 1) for pair in request.env)}
        plugin = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=sys.stderr
        )
        context.add_callback(plugin.terminate)
        assert plugin.stdout
        try:
            for line in plugin.stdout:
                yield language_pb2.RunPluginResponse(stdout=line)
            yield language_pb2.RunPluginResponse(exitcode=plugin.wait())
        finally:
            plugin.terminate()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
