"""A Python language host for the Pulumi engine, for machines where `pulumi-language-python` cannot be had.

It runs programs, policy packs and component plugins with the Python of their `virtualenv` option, or else with the
one that runs the lab. Programs do not depend on it: where the real one is on PATH, that is used.
"""

import asyncio
import contextlib
import gc
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
from pulumi import RunError
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

# Programs and plugins that were started here.
_running: set[subprocess.Popen[bytes]] = set()


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers the engine; every program runs in a process of its own."""

    def python(self, info: Any, kind: str = "") -> str:
        """The interpreter of the project's `virtualenv` option where it exists, or else the lab's.

        `kind` is that of a plugin: "resource", or "analyzer" for a policy pack.
        """
        environment = _options(info).get("virtualenv")
        if environment:
            for python in ("bin/python", "Scripts/python.exe"):
                found = Path(info.root_directory or info.program_directory) / environment / python
                if found.exists():
                    return str(found)
        return sys.executable

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def About(self, request: Any, context: Any) -> Any:
        python = self.python(request.info)
        shown = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
        return language_pb2.AboutResponse(
            executable=python, version=shown.stdout.removeprefix("Python ").strip()
        )

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        # Each resource names its plugin's version; the engine need not know them before the program runs.
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        listed = subprocess.run(
            [
                self.python(request.info),
                "-m",
                "pip",
                "list",
                "--format=freeze",
                "--disable-pip-version-check",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        pairs = [line.split("==") for line in listed.stdout.splitlines() if "==" in line]
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=version) for name, version in pairs]
        )

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """As the real one: a virtual environment if one is asked for and missing, then requirements.txt."""
        directory = Path(request.directory)
        environment = _options(request.info).get("virtualenv")
        commands: list[list[str]] = []
        if environment and not (directory / environment).exists():
            commands.append([sys.executable, "-m", "venv", str(directory / environment)])
        requirements = directory / "requirements.txt"
        if environment and requirements.exists():
            python = str(directory / environment / "bin" / "python")
            commands.append([python, "-m", "pip", "install", "--quiet", "--requirement", str(requirements)])
        for command in commands:
            ran = subprocess.run(command, cwd=directory, capture_output=True, check=False)
            yield language_pb2.InstallDependenciesResponse(stdout=ran.stdout, stderr=ran.stderr)
            if ran.returncode != 0:
                context.abort(grpc.StatusCode.INTERNAL, f"{' '.join(command)}: exit code {ran.returncode}")

    def Run(self, request: Any, context: Any) -> Any:
        request.args.insert(0, _engine_address())
        with tempfile.NamedTemporaryFile() as answer:
            # An interrupt is the engine's to handle: it then ends the program.
            program = subprocess.Popen(
                _command(self.python(request.info), __file__, "--program", answer.name),
                stdin=subprocess.PIPE,
                cwd=request.pwd or None,
                start_new_session=True,
            )
            _running.add(program)
            context.add_callback(lambda: program.poll() is None and program.terminate())
            assert program.stdin is not None
            program.stdin.write(request.SerializeToString())
            program.stdin.close()
            code = program.wait()
            response = language_pb2.RunResponse.FromString(answer.read())
        if code != 0:
            response.error = f"program exited with non-zero exit code: {code}"
        return response

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        directory = request.info.program_directory or request.program
        if request.kind == "analyzer":
            arguments = ["-m", "pulumi.policy", *request.args, directory]
        elif (Path(directory) / "__main__.py").exists():
            arguments = [directory, *request.args]
        else:
            arguments = ["-m", "pulumi.run.plugin", request.name, *request.args]
        environment = {**os.environ, **dict(pair.split("=", 1) for pair in request.env)}
        plugin = subprocess.Popen(
            _command(self.python(request.info, request.kind), *arguments),
            cwd=request.pwd or directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _running.add(plugin)
        context.add_callback(lambda: plugin.poll() is None and plugin.terminate())
        assert plugin.stdout is not None
        assert plugin.stderr is not None
        # What a plugin says to stderr is shown by the engine once the plugin has failed.
        errors: list[bytes] = []
        reader = threading.Thread(target=errors.extend, args=(plugin.stderr,), daemon=True)
        reader.start()
        try:
            for line in plugin.stdout:
                yield language_pb2.RunPluginResponse(stdout=line)
            reader.join()
            yield language_pb2.RunPluginResponse(stderr=b"".join(errors))
            yield language_pb2.RunPluginResponse(exitcode=plugin.wait())
        finally:
            if plugin.poll() is None:
                plugin.terminate()
                plugin.wait()


def run_program(request: Any) -> Any:
    """Runs the program that the engine's request names, in this process, as `python <program>` would."""
    directory = Path(request.info.program_directory or request.pwd)
    entry = directory / (request.info.entry_point or ".")

    def program() -> None:
        if request.pwd:
            os.chdir(request.pwd)
        sys.argv = [str(entry), *request.args[1:]]
        # In place of this file's folder: the program's own comes first.
        sys.path[0] = str(entry if entry.is_dir() else entry.parent)
        runpy.run_path(str(entry), run_name="__main__")

    try:
        failed = bool(LanguageServer(program).Run(request, None).error)
    except (RunError, asyncio.InvalidStateError):
        # The SDK has shown it; then it ends the program's other tasks, which fail with the same again, or, where the
        # engine answers a function's call at that moment, for their future has been cancelled (pulumi.runtime.invoke).
        failed = True
    # The SDK has shown the message; said again as the program's error, the user would read it twice.
    return language_pb2.RunResponse(bail=failed)


def _engine_address() -> str:
    """The engine's address, which it gives its language hosts as their last argument."""
    return sys.argv[-1]


def _options(info: Any) -> Mapping[str, Any]:
    return dict(info.options)


def _command(python: str, *arguments: str) -> list[str]:
    """The lab's own interpreter is one that has loaded the SDKs already."""
    # The folder tells which it is: the interpreters of all virtual environments are one file.
    if not Path(python).parent.samefile(Path(sys.executable).parent):
        return [python, "-u", *arguments]
    return [python, "-I", "-S", str(Path(__file__).parent / "start.py"), *arguments]


def _end_with_engine() -> None:
    """A killed engine cannot tell its language hosts to end."""
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(1)
    _end()


def _end(*_: object) -> None:
    """End, and with it all that was started here."""
    for child in list(_running):
        if child.poll() is None:
            child.kill()
    os._exit(0)


def main(host: LanguageHost) -> None:
    """Be the language host that the engine started, or one program of it."""
    # Nobody lives long enough here for garbage to matter, and looking for it is a quarter of a program's time.
    gc.disable()
    if "--program" in sys.argv:
        request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
        Path(sys.argv[-1]).write_bytes(run_program(request).SerializeToString())
        sys.stdout.flush()
        sys.stderr.flush()
        # Taking the SDK's thousands of classes apart takes as long as a small program.
        os._exit(0)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_end_with_engine, daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    # The engine ends its language hosts by an interrupt.
    with contextlib.suppress(KeyboardInterrupt):
        server.wait_for_termination()


if __name__ == "__main__":
    main(LanguageHost())
