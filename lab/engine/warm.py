"""Runs the lab's Python programs in forks of a process that has loaded the SDKs.

One `pulumi up` starts five of them (the language host twice, the program, two provider plugins), and each would take
longer to load than to do its work.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import io
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

from lab import folders

_ROOT = Path(__file__).parent.parent.parent
_LOADED = (
    "aws_docker.host.component",
    "pulumi.automation._server",
    "pulumi.policy",
    "pulumi.provider.experimental.server",
    "pulumi_policy",
    "moto.server",
    *(f"moto.{service}.responses" for service in ("ec2", "ecs", "iam", "ssm", "sts", "kms")),
    "lab.engine.providers.tls",
    "lab.engine.providers.preview",
    *(
        f"lab.engine.providers.aws.{name}"
        for name in ("compute", "functions", "identity", "networks", "security_groups")
    ),
)


START = (sys.executable, "-I", "-S", str(_ROOT / "lab/engine/start.py"))
"""The command that a program's own arguments follow; see start.py."""


def environment() -> dict[str, str]:
    """What start.py finds this process's forks by."""
    return {"LAB_WARM": socket_path()}


def socket_path() -> str:
    """Where this process's forks are asked for, until it ends."""
    return _server()[0]


@functools.cache
def _server() -> tuple[str, subprocess.Popen[bytes]]:
    """The forks' parent, kept with its socket's path: it ends when the pipe to it does."""
    folder = folders.make("warm")  # for this user only: who reaches it runs programs
    path = f"{folder}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, "-m", "lab.engine.warm", str(listener.fileno())],
            cwd=_ROOT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    atexit.register(_end, server)
    return path, server


def _end(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin
    server.stdin.close()
    server.wait()


def load() -> None:
    """Import what the programs need. None of it starts a thread, which a fork would be without."""
    sys.path.append(str(_ROOT / "components"))
    for name in _LOADED:
        importlib.import_module(name)
    sys.path.pop()
    # It was loaded for what it loads of the SDKs: a program imports the one that its own path names.
    for name in [name for name in sys.modules if name.split(".")[0] == "aws_docker"]:
        del sys.modules[name]


def serve(listener: socket.socket) -> None:
    """Fork for each request, and tell its sender how the fork ended; until standard input ends."""
    wake, woken = socket.socketpair()
    for end in (listener, wake, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    waiting: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    shutil.rmtree(Path(listener.getsockname()).parent)
                    return
                if key.fileobj is wake:
                    wake.recv(4096)
                    _reap(waiting)
                    continue
                asker, _ = listener.accept()
                child = os.fork()
                if child == 0:
                    for end in (listener, wake, woken, *waiting.values()):
                        end.close()
                    _become(asker)
                waiting[child] = asker


def _reap(waiting: dict[int, socket.socket]) -> None:
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        with waiting.pop(child) as asker, contextlib.suppress(OSError):
            asker.send((code if code >= 0 else 128 - code).to_bytes(1, "big"))


def _become(asker: socket.socket) -> None:
    """Be the program that was asked for, as if it had been started afresh."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asker.setblocking(True)
    head, (*streams, network), _, _ = socket.recv_fds(asker, 4, 4)
    request = b""
    while len(request) < int.from_bytes(head, "big"):
        request += asker.recv(1 << 20)
    wanted: dict[str, Any] = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    _enter_network(network)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["cwd"])
    tempfile.tempdir = None  # the environment names it
    random.seed()
    if os.environ.get("PYTHONWARNINGS") == "ignore":
        warnings.simplefilter("ignore")
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w"), write_through=True) for n in (1, 2))
    threading.Thread(target=_end_with, args=(asker,), daemon=True).start()
    gc.enable()
    os._exit(_run(wanted["argv"]))


def _enter_network(of_the_asker: int) -> None:
    """Stand in the asker's network namespace, which may be a client's of the lab."""
    if sys.platform == "linux" and os.fstat(of_the_asker).st_ino != Path("/proc/self/ns/net").stat().st_ino:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(of_the_asker, 0):
            raise OSError(ctypes.get_errno(), "setns")
    os.close(of_the_asker)


def _end_with(asker: socket.socket) -> None:
    asker.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _run(argv: list[str]) -> int:
    """The exit code of `python <argv>`."""
    named = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    installed = [each for each in sys.path if Path(each) != _ROOT]
    code: Any = None
    try:
        if argv[0] == "-m":
            sys.path[:] = [str(Path.cwd()), *named, *installed]
            sys.argv = argv[1:]
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            program = Path(argv[0])
            sys.path[:] = [str(program if program.is_dir() else program.parent), *named, *installed]
            sys.argv = argv
            runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


if __name__ == "__main__":
    # Nobody lives long enough here for garbage to matter, and looking for it is a quarter of the loading.
    gc.disable()
    load()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
